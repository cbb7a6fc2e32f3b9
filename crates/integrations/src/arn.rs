//! Resource ARNs of Task states.

use newel_asl::catalog::Pattern;

/// A resource ARN taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskArn<'a> {
    /// `arn:<partition>:states:<region?>:<account?>:<service>:<action>[.pattern]`
    Optimized {
        service: &'a str,
        /// Without the pattern's suffix.
        action: &'a str,
        pattern: Pattern,
    },
    /// `arn:<partition>:states:<region?>:<account?>:aws-sdk:<service>:<action>[.pattern]`
    AwsSdk {
        service: &'a str,
        /// Without the pattern's suffix.
        action: &'a str,
        pattern: Pattern,
    },
    /// `arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]`
    Function,
}

/// Takes an ARN apart. For integrations region and account may be empty, then the execution's are meant; none if it is
/// nothing that a Task may have as its resource.
pub(crate) fn parse(arn: &str) -> Option<TaskArn<'_>> {
    let mut parts = arn.splitn(7, ':');
    let mut part = || parts.next();
    let (scheme, partition, owner) = (part()?, part()?, part()?);
    let (region, account, service, action) = (part()?, part()?, part()?, part()?);
    let is_region = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_account = account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    if scheme != "arn" || !is_partition || !is_region || !is_account {
        return None;
    }
    let placed = !region.is_empty() && !account.is_empty() && !action.is_empty();
    match (owner, service) {
        ("lambda", "function") => (placed && is_function(action)).then_some(TaskArn::Function),
        // The language knows activities itself.
        ("states", "activity") => None,
        ("states", "aws-sdk") => {
            let (service, action) = action.split_once(':')?;
            let (action, pattern) = pattern_of(action)?;
            Some(TaskArn::AwsSdk { service, action, pattern })
        }
        ("states", _) => {
            let (action, pattern) = pattern_of(action)?;
            Some(TaskArn::Optimized { service, action, pattern })
        }
        _ => None,
    }
}

/// An action apart from its pattern's suffix.
fn pattern_of(action: &str) -> Option<(&str, Pattern)> {
    match action.split_once('.') {
        None => Some((action, Pattern::RequestResponse)),
        Some((action, "sync")) => Some((action, Pattern::Job(1))),
        Some((action, "sync:2")) => Some((action, Pattern::Job(2))),
        Some((action, "waitForTaskToken")) => Some((action, Pattern::Callback)),
        Some(_) => None,
    }
}

/// Whether a text is a function's name, maybe with a version or alias.
fn is_function(text: &str) -> bool {
    let word = |text: &str, others: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
    };
    let (name, qualifier) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    word(name, b"-_") && qualifier.is_none_or(|qualifier| word(qualifier, b"-_$"))
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
        let optimized = |service, action, pattern| Some(TaskArn::Optimized { service, action, pattern });
        let sdk = |service, action, pattern| Some(TaskArn::AwsSdk { service, action, pattern });
        for (arn, expected) in [
            ("arn:aws:states:::batch:submitJob", optimized("batch", "submitJob", Pattern::RequestResponse)),
            ("arn:aws:states:::batch:submitJob.sync", optimized("batch", "submitJob", Pattern::Job(1))),
            (
                "arn:aws-cn:states:cn-north-1:123456789012:states:startExecution.sync:2",
                optimized("states", "startExecution", Pattern::Job(2)),
            ),
            ("arn:aws:states:::ecs:runTask.waitForTaskToken", optimized("ecs", "runTask", Pattern::Callback)),
            ("arn:aws:states:::aws-sdk:s3:getObject", sdk("s3", "getObject", Pattern::RequestResponse)),
            (
                "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken",
                sdk("sqs", "sendMessage", Pattern::Callback),
            ),
            ("arn:aws:states:us-east-1:123456789012:activity:x", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", Some(TaskArn::Function)),
            ("arn:aws:lambda:us-east-1:123456789012:function:f_1:$LATEST", Some(TaskArn::Function)),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:1:2", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:", None),
            ("arn:aws:lambda:::function:f", None),
            ("arn:aws:states:::aws-sdk:s3", None),
            ("arn:aws:states:::batch:submitJob.async", None),
            ("arn:aws:states:::batch", None),
            ("arn:aws:states:us-east-1:12:batch:submitJob", None),
            ("arn:gcp:states:::batch:submitJob", None),
            ("arn:aws:s3:::bucket:key", None),
            ("", None),
        ] {
            assert_eq!(parse(arn), expected, "{arn}");
        }
    }
}
