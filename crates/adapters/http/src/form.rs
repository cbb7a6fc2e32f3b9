//! JSON as `application/x-www-form-urlencoded`, with the array formats of HTTP Tasks.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html#url-encode-request-body>

use newel_value::Value;

use crate::parameters::{encoded, scalar};

/// How an array's items are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ArrayFormat {
    /// `a[0]=1&a[1]=2`
    #[default]
    Indices,
    /// `a=1&a=2`
    Repeat,
    /// `a=1,2`; an array with anything but scalars in it as [`Self::Indices`].
    Commas,
    /// `a[]=1&a[]=2`
    Brackets,
}

impl ArrayFormat {
    /// Reads `Transform.RequestEncodingOptions.ArrayFormat`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "INDICES" => Self::Indices,
            "REPEAT" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            _ => return None,
        })
    }
}

/// A body as a form. A text is a form already.
pub(crate) fn encode(body: &Value, format: ArrayFormat) -> String {
    if let Value::String(text) = body {
        return text.to_string();
    }
    let mut fields = Vec::new();
    write("", body, format, &mut fields);
    fields.join("&")
}

/// Depth is bounded, as it is in every [`Value`] that was parsed.
fn write(name: &str, value: &Value, format: ArrayFormat, fields: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members.iter() {
                let name = if name.is_empty() { key.to_string() } else { format!("{name}[{key}]") };
                write(&name, value, format, fields);
            }
        }
        Value::Array(items) => {
            if format == ArrayFormat::Commas
                && let Some(texts) = items.iter().map(scalar).collect::<Option<Vec<_>>>()
            {
                let texts: Vec<String> = texts.iter().map(|text| encoded(text)).collect();
                return fields.push(format!("{}={}", encoded(name), texts.join(",")));
            }
            for (index, item) in items.iter().enumerate() {
                let name = match format {
                    ArrayFormat::Indices | ArrayFormat::Commas => format!("{name}[{index}]"),
                    ArrayFormat::Repeat => name.to_owned(),
                    ArrayFormat::Brackets => format!("{name}[]"),
                };
                write(&name, item, format, fields);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            fields.push(format!("{}={}", encoded(name), encoded(&scalar(value).unwrap_or_default())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_have_four_formats() {
        let body = Value::parse(r#"{"array": ["a", "b c", 3], "o": {"k": "v&w", "n": null}}"#).unwrap();
        let rest = "o%5Bk%5D=v%26w&o%5Bn%5D=";
        for (name, array) in [
            ("INDICES", "array%5B0%5D=a&array%5B1%5D=b%20c&array%5B2%5D=3"),
            ("REPEAT", "array=a&array=b%20c&array=3"),
            ("COMMAS", "array=a,b%20c,3"),
            ("BRACKETS", "array%5B%5D=a&array%5B%5D=b%20c&array%5B%5D=3"),
        ] {
            assert_eq!(encode(&body, ArrayFormat::parse(name).unwrap()), format!("{array}&{rest}"));
        }
        assert_eq!(ArrayFormat::parse("indices"), None);
    }

    #[test]
    fn what_is_nested_keeps_its_place() {
        let body = Value::parse(r#"{"a": [{"b": [1, 2]}], "c": [], "d": true}"#).unwrap();
        assert_eq!(encode(&body, ArrayFormat::Commas), "a%5B0%5D%5Bb%5D=1,2&c=&d=true",);
        assert_eq!(
            encode(&body, ArrayFormat::Indices),
            "a%5B0%5D%5Bb%5D%5B0%5D=1&a%5B0%5D%5Bb%5D%5B1%5D=2&d=true"
        );
        assert_eq!(encode(&Value::from("x=1"), ArrayFormat::Indices), "x=1");
    }
}
