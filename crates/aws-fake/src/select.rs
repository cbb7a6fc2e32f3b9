//! What a script or fault applies to.

use serde::{Deserialize, Serialize};

use crate::services::Service;

/// Chooses calls. A member left out matches everything.
///
/// `name`, `group` and `definition` match the text as sent or its short form (without ARN prefix and revision) and may
/// end in `*`. By service they are: Batch job name, queue, job definition; ECS family, cluster, family; Glue job name for
/// all three; DynamoDB table for all three; STS role for all three.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// The service.
    pub service: Option<Service>,
    /// The operation as AWS names it, e.g. `SubmitJob`.
    pub operation: Option<String>,
    /// The caller's account, 12 digits.
    pub account: Option<String>,
    /// The region of the request's signature.
    pub region: Option<String>,
    /// ARN of the assumed role, or the empty string for calls under no role.
    pub role: Option<String>,
    /// What is started or used: see the type.
    pub name: Option<String>,
    /// Where it runs: see the type.
    pub group: Option<String>,
    /// What defines it: see the type.
    pub definition: Option<String>,
}

/// One call, as selectors see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) role: &'a str,
    pub(crate) name: &'a str,
    pub(crate) group: &'a str,
    pub(crate) definition: &'a str,
}

impl Selector {
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|want| want == have);
        let like = |pattern: &Option<String>, have: &str| {
            pattern.as_deref().is_none_or(|p| fits(p, have) || fits(p, short_name(have)))
        };
        self.service.is_none_or(|service| service == subject.service)
            && same(&self.operation, subject.operation)
            && same(&self.account, subject.account)
            && same(&self.region, subject.region)
            && same(&self.role, subject.role)
            && like(&self.name, subject.name)
            && like(&self.group, subject.group)
            && like(&self.definition, subject.definition)
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => pattern == text,
    }
}

/// A resource's own name: `arn:aws:batch:r:a:job-definition/d:3`, `d:3` and `d` are all `d`.
pub(crate) fn short_name(text: &str) -> &str {
    let name = if text.starts_with("arn:") { text.rsplit('/').next().unwrap_or(text) } else { text };
    match name.rsplit_once(':') {
        Some((name, revision)) if !name.is_empty() && revision.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole_short_or_by_prefix() {
        let subject = Subject {
            service: Service::Batch,
            operation: "SubmitJob",
            account: "000000000000",
            region: "us-east-1",
            role: "",
            name: "nightly-7",
            group: "arn:aws:batch:us-east-1:000000000000:job-queue/fast",
            definition: "arn:aws:batch:us-east-1:000000000000:job-definition/etl:3",
        };
        let check = |json: &str, expect: bool| {
            let selector: Selector = serde_json::from_str(json).unwrap();
            assert_eq!(selector.matches(&subject), expect, "{json}");
        };
        check("{}", true);
        check(r#"{"service":"batch","operation":"SubmitJob","role":""}"#, true);
        check(r#"{"service":"glue"}"#, false);
        check(r#"{"name":"nightly-*"}"#, true);
        check(r#"{"name":"nightly"}"#, false);
        check(r#"{"group":"fast","definition":"etl"}"#, true);
        check(r#"{"group":"arn:aws:batch:us-east-1:000000000000:job-queue/fast"}"#, true);
        check(r#"{"account":"111111111111"}"#, false);
        check(r#"{"role":"arn:aws:iam::000000000000:role/r"}"#, false);
    }
}
