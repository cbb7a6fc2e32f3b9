//! What a template says of the things that a call is about, as ARNs; as far as it says them before the run time does.

use newel_aws_catalog::{Dialect, Service, ShapeId, ShapeKind};
use newel_value::Value;

/// Everything.
pub(super) const ANY: &str = "*";

/// A constant text in a template; none if the run time gives it.
fn constant(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let is_expression = text.trim().starts_with("{%");
    (!is_expression && !text.is_empty()).then_some(text)
}

/// A member's constant text.
pub(super) fn member<'t>(template: &'t Value, name: &str) -> Option<&'t str> {
    template.get(name).and_then(constant)
}

/// Whether the template gives a member at all.
pub(super) fn gives(template: &Value, name: &str) -> bool {
    template.get(name).is_some() || template.get(&format!("{name}.$")).is_some()
}

/// The things that a call of a service is about.
pub(super) fn of_call(partition: &str, service: &str, template: &Value, is_of_object: bool) -> Vec<String> {
    let named =
        |member_name, kind: &str| member(template, member_name).map(|name| named(partition, kind, name));
    let found = match service {
        "lambda" => member(template, "FunctionName").and_then(|name| function(partition, name, template)),
        "dynamodb" => named("TableName", "dynamodb:*:*:table/").map(|mut arns| {
            if gives(template, "IndexName") {
                let index = member(template, "IndexName").unwrap_or(ANY);
                arns.extend(arns.first().map(|table| format!("{table}/index/{index}")));
            }
            arns
        }),
        "glue" => named("JobName", "glue:*:*:job/"),
        "s3" => member(template, "Bucket").or_else(|| member(template, "DestinationBucket")).map(|bucket| {
            let key = member(template, "Key").or_else(|| member(template, "DestinationKey"));
            match is_of_object {
                true => vec![object(partition, bucket, key.unwrap_or(ANY))],
                false => vec![bucket_arn(partition, bucket)],
            }
        }),
        "sns" => member(template, "TopicArn").map(|arn| vec![arn.to_owned()]),
        "sqs" => member(template, "QueueUrl").and_then(|url| queue(partition, url)),
        _ => None,
    };
    found.unwrap_or_else(|| vec![ANY.to_owned()])
}

fn named(partition: &str, kind: &str, name: &str) -> Vec<String> {
    if name.starts_with("arn:") {
        vec![name.to_owned()]
    } else {
        vec![format!("arn:{partition}:{kind}{name}")]
    }
}

/// A function by its name or ARN, with the version or alias that is called. One that is called without gives itself and
/// whatever the run time may qualify it with.
fn function(partition: &str, name: &str, template: &Value) -> Option<Vec<String>> {
    let arn = match name.split(':').count() {
        _ if name.starts_with("arn:") => name.to_owned(),
        1 | 2 => format!("arn:{partition}:lambda:*:*:function:{name}"),
        // A partial ARN, `account:function:name`.
        _ => return None,
    };
    let is_qualified = arn.split(':').count() > 7;
    Some(match member(template, "Qualifier") {
        _ if is_qualified => vec![arn],
        Some(qualifier) => vec![format!("{arn}:{qualifier}")],
        None if gives(template, "Qualifier") => vec![format!("{arn}:*")],
        None => vec![arn],
    })
}

/// The queue of an URL, `https://sqs.us-east-1.amazonaws.com/111122223333/name`.
fn queue(partition: &str, url: &str) -> Option<Vec<String>> {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let region = url.split_once("://sqs.").and_then(|(_, rest)| rest.split('.').next()).unwrap_or(ANY);
    is_account.then(|| vec![format!("arn:{partition}:sqs:{region}:{account}:{name}")])
}

/// An S3 bucket.
pub(super) fn bucket_arn(partition: &str, bucket: &str) -> String {
    if bucket.starts_with("arn:") { bucket.to_owned() } else { format!("arn:{partition}:s3:::{bucket}") }
}

/// An object in a bucket, or all of a prefix.
pub(super) fn object(partition: &str, bucket: &str, key: &str) -> String {
    let in_access_point = if bucket.starts_with("arn:") { "/object" } else { "" };
    format!("{}{in_access_point}/{}", bucket_arn(partition, bucket), key.trim_start_matches('/'))
}

/// A role by its ARN or name.
fn role(partition: &str, value: &Value) -> String {
    match constant(value) {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(name) => format!("arn:{partition}:iam::*:role/{name}"),
        None => ANY.to_owned(),
    }
}

/// The roles that a template passes on: the members that the API's model calls a role, wherever they are.
pub(super) fn roles(
    partition: &str,
    (api, input): (&Service, ShapeId),
    dialect: Dialect,
    template: &Value,
) -> Vec<String> {
    let mut roles = Vec::new();
    let mut open = vec![(input, template)];
    while let Some((shape, template)) = open.pop() {
        match (&api.shape(shape).kind, template) {
            (ShapeKind::Structure(structure), Value::Object(object)) => {
                for (key, value) in object.iter() {
                    let name = key.strip_suffix(".$");
                    let is_named =
                        |m: &&newel_aws_catalog::model::Member| **dialect.name_of(m) == *name.unwrap_or(key);
                    let Some(member) = structure.members.iter().find(is_named) else { continue };
                    match (is_role(&member.name), name) {
                        (true, Some(_)) => roles.push(ANY.to_owned()),
                        (true, None) if value.as_str().is_some() => roles.push(role(partition, value)),
                        (_, None) => open.push((member.shape, value)),
                        (false, Some(_)) => {}
                    }
                }
            }
            (ShapeKind::List(list), Value::Array(items)) => {
                open.extend(items.iter().map(|item| (list.member, item)));
            }
            // Maps and documents are data; what hides in expressions, nobody knows.
            _ => {}
        }
    }
    roles
}

/// Whether a member's name says that it takes a role to be passed on.
fn is_role(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["role", "rolearn", "roleoverride"].into_iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service: &str, template: &str, is_of_object: bool, expect: &[&str]) {
        let template = Value::parse(template).unwrap();
        assert_eq!(of_call("aws", service, &template, is_of_object), expect, "{template}");
    }

    #[test]
    fn what_a_template_says_is_named_and_the_rest_is_anything() {
        let check = |service: &str, template: &str, expect: &[&str]| check(service, template, false, expect);
        check("lambda", r#"{"FunctionName":"f"}"#, &["arn:aws:lambda:*:*:function:f"]);
        check("lambda", r#"{"FunctionName":"f:live"}"#, &["arn:aws:lambda:*:*:function:f:live"]);
        check("lambda", r#"{"FunctionName":"f","Qualifier":"2"}"#, &["arn:aws:lambda:*:*:function:f:2"]);
        check("lambda", r#"{"FunctionName":"f","Qualifier.$":"$.q"}"#, &["arn:aws:lambda:*:*:function:f:*"]);
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        let named = format!(r#"{{"FunctionName":"{arn}"}}"#);
        check("lambda", &named, &[arn]);
        check("lambda", r#"{"FunctionName":"111122223333:function:f"}"#, &["*"]);
        check("lambda", r#"{"FunctionName.$":"$.f"}"#, &["*"]);
        check("lambda", r#"{"FunctionName":"{% $f %}"}"#, &["*"]);
        check("dynamodb", r#"{"TableName":"t"}"#, &["arn:aws:dynamodb:*:*:table/t"]);
        check("glue", r#"{"JobName":"j"}"#, &["arn:aws:glue:*:*:job/j"]);
        check(
            "sqs",
            r#"{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/111122223333/q"}"#,
            &["arn:aws:sqs:us-east-1:111122223333:q"],
        );
        check(
            "sqs",
            r#"{"QueueUrl":"http://localhost:5000/111122223333/q"}"#,
            &["arn:aws:sqs:*:111122223333:q"],
        );
        check("sqs", r#"{"QueueUrl":"q"}"#, &["*"]);
        check("batch", r#"{"JobQueue":"q"}"#, &["*"]);
    }

    #[test]
    fn buckets_and_objects_are_told_apart() {
        check("s3", r#"{"Bucket":"b"}"#, false, &["arn:aws:s3:::b"]);
        check("s3", r#"{"Bucket":"b","Key":"k/x"}"#, true, &["arn:aws:s3:::b/k/x"]);
        check("s3", r#"{"Bucket":"b","Key.$":"$.k"}"#, true, &["arn:aws:s3:::b/*"]);
        let point = "arn:aws:s3:us-east-1:111122223333:accesspoint/p";
        check("s3", &format!(r#"{{"Bucket":"{point}","Key":"k"}}"#), true, &[&format!("{point}/object/k")]);
    }
}
