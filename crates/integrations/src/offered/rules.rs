//! What parameters of Step Functions' own have to be beyond their names: tables of rules, checked in a payload template as
//! far as it is literal, and in the parameters that came of it.

use newel_aws_catalog::TemplateSyntax;
use newel_value::{Object, Value};

/// One rule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One of these members has to be given.
    OneOf(&'static [&'static str]),
    /// A member that is one of these texts.
    Choice(&'static str, &'static [&'static str]),
    /// A member that is an object, with no other members than these.
    Members(&'static str, &'static [&'static str]),
    /// A member's member that is one of these texts.
    Within(&'static str, Choice),
    /// A member that is an object of lists of texts. As AWS does it, this is checked when the task is started.
    Lists(&'static str),
    /// `Headers` without those that are Step Functions' to set.
    Headers(&'static Headers),
}

/// A member's name and what it may be.
type Choice = (&'static str, &'static [&'static str]);

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
    Rule::Members("InvocationConfig", &["ConnectionArn"]),
    Rule::Members("Authentication", &["ConnectionArn"]),
    Rule::Members("Transform", &["RequestBodyEncoding", "RequestEncodingOptions"]),
    Rule::Within("Transform", ("RequestBodyEncoding", &["NONE", "URL_ENCODED"])),
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
    &[Rule::Members("LogOptions", &["RetrieveLogs", "RawLogs", "LogParameters"])];

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
pub(super) fn faults(rules: &[Rule], given: &Object, syntax: Option<TemplateSyntax>) -> Vec<String> {
    rules.iter().filter_map(|rule| rule.fault(given, syntax)).collect()
}

impl Rule {
    fn fault(&self, given: &Object, syntax: Option<TemplateSyntax>) -> Option<String> {
        let literal =
            |name: &str| given.get(name).filter(|value| !value.is_null() && !is_dynamic(value, syntax));
        match self {
            Self::OneOf(names) => {
                let known = given.keys().any(|key| names.contains(&plain(key, syntax)));
                let first = names.first().filter(|_| !known)?;
                Some(format!("The field '{first}' is required but was missing"))
            }
            Self::Choice(name, values) => choice(name, values, literal(name)?),
            Self::Members(name, members) => match literal(name)? {
                Value::Object(inner) => {
                    let unknown =
                        inner.keys().map(|key| plain(key, syntax)).find(|key| !members.contains(key))?;
                    Some(format!("The field \"{unknown}\" is not supported by Step Functions"))
                }
                _ => Some(invalid_format(name)),
            },
            Self::Within(outer, (name, values)) => {
                let value = literal(outer)?.get(name).filter(|value| !is_dynamic(value, syntax))?;
                choice(name, values, value)
            }
            Self::Lists(name) => {
                let is_list =
                    |value: &Value| value.as_array().is_some_and(|items| items.iter().all(is_scalar));
                let fits = match literal(name).filter(|_| syntax.is_none())? {
                    Value::Object(lists) => lists.values().all(|value| value.is_null() || is_list(value)),
                    _ => false,
                };
                (!fits).then(|| invalid_format(name))
            }
            Self::Headers(headers) if headers.at_creation || syntax.is_none() => {
                let given = literal("Headers")?.as_object()?;
                let names = given.keys().map(|key| plain(key, syntax));
                let refused: Vec<&str> = names.filter(|name| headers.refuse(name)).collect();
                let refused = refused.join(", ");
                (!refused.is_empty())
                    .then(|| format!("The 'Headers' field contains unsupported values: [{refused}]"))
            }
            Self::Headers(_) => None,
        }
    }
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
        assert_eq!(faults(rules, given.as_object().unwrap(), syntax), expect, "{given:?}");
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
            "The field 'RequestBodyEncoding' should have one of these values: [NONE, URL_ENCODED]";
        let unknown = "The field \"Arn\" is not supported by Step Functions";
        check(HTTP_TASK, JSONPATH, misspelt, &[unknown, encodings]);
    }

    #[test]
    fn headers_of_step_functions_own_are_refused() {
        let fault = |names: &str| format!("The 'Headers' field contains unsupported values: [{names}]");
        let http = r#"{"Method":"GET","Authentication":{},"Headers":{"HOST":"x","X-Amz-Date":"1","Ok":"y"}}"#;
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
