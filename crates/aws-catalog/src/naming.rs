//! The names that Step Functions gives to services, members and errors.
//!
//! Its AWS SDK integrations are the AWS SDK for Java v2 seen through JSON, so the rules are those of that SDK's code
//! generator (`DefaultNamingStrategy` and its word splitter), not those of the service models. They reproduce the
//! whole table of <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>.
//! Optimized integrations are older: they keep the model's names and only start them in upper case.

/// The prefix of a service's errors, `DynamoDb` for the service id `DynamoDB`.
#[must_use]
pub fn exception_prefix(service_id: &str) -> String {
    let name = pascal(service_id);
    let name = ["Amazon", "Aws"].iter().find_map(|lead| name.strip_prefix(lead)).unwrap_or(&name);
    name.strip_suffix("Service").unwrap_or(name).to_owned()
}

/// The service's name in `arn:aws:states:::aws-sdk:<service>:<action>`, `dynamodb` for the service id `DynamoDB`.
#[must_use]
pub fn service(service_id: &str) -> String {
    exception_prefix(service_id).to_lowercase()
}

/// The operation an ARN's action names: `submitJob` is `SubmitJob`.
#[must_use]
pub fn operation(action: &str) -> String {
    capitalize(action)
}

/// The action that names an operation: `SubmitJob` is `submitJob`.
#[must_use]
pub fn action(operation: &str) -> String {
    with_first(operation, |c| c.to_ascii_lowercase())
}

/// The class of an error: `NoSuchKey` is `NoSuchKeyException`, `DBInstanceNotFoundFault` is
/// `DbInstanceNotFoundException`.
#[must_use]
pub fn exception(shape: &str) -> String {
    let mut name = pascal(shape.strip_suffix("Fault").unwrap_or(shape));
    if !name.ends_with("Exception") {
        name.push_str("Exception");
    }
    name
}

/// A member's name in `aws-sdk` integrations: `functionName` is `FunctionName`, `DBInstanceIdentifier` is
/// `DbInstanceIdentifier`, `ETag` stays.
#[must_use]
pub fn member(name: &str) -> String {
    let camel = uncapitalize(name);
    let mut java = capitalize(&camel);
    if RESERVED.contains(&camel.as_str()) {
        java.push_str(RESERVED_SUFFIX);
    }
    java
}

/// What follows a member's name that Java keeps for itself: `equals` is `EqualsValue`. AWS documents it for `equals`
/// alone; the code generator does it for all of them.
pub const RESERVED_SUFFIX: &str = "Value";

/// The first letter in upper case.
#[must_use]
pub fn capitalize(name: &str) -> String {
    with_first(name, |c| c.to_ascii_uppercase())
}

/// The leading run of capitals in lower case, except the one that starts the next word.
fn uncapitalize(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut run = 1;
    while chars.get(run).is_some_and(char::is_ascii_uppercase)
        && !chars.get(run + 1).is_some_and(char::is_ascii_lowercase)
    {
        run += 1;
    }
    chars.iter().enumerate().map(|(i, c)| if i < run { c.to_ascii_lowercase() } else { *c }).collect()
}

fn with_first(name: &str, change: impl Fn(char) -> char) -> String {
    let mut chars = name.chars();
    chars.next().map(change).into_iter().chain(chars).collect()
}

/// The words of a name, each started in upper case and continued in lower case.
fn pascal(name: &str) -> String {
    words(name).iter().map(|word| capitalize(&word.to_ascii_lowercase())).collect()
}

fn words(name: &str) -> Vec<String> {
    let blanked: Vec<char> = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let split = after_digits(&acronyms(&camel_humps(&versions(&blanked))));
    split.iter().collect::<String>().split_whitespace().map(str::to_owned).collect()
}

/// Blanks around a version (`v2`, `V2`) that follows two or more characters of the other case.
fn versions(chars: &[char]) -> Vec<char> {
    let mut out = Vec::with_capacity(chars.len() + 4);
    let mut in_version = false;
    for (i, &c) in chars.iter().enumerate() {
        let other_case =
            |c: &char| if chars[i] == 'v' { !c.is_ascii_lowercase() } else { !c.is_ascii_uppercase() };
        let starts = matches!(c, 'v' | 'V')
            && chars.get(i + 1).is_some_and(char::is_ascii_digit)
            && i >= 2
            && chars[i - 2..i].iter().all(other_case);
        if starts || in_version && !c.is_ascii_digit() {
            out.push(' ');
        }
        in_version = starts || in_version && c.is_ascii_digit();
        out.push(c);
    }
    out
}

/// A blank between a lower case letter and an upper case one that doesn't end the word.
fn camel_humps(chars: &[char]) -> Vec<char> {
    spaced(chars, |before, c, after| {
        before.is_some_and(|b| b.is_ascii_lowercase())
            && c.is_ascii_uppercase()
            && after.is_some_and(|a| a.is_ascii_alphanumeric())
    })
}

/// A blank before the last capital of a run that a word follows.
fn acronyms(chars: &[char]) -> Vec<char> {
    spaced(chars, |before, c, after| {
        before.is_some_and(|b| b.is_ascii_uppercase())
            && c.is_ascii_uppercase()
            && after.is_some_and(|a| a.is_ascii_lowercase())
    })
}

/// A blank between a digit and a letter.
fn after_digits(chars: &[char]) -> Vec<char> {
    spaced(chars, |before, c, _| before.is_some_and(|b| b.is_ascii_digit()) && c.is_ascii_alphabetic())
}

/// `chars` with a blank before each one that `cut` picks by what stands before, there and after.
fn spaced(chars: &[char], cut: impl Fn(Option<char>, char, Option<char>) -> bool) -> Vec<char> {
    let mut out = Vec::with_capacity(chars.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|b| chars.get(b)).copied();
        if cut(before, c, chars.get(i + 1).copied()) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Members that the Java SDK renames for one service: service id, shape, member, Java name.
const OVERRIDES: &[(&str, &str, &str, &str)] = &[
    ("CloudSearch Domain", "SearchRequest", "return", "ReturnValues"),
    ("DynamoDB", "AttributeValue", "NULL", "Nul"),
    ("DynamoDB Streams", "AttributeValue", "NULL", "Nul"),
    ("EC2", "FpgaImage", "Public", "IsPublic"),
    ("EC2", "Image", "Public", "PublicLaunchPermissions"),
    ("S3", "CopyObjectRequest", "Bucket", "DestinationBucket"),
    ("S3", "CopyObjectRequest", "Key", "DestinationKey"),
    ("S3", "UploadPartCopyRequest", "Bucket", "DestinationBucket"),
    ("S3", "UploadPartCopyRequest", "Key", "DestinationKey"),
];

/// The name the Java SDK's own customisation gives a member, if it has one.
pub(crate) fn override_of(service_id: &str, shape: &str, member: &str) -> Option<&'static str> {
    let found = OVERRIDES.iter().find(|o| (o.0, o.1, o.2) == (service_id, shape, member))?;
    Some(found.3)
}

/// Java's keywords, the methods of its objects, and those of the SDK's own classes.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "abstract", "assert", "boolean", "break", "byte", "case", "catch", "char", "class", "const", "continue",
    "default", "do", "double", "else", "enum", "extends", "false", "final", "finally", "float", "for",
    "goto", "if", "implements", "import", "instanceof", "int", "interface", "long", "native", "new", "null",
    "package", "private", "protected", "public", "return", "short", "static", "strictfp", "super", "switch",
    "synchronized", "this", "throw", "throws", "transient", "true", "try", "void", "volatile", "while",
    "clone", "equals", "finalize", "getClass", "hashCode", "notify", "notifyAll", "toString", "wait",
    "build", "builder", "copy", "equalsBySdkFields", "getValueForField", "overrideConfiguration",
    "sdkFields", "toBuilder",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_as_the_java_sdk_names_them() {
        for (id, prefix) in [
            ("SFN", "Sfn"),
            ("DynamoDB", "DynamoDb"),
            ("WAFV2", "Wafv2"),
            ("IoT Jobs Data Plane", "IotJobsDataPlane"),
            ("IoTAnalytics", "IoTAnalytics"),
            ("Database Migration Service", "DatabaseMigration"),
            ("Lex Models V2", "LexModelsV2"),
            ("Elastic Load Balancing v2", "ElasticLoadBalancingV2"),
            ("S3", "S3"),
            ("EC2", "Ec2"),
            ("Batch", "Batch"),
        ] {
            assert_eq!(exception_prefix(id), prefix);
            assert_eq!(service(id), prefix.to_lowercase());
        }
    }

    #[test]
    fn members_lower_the_leading_acronym_only() {
        for (name, java) in [
            ("functionName", "FunctionName"),
            ("DBInstanceIdentifier", "DbInstanceIdentifier"),
            ("SSEKMSKeyId", "SsekmsKeyId"),
            ("ARN", "Arn"),
            ("VPCId", "VpcId"),
            ("ETag", "ETag"),
            ("ChecksumCRC32", "ChecksumCRC32"),
            ("equals", "EqualsValue"),
            ("Return", "ReturnValue"),
            ("enableECSManagedTags", "EnableECSManagedTags"),
            ("x", "X"),
            ("", ""),
        ] {
            assert_eq!(member(name), java);
        }
    }

    #[test]
    fn errors_are_named_as_exceptions() {
        for (shape, class) in [
            ("NoSuchKey", "NoSuchKeyException"),
            ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
            ("InternalServiceError", "InternalServiceErrorException"),
            ("InvalidToken", "InvalidTokenException"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
        ] {
            assert_eq!(exception(shape), class);
        }
    }

    #[test]
    fn actions_and_operations_name_each_other() {
        assert_eq!(action("SubmitJob"), "submitJob");
        assert_eq!(operation("submitJob"), "SubmitJob");
    }
}
