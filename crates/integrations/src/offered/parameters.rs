//! What an action takes.

use newel_aws_catalog::TemplateSyntax;
use newel_value::{Object, Value};

/// How an action's parameters are described.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameters {
    /// The members of an API operation's request.
    Request {
        /// The operation.
        operation: &'static str,
    },
    /// Step Functions' own.
    Own {
        /// What has to be given.
        required: &'static [&'static str],
        /// What may be given.
        optional: &'static [&'static str],
    },
}

/// What is wrong with parameters that are Step Functions' own: unknown names and missing ones.
pub(crate) fn name_faults(
    required: &[&str],
    optional: &[&str],
    given: &Object,
    syntax: Option<TemplateSyntax>,
) -> Vec<String> {
    let name = |key: &'_ str| match syntax {
        Some(TemplateSyntax::JsonPath) => key.strip_suffix(".$").unwrap_or(key).to_owned(),
        Some(TemplateSyntax::Jsonata) | None => key.to_owned(),
    };
    let names: Vec<String> = given.keys().map(|key| name(key)).collect();
    let unknown = names.iter().filter(|name| !required.iter().chain(optional).any(|known| known == name));
    let unknown = unknown.map(|name| format!("The field \"{name}\" is not supported by Step Functions"));
    let missing = required.iter().filter(|known| !names.iter().any(|name| name == *known));
    let missing = missing.map(|name| format!("The field '{name}' is required but was missing"));
    unknown.chain(missing).collect()
}

impl Parameters {
    /// The faults of a payload template for parameters that are Step Functions' own.
    pub(super) fn check_own(&self, template: &Value, syntax: TemplateSyntax) -> Vec<String> {
        match (self, template) {
            (Self::Own { required, optional }, Value::Object(template)) => {
                name_faults(required, optional, template, Some(syntax))
            }
            _ => Vec::new(),
        }
    }

    /// The reasons against parameters that are Step Functions' own.
    pub(super) fn refuse_own(&self, parameters: &Value) -> Vec<String> {
        match (self, parameters) {
            (Self::Request { .. }, _) => Vec::new(),
            (Self::Own { required, optional }, Value::Object(given)) => {
                name_faults(required, optional, given, None)
            }
            (Self::Own { .. }, _) => {
                vec!["The value for the field 'Parameters' must be an OBJECT".to_owned()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_parameters_are_checked_by_name() {
        let given = Value::parse(r#"{"Method.$": "$.m", "Extra": 1, "Path": "/"}"#).unwrap();
        let own = Parameters::Own { required: &["Method", "ApiEndpoint"], optional: &["Path"] };
        assert_eq!(
            own.check_own(&given, TemplateSyntax::JsonPath),
            [
                "The field \"Extra\" is not supported by Step Functions",
                "The field 'ApiEndpoint' is required but was missing"
            ]
        );
        let given = Value::parse(r#"{"Method": "GET", "ApiEndpoint": "x"}"#).unwrap();
        assert_eq!(own.refuse_own(&given), Vec::<String>::new());
        assert_eq!(own.refuse_own(&Value::Null).len(), 1);
    }
}
