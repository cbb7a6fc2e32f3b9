//! S3's listings under `EncodingType: url`, by which keys come that XML can't hold: what is encoded is decoded, as the Java
//! SDK does (`DecodeUrlEncodedResponseInterceptor`).

use newel_aws_catalog::Operation;
use newel_value::Value;

use super::changed;

/// What one listing has encoded. Names are those on the wire.
struct Encoded {
    operation: &'static str,
    /// Members that are texts.
    texts: &'static [&'static str],
    /// Members that are lists, and their items' member that is the text. Java's SDK leaves out delete markers.
    lists: &'static [(&'static str, &'static str)],
}

const PREFIXES: (&str, &str) = ("CommonPrefixes", "Prefix");

const ENCODED: &[Encoded] = &[
    Encoded {
        operation: "ListObjects",
        texts: &["Delimiter", "Marker", "Prefix", "NextMarker"],
        lists: &[("Contents", "Key"), PREFIXES],
    },
    Encoded {
        operation: "ListObjectsV2",
        texts: &["Delimiter", "Prefix", "StartAfter"],
        lists: &[("Contents", "Key"), PREFIXES],
    },
    Encoded {
        operation: "ListObjectVersions",
        texts: &["Prefix", "KeyMarker", "Delimiter", "NextKeyMarker"],
        lists: &[("Version", "Key"), PREFIXES],
    },
    Encoded {
        operation: "ListMultipartUploads",
        texts: &["Delimiter", "KeyMarker", "NextKeyMarker", "Prefix"],
        lists: &[("Upload", "Key"), PREFIXES],
    },
];

pub(super) fn decoded(operation: &Operation, body: Value) -> Value {
    let Some(encoded) = ENCODED.iter().find(|encoded| *encoded.operation == *operation.name) else {
        return body;
    };
    let Value::Object(object) = &body else { return body };
    if object.get("EncodingType").and_then(Value::as_str) != Some("url") {
        return body;
    }
    let text = |value: &Value| value.as_str().map(|text| decode(text).into());
    let decoded = changed(object, |name, value| {
        if encoded.texts.contains(&name) {
            return text(value);
        }
        let (_, key) = encoded.lists.iter().find(|(list, _)| *list == name)?;
        let item = |item: &Value| match item {
            Value::Object(item) => {
                changed(item, |name, value| if name == *key { text(value) } else { None }).into()
            }
            _ => item.clone(),
        };
        Some(value.as_array()?.iter().map(item).collect())
    });
    decoded.into()
}

/// Text of a form: a plus is a blank. What isn't encoded that way stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_encoding_stays() {
        for (encoded, expected) in
            [("a+b%2Bc%2F%C3%A4", "a b+c/ä"), ("100%", "100%"), ("%zz%2", "%zz%2"), ("%ff", "%ff"), ("", "")]
        {
            assert_eq!(decode(encoded), expected);
        }
    }
}
