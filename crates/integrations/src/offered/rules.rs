//! What parameters of Step Functions' own have to be beyond their names: tables of rules, checked in a payload template as
//! far as it is literal, and in the parameters that came of it.

use newel_aws_catalog::{Fault, TemplateSyntax};
use newel_value::{Object, Value};

use super::name_faults;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One of these members has to be given, and no more than one.
    OneOf(&'static [&'static str]),
    /// What is at a place is one of these texts. Places are names with slashes between them.
    Choice(&'static str, &'static [&'static str]),
    /// What is at a place is an object with the first of these members, perhaps the second, and no others.
    Members(&'static str, &'static [&'static str], &'static [&'static str]),
    /// A member that is an object of lists of texts. As AWS does it, this is checked when the task is started.
    Lists(&'static str),
    /// `Headers` without those that are Step Functions' to set.
    Headers(&'static Headers),
}

/// Headers that a task may not set, by name and by what their names begin with, in lower case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers {
    names: &'static [&'static str],
    prefixes: &'static [&'static str],
    /// Whether a definition with one is refused; otherwise the task that is started with one fails.
    at_creation: bool,
}

/// `http:invoke`: "If you use these headers, the HTTP Task fails with the States.Runtime error."
const HTTP_HEADERS: Headers = Headers {
    names: &[
        "a-im",
        "accept-charset",
        "accept-datetime",
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-md5",
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "http2-settings",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "proxy-authorization",
        "referer",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "warning",
        // Not in AWS's list, but a request can't have two lengths.
        "content-length",
    ],
    prefixes: &["x-forwarded-", "x-amz-", "x-amzn-"],
    at_creation: false,
};

/// `apigateway:invoke`.
const API_HEADERS: Headers = Headers {
    names: &[
        "authorization",
        "connection",
        "content-md5",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "transfer-encoding",
        "trailer",
        "upgrade",
        "via",
        "www-authenticate",
        // As above.
        "content-length",
    ],
    prefixes: &["x-forwarded", "x-amz"],
    at_creation: true,
};

const HTTP_METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];

/// <https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html>
pub(crate) const HTTP_TASK: &[Rule] = &[
    Rule::Choice("Method", HTTP_METHODS),
    Rule::OneOf(&["InvocationConfig", "Authentication"]),
    Rule::Members("InvocationConfig", &["ConnectionArn"], &[]),
    Rule::Members("Authentication", &["ConnectionArn"], &[]),
    Rule::Members("Transform", &[], &["RequestBodyEncoding", "RequestEncodingOptions"]),
    Rule::Choice("Transform/RequestBodyEncoding", &["NONE", "URL_ENCODED"]),
    Rule::Members("Transform/RequestEncodingOptions", &[], &["ArrayFormat"]),
    Rule::Choice(
        "Transform/RequestEncodingOptions/ArrayFormat",
        &["INDICES", "REPEAT", "COMMAS", "BRACKETS"],
    ),
    Rule::Headers(&HTTP_HEADERS),
];

/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html>
pub(crate) const API_GATEWAY: &[Rule] = &[
    Rule::Choice("Method", &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    Rule::Choice("AuthType", &["NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"]),
    Rule::Lists("Headers"),
    Rule::Lists("QueryParameters"),
    Rule::Headers(&API_HEADERS),
];

/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-eks.html>
pub(crate) const EKS_CALL: &[Rule] = &[
    Rule::Choice("Method", &["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
    Rule::Lists("QueryParameters"),
];

/// As [`EKS_CALL`].
pub(crate) const EKS_RUN_JOB: &[Rule] =
    &[Rule::Members("LogOptions", &[], &["RetrieveLogs", "RawLogs", "LogParameters"])];

/// Whether the value of a template is only known when the task is started.
fn is_dynamic(value: &Value, syntax: Option<TemplateSyntax>) -> bool {
    match (syntax, value.as_str()) {
        (Some(TemplateSyntax::Jsonata), Some(text)) => text.starts_with("{%") && text.ends_with("%}"),
        _ => false,
    }
}

/// The name that a template's key stands for.
fn plain(key: &str, syntax: Option<TemplateSyntax>) -> &str {
    match syntax {
        Some(TemplateSyntax::JsonPath) => key.strip_suffix(".$").unwrap_or(key),
        Some(TemplateSyntax::Jsonata) | None => key,
    }
}

/// What is wrong with `given` by a table of rules: parameters, or with `syntax` a template for them.
pub(super) fn faults(rules: &[Rule], given: &Object, syntax: Option<TemplateSyntax>) -> Vec<Fault> {
    rules.iter().flat_map(|rule| rule.faults(given, syntax)).collect()
}

/// What is at a place, if it is known and not null.
fn literal<'v>(given: &'v Object, place: &str, syntax: Option<TemplateSyntax>) -> Option<&'v Value> {
    let known = |value: &&Value| !value.is_null() && !is_dynamic(value, syntax);
    let mut steps = place.split('/');
    let first = given.get(steps.next()?).filter(known)?;
    steps.try_fold(first, |value, step| value.get(step).filter(known))
}

impl Rule {
    fn faults(&self, given: &Object, syntax: Option<TemplateSyntax>) -> Vec<Fault> {
        let at = |pointer: String, messages: Vec<String>| {
            messages.into_iter().map(|message| Fault { pointer: pointer.clone(), message }).collect()
        };
        match self {
            Self::Members(place, required, optional) => {
                let messages = match literal(given, place, syntax) {
                    None => Vec::new(),
                    Some(Value::Object(inner)) => name_faults(required, optional, inner, syntax),
                    Some(_) => vec![invalid_format(last(place))],
                };
                at(format!("/{place}"), messages)
            }
            Self::Choice(place, values) => {
                let value = literal(given, place, syntax);
                let message = value.and_then(|value| choice(last(place), values, value));
                // It is told of what the value is in.
                let outer = place.rsplit_once('/').map_or_else(String::new, |(outer, _)| format!("/{outer}"));
                at(outer, message.into_iter().collect())
            }
            _ => at(String::new(), self.flat(given, syntax).into_iter().collect()),
        }
    }

    /// The fault of a rule that is about no place further inside.
    fn flat(&self, given: &Object, syntax: Option<TemplateSyntax>) -> Option<String> {
        match self {
            Self::OneOf(names) => {
                let known = names.iter().filter(|name| given.keys().any(|key| plain(key, syntax) == **name));
                match known.count() {
                    0 => Some(format!("The field '{}' is required but was missing", names.first()?)),
                    1 => None,
                    _ => Some(format!("Only one of the fields '{}' may be given", names.join("' and '"))),
                }
            }
            Self::Lists(name) => {
                let is_list =
                    |value: &Value| value.as_array().is_some_and(|items| items.iter().all(is_scalar));
                let fits = match literal(given, name, syntax).filter(|_| syntax.is_none())? {
                    Value::Object(lists) => lists.values().all(|value| value.is_null() || is_list(value)),
                    _ => false,
                };
                (!fits).then(|| invalid_format(name))
            }
            Self::Headers(headers) if headers.at_creation || syntax.is_none() => {
                let given = literal(given, "Headers", syntax)?.as_object()?;
                let names = given.keys().map(|key| plain(key, syntax));
                let refused: Vec<&str> = names.filter(|name| headers.refuse(name)).collect();
                let refused = refused.join(", ");
                (!refused.is_empty())
                    .then(|| format!("The 'Headers' field contains unsupported values: [{refused}]"))
            }
            Self::Headers(_) | Self::Choice(..) | Self::Members(..) => None,
        }
    }
}

/// The name at the end of a place.
fn last(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

impl Headers {
    fn refuse(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.contains(&&*name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

fn choice(name: &str, values: &[&str], value: &Value) -> Option<String> {
    let known = value.as_str().is_some_and(|text| values.contains(&text));
    (!known).then(|| format!("The field '{name}' should have one of these values: [{}]", values.join(", ")))
}

const fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn invalid_format(name: &str) -> String {
    format!("The value of the field '{name}' has an invalid format")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &[Rule], syntax: Option<TemplateSyntax>, given: &str, expect: &[&str]) {
        let given = Value::parse(given).unwrap();
        let found = faults(rules, given.as_object().unwrap(), syntax);
        let told: Vec<String> = found
            .iter()
            .map(|fault| {
                format!(
                    "{}{}{}",
                    fault.pointer,
                    if fault.pointer.is_empty() { "" } else { " " },
                    fault.message
                )
            })
            .collect();
        assert_eq!(told, expect, "{given:?}");
    }

    const JSONPATH: Option<TemplateSyntax> = Some(TemplateSyntax::JsonPath);

    #[test]
    fn a_template_is_checked_as_far_as_it_is_literal() {
        let methods = "The field 'Method' should have one of these values: [GET, POST, PUT, DELETE, PATCH, OPTIONS, HEAD]";
        let connected = r#""InvocationConfig":{"ConnectionArn.$":"$.c"}"#;
        check(HTTP_TASK, JSONPATH, &format!(r#"{{"Method":"get",{connected}}}"#), &[methods]);
        check(HTTP_TASK, JSONPATH, &format!(r#"{{"Method.$":"$.m",{connected}}}"#), &[]);
        let dynamic = r#"{"Method":"{% $m %}","Authentication":"{% $a %}","Transform":{"RequestBodyEncoding":"{% $e %}"}}"#;
        check(HTTP_TASK, Some(TemplateSyntax::Jsonata), dynamic, &[]);
        check(
            HTTP_TASK,
            JSONPATH,
            r#"{"Method":"GET"}"#,
            &["The field 'InvocationConfig' is required but was missing"],
        );
        let misspelt =
            r#"{"Method":"GET","Authentication":{"Arn":"a"},"Transform":{"RequestBodyEncoding":"JSON"}}"#;
        let encodings =
            "/Transform The field 'RequestBodyEncoding' should have one of these values: [NONE, URL_ENCODED]";
        let unknown = "/Authentication The field \"Arn\" is not supported by Step Functions";
        let missing = "/Authentication The field 'ConnectionArn' is required but was missing";
        check(HTTP_TASK, JSONPATH, misspelt, &[unknown, missing, encodings]);
        let log = r#"{"LogOptions":{"Retrieve":true}}"#;
        check(
            EKS_RUN_JOB,
            JSONPATH,
            log,
            &["/LogOptions The field \"Retrieve\" is not supported by Step Functions"],
        );
    }

    #[test]
    fn a_request_has_one_connection_and_known_encodings() {
        let check = |more: &str, expect: &[&str]| {
            for syntax in [JSONPATH, Some(TemplateSyntax::Jsonata), None] {
                check(HTTP_TASK, syntax, &format!(r#"{{"Method":"GET",{more}}}"#), expect);
            }
        };
        let missing = "/InvocationConfig The field 'ConnectionArn' is required but was missing";
        check(r#""InvocationConfig":{}"#, &[missing]);
        let both = "Only one of the fields 'InvocationConfig' and 'Authentication' may be given";
        let connection = r#"{"ConnectionArn":"c"}"#;
        check(&format!(r#""InvocationConfig":{connection},"Authentication":{connection}"#), &[both]);
        let transform = |options: &str| {
            format!(r#""InvocationConfig":{connection},"Transform":{{"RequestEncodingOptions":{options}}}"#)
        };
        check(&transform(r#"{"ArrayFormat":"COMMAS"}"#), &[]);
        let formats = "/Transform/RequestEncodingOptions The field 'ArrayFormat' should have one of these values: \
                       [INDICES, REPEAT, COMMAS, BRACKETS]";
        check(&transform(r#"{"ArrayFormat":"commas"}"#), &[formats]);
        let unknown =
            "/Transform/RequestEncodingOptions The field \"Format\" is not supported by Step Functions";
        check(&transform(r#"{"Format":"COMMAS"}"#), &[unknown]);
        let invalid = "/Transform/RequestEncodingOptions The value of the field 'RequestEncodingOptions' has an invalid format";
        check(&transform("1"), &[invalid]);
    }

    #[test]
    fn headers_of_step_functions_own_are_refused() {
        let fault = |names: &str| format!("The 'Headers' field contains unsupported values: [{names}]");
        let http = r#"{"Method":"GET","Authentication":{"ConnectionArn":"c"},"Headers":{"HOST":"x","X-Amz-Date":"1","Ok":"y"}}"#;
        check(HTTP_TASK, None, http, &[&fault("HOST, X-Amz-Date")]);
        check(HTTP_TASK, JSONPATH, http, &[]);
        let api = r#"{"Method":"GET","Headers":{"authorization.$":"$.a","X-Forwarded-For":["1"]}}"#;
        check(API_GATEWAY, JSONPATH, api, &[&fault("authorization, X-Forwarded-For")]);
    }

    #[test]
    fn lists_are_checked_at_the_start() {
        let fault = "The value of the field 'Headers' has an invalid format";
        for (headers, expect) in
            [(r#"{"a":"b"}"#, &[fault][..]), (r#"{"a":["b"],"c":null}"#, &[]), (r#""a""#, &[fault])]
        {
            let given = format!(r#"{{"Method":"GET","Headers":{headers}}}"#);
            check(API_GATEWAY, None, &given, expect);
            check(API_GATEWAY, JSONPATH, &given, &[]);
        }
    }
}
