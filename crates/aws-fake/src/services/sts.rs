//! AWS STS: AssumeRole and GetCallerIdentity.
//!
//! Every role can be assumed; one that can't is a fault rule's matter (`kind: denied`, `name`: the role).

use serde_json::json;

use crate::clock::iso8601;
use crate::identity::DEFAULT_ACCOUNT;
use crate::services::call::Call;
use crate::services::{CommonErrors, Operation, Outcome, Service, ServiceModel};
use crate::wire::Protocol;

pub(super) static MODEL: ServiceModel = ServiceModel {
    service: Service::Sts,
    signing_name: "sts",
    protocol: Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    target_prefix: "",
    operations: &[
        Operation { name: "AssumeRole", address: "", items: None, run: assume_role },
        Operation { name: "GetCallerIdentity", address: "", items: None, run: get_caller_identity },
    ],
    life: None,
    selected_by: ["RoleArn", "RoleArn", "RoleArn"],
    errors: CommonErrors {
        throttled: (400, "Throttling", "Rate exceeded"),
        internal: (500, "InternalFailure", "The request processing has failed because of an unknown error."),
        denied: (403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole on resource"),
        invalid: "ValidationError",
    },
};

const DEFAULT_SECONDS: u64 = 3600;
const MAX_SECONDS: u64 = 43_200;

/// Account and path-and-name of `arn:aws:iam::ACCOUNT:role/PATH-AND-NAME`.
fn parse_role(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(_), Some("iam"), Some(_), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let name = resource.strip_prefix("role/").filter(|name| !name.is_empty())?;
    (account.len() == DEFAULT_ACCOUNT.len() && account.bytes().all(|b| b.is_ascii_digit()))
        .then_some((account, name))
}

fn assumed_arn(account: &str, role_name: &str, session: &str) -> String {
    let name = role_name.rsplit('/').next().unwrap_or_default();
    format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
}

fn assume_role(call: &Call<'_>) -> Outcome {
    let (role, session) = (call.required("RoleArn")?, call.required("RoleSessionName")?);
    let (account, name) = parse_role(role).ok_or_else(|| call.invalid(format!("{role} is invalid")))?;
    let seconds = call.text("DurationSeconds").map_or(Some(DEFAULT_SECONDS), |text| text.parse().ok());
    let Some(seconds @ 900..=MAX_SECONDS) = seconds else {
        return Err(call.invalid(format!("DurationSeconds must be between 900 and {MAX_SECONDS}")));
    };
    let access_key = call.world.callers.temporary_key(account, role)?;
    Ok(json!({
        "AssumedRoleUser": {
            "Arn": assumed_arn(account, name, session),
            "AssumedRoleId": format!("AROA{access_key}:{session}"),
        },
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": "a-secret-that-is-never-checked-0000000000",
            "SessionToken": format!("session-{access_key}"),
            "Expiration": iso8601(call.now_ms.saturating_add(seconds * 1000)),
        },
    }))
}

fn get_caller_identity(call: &Call<'_>) -> Outcome {
    let (account, role) = (&*call.caller.account, &*call.caller.role);
    let (arn, user_id): (String, &str) = match parse_role(role) {
        Some((_, name)) => (assumed_arn(account, name, "session"), "AROAEXAMPLE:session"),
        None => (format!("arn:aws:iam::{account}:root"), account),
    };
    Ok(json!({"Account": account, "Arn": arn, "UserId": user_id}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_are_taken_apart() {
        let check = |arn: &str, expect: Option<(&str, &str)>| assert_eq!(parse_role(arn), expect, "{arn}");
        check("arn:aws:iam::111111111111:role/r", Some(("111111111111", "r")));
        check("arn:aws:iam::111111111111:role/path/r", Some(("111111111111", "path/r")));
        check("arn:aws:iam::1:role/r", None);
        check("arn:aws:iam::111111111111:user/u", None);
        check("arn:aws:iam::111111111111:role/", None);
        check("", None);
    }
}
