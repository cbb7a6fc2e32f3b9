//! Resource ARNs of Task states.

use newel_asl::catalog::Pattern;

/// A resource ARN taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskArn<'a> {
    /// `arn:<partition>:states:<region?>:<account?>:<service>:<action>[.pattern]`
    Integration {
        service: &'a str,
        /// Without the pattern's suffix.
        action: &'a str,
        pattern: Pattern,
    },
    /// `arn:<partition>:states:<region>:<account>:activity:<name>`
    Activity,
}

/// Takes an ARN apart. Region and account may be empty, then the execution's are meant; none if it is no Task resource of
/// Step Functions.
pub(crate) fn parse(arn: &str) -> Option<TaskArn<'_>> {
    let mut parts = arn.splitn(7, ':');
    let mut part = || parts.next();
    let (scheme, partition, owner) = (part()?, part()?, part()?);
    let (region, account, service, action) = (part()?, part()?, part()?, part()?);
    let is_region = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_account = account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    if scheme != "arn" || !is_partition || owner != "states" || !is_region || !is_account {
        return None;
    }
    if service == "activity" {
        return (!region.is_empty() && !account.is_empty() && !action.is_empty())
            .then_some(TaskArn::Activity);
    }
    let (action, pattern) = match action.split_once('.') {
        None => (action, Pattern::RequestResponse),
        Some((action, "sync")) => (action, Pattern::Job(1)),
        Some((action, "sync:2")) => (action, Pattern::Job(2)),
        Some((action, "waitForTaskToken")) => (action, Pattern::Callback),
        Some(_) => return None,
    };
    Some(TaskArn::Integration { service, action, pattern })
}

/// The pattern as an ARN says it, and as `resource` in the history ends.
pub(crate) const fn suffix(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::RequestResponse => "",
        Pattern::Job(1) => ".sync",
        Pattern::Job(_) => ".sync:2",
        Pattern::Callback => ".waitForTaskToken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let integration = |service, action, pattern| Some(TaskArn::Integration { service, action, pattern });
        for (arn, expected) in [
            ("arn:aws:states:::batch:submitJob", integration("batch", "submitJob", Pattern::RequestResponse)),
            ("arn:aws:states:::batch:submitJob.sync", integration("batch", "submitJob", Pattern::Job(1))),
            (
                "arn:aws-cn:states:cn-north-1:123456789012:states:startExecution.sync:2",
                integration("states", "startExecution", Pattern::Job(2)),
            ),
            (
                "arn:aws:states:::ecs:runTask.waitForTaskToken",
                integration("ecs", "runTask", Pattern::Callback),
            ),
            ("arn:aws:states:us-east-1:123456789012:activity:x", Some(TaskArn::Activity)),
            ("arn:aws:states:::activity:x", None),
            ("arn:aws:states:::batch:submitJob.async", None),
            ("arn:aws:states:::batch", None),
            ("arn:aws:states:us-east-1:12:batch:submitJob", None),
            ("arn:gcp:states:::batch:submitJob", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", None),
            ("", None),
        ] {
            assert_eq!(parse(arn), expected, "{arn}");
        }
    }
}
