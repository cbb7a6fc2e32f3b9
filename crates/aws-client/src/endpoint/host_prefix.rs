//! What an operation puts before the host of its endpoint: `{AccountId}.`, `data.`.

use newel_aws_catalog::model::Member;
use newel_aws_catalog::{Operation, Service};
use newel_value::{Str, Value};

use super::functions::is_host_label;
use super::params::context_param;

/// Why there is no host prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPrefixError {
    /// The request doesn't have the member that goes into the host.
    #[error("{member} is required: it is part of the endpoint's host name")]
    Missing {
        /// The member.
        member: Str,
    },
    /// Its value can't be part of a host name.
    #[error(
        "{member} is part of the endpoint's host name: it takes 1 to 63 letters, digits and hyphens, no hyphen at either end"
    )]
    NoHostLabel {
        /// The member.
        member: Str,
    },
    /// The model's template has no such member.
    #[error("the host prefix {template} of {operation} is malformed")]
    Malformed {
        /// The operation.
        operation: Str,
        /// The template.
        template: Str,
    },
}

/// What goes directly before the host of the resolved endpoint (`https://` + prefix + host); none if nothing does.
///
/// It is for AWS's own endpoints: an endpoint that the user gave is used as it is. A label whose member is a parameter of
/// the rule set too (S3 Control's `AccountId`) is put into the host by the rules and must not be put there twice: such an
/// operation has no prefix here.
///
/// # Errors
/// [`HostPrefixError`] if a member that goes into the host is missing or no label of a host name: otherwise a request
/// could choose the host it is sent to.
pub fn host_prefix(
    operation: &Operation,
    service: &Service,
    body: &Value,
) -> Result<Option<String>, HostPrefixError> {
    let Some(template) = operation.traits.as_deref().and_then(|traits| traits.host_prefix.as_ref()) else {
        return Ok(None);
    };
    let malformed = || HostPrefixError::Malformed {
        operation: Str::clone(&operation.name),
        template: Str::clone(template),
    };
    let members = operation.input.map(|input| service.members(input)).unwrap_or_default();
    let mut prefix = String::with_capacity(template.len());
    let mut rest = &**template;
    while let Some((before, from)) = rest.split_once('{') {
        let (name, after) = from.split_once('}').ok_or_else(malformed)?;
        let member = members.iter().find(|member| *member.name == *name && is_label(member));
        let member = member.ok_or_else(malformed)?;
        if context_param(member).is_some() {
            return Ok(None);
        }
        prefix.push_str(before);
        prefix.push_str(label(member, body)?);
        rest = after;
    }
    prefix.push_str(rest);
    Ok(Some(prefix))
}

fn is_label(member: &Member) -> bool {
    member.traits.as_deref().is_some_and(|traits| traits.host_label)
}

fn label<'v>(member: &Member, body: &'v Value) -> Result<&'v str, HostPrefixError> {
    let name = || Str::clone(&member.java);
    match body.get(member.wire_name()) {
        None | Some(Value::Null) => Err(HostPrefixError::Missing { member: name() }),
        Some(Value::String(value)) if is_host_label(value, false) => Ok(value),
        Some(_) => Err(HostPrefixError::NoHostLabel { member: name() }),
    }
}

#[cfg(test)]
mod tests {
    use newel_aws_catalog::Catalog;

    use super::*;

    const MODEL: &str = r#"{
        "metadata": {"serviceId": "Case", "serviceFullName": "Case", "endpointPrefix": "case", "signatureVersion": "v4",
                     "apiVersion": "2026-01-01", "protocol": "json"},
        "operations": {
            "Labelled": {"name": "Labelled", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"},
                         "endpoint": {"hostPrefix": "data-{Account}.{Stage}."}},
            "Constant": {"name": "Constant", "http": {"method": "POST", "requestUri": "/"},
                         "endpoint": {"hostPrefix": "data."}},
            "Unknown": {"name": "Unknown", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"},
                        "endpoint": {"hostPrefix": "{Plain}."}},
            "Ruled": {"name": "Ruled", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "RuledInput"},
                      "endpoint": {"hostPrefix": "{Account}."}},
            "Bare": {"name": "Bare", "http": {"method": "POST", "requestUri": "/"}}
        },
        "shapes": {
            "Text": {"type": "string"},
            "Input": {"type": "structure", "members": {
                "Account": {"shape": "Text", "hostLabel": true}, "Stage": {"shape": "Text", "hostLabel": true},
                "Plain": {"shape": "Text"}}},
            "RuledInput": {"type": "structure", "members": {
                "Account": {"shape": "Text", "hostLabel": true, "contextParam": {"name": "AccountId"}}}}
        }
    }"#;

    fn prefix(operation: &str, body: &str) -> Result<Option<String>, HostPrefixError> {
        let catalog = Catalog::from_models([("case", &Value::parse(MODEL).unwrap())]).unwrap();
        let service = catalog.botocore("case").unwrap().unwrap();
        host_prefix(service.operation(operation).unwrap(), service, &Value::parse(body).unwrap())
    }

    #[test]
    fn labels_are_filled_in() {
        let filled = prefix("Labelled", r#"{"Account": "0123", "Stage": "Beta-1"}"#);
        assert_eq!(filled.unwrap().as_deref(), Some("data-0123.Beta-1."));
        assert_eq!(prefix("Constant", "{}").unwrap().as_deref(), Some("data."));
        assert_eq!(prefix("Bare", "{}").unwrap(), None);
    }

    #[test]
    fn a_label_that_the_rules_place_has_no_prefix() {
        assert_eq!(prefix("Ruled", r#"{"Account": "0123"}"#), Ok(None));
    }

    #[test]
    fn a_request_cannot_choose_its_host() {
        let long = "a".repeat(64);
        for label in [
            "",
            "evil.example/",
            "a.b",
            "a/b",
            "a@b",
            "a#",
            "a?",
            "-a",
            "a:80",
            "a b",
            "a%2e",
            "ä",
            "a_b",
            &long,
        ] {
            let body =
                Value::Object([("Account", Value::from(label)), ("Stage", "s".into())].into_iter().collect());
            let refused = prefix("Labelled", &body.to_json());
            assert_eq!(refused, Err(HostPrefixError::NoHostLabel { member: "Account".into() }), "{label:?}");
        }
        for body in [r#"{"Account": 1, "Stage": "s"}"#, r#"{"Account": ["a"], "Stage": "s"}"#] {
            assert!(matches!(prefix("Labelled", body), Err(HostPrefixError::NoHostLabel { .. })), "{body}");
        }
        assert!(prefix("Labelled", &format!(r#"{{"Account": "{}", "Stage": "s"}}"#, "a".repeat(63))).is_ok());
    }

    #[test]
    fn a_label_that_is_not_given_is_named() {
        let missing = |member: &str| Err(HostPrefixError::Missing { member: member.into() });
        assert_eq!(prefix("Labelled", "{}"), missing("Account"));
        assert_eq!(prefix("Labelled", r#"{"Account": "a", "Stage": null}"#), missing("Stage"));
    }

    #[test]
    fn only_a_host_label_may_be_in_the_template() {
        let answer = prefix("Unknown", r#"{"Plain": "a"}"#);
        assert!(
            matches!(answer, Err(HostPrefixError::Malformed { operation, .. }) if *operation == *"Unknown")
        );
    }
}
