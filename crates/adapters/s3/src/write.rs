//! Files of results.

use newel_asl::transfer::{Content, WriteFile, Written};
use newel_value::Value;

use crate::objects::{Failed, ObjectRef, Objects, Outcome};

/// Writes a file.
pub(crate) async fn file(objects: &dyn Objects, write: &WriteFile) -> Outcome<Written> {
    let text = |name: &str| write.parameters.get(name).and_then(Value::as_str);
    let bucket =
        text("Bucket").ok_or_else(|| Failed::new("The ResultWriter's parameters need a text as Bucket."))?;
    let object = ObjectRef {
        bucket: bucket.into(),
        key: (*write.key).into(),
        version: None,
        owner: text("ExpectedBucketOwner").map(Into::into),
    };
    let body = printed(&write.content).into_bytes();
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    objects.put(&object, body).await?;
    Ok(Written { size })
}

fn printed(content: &Content) -> String {
    match content {
        Content::Document(document) => document.to_json(),
        Content::Records { records, lines: false } => Value::from(records.clone()).to_json(),
        Content::Records { records, lines: true } => {
            let mut text = String::new();
            for record in records {
                record.write_json(&mut text);
                text.push('\n');
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    #[tokio::test]
    async fn records_are_an_array_or_lines() {
        let json = |text| Value::parse(text).unwrap();
        let records = vec![json(r#"{"a":1}"#), json("2")];
        for (content, expected) in [
            (Content::Records { records: records.clone(), lines: false }, r#"[{"a":1},2]"#),
            (Content::Records { records, lines: true }, "{\"a\":1}\n2\n"),
            (Content::Document(json(r#"{"m":[]}"#)), r#"{"m":[]}"#),
        ] {
            let memory = Memory::default();
            let parameters = json(r#"{"Bucket":"b","Prefix":"p"}"#);
            let write = WriteFile { parameters, key: "p/f.json".into(), content };
            let written = file(&memory, &write).await.unwrap();
            assert_eq!((memory.text("p/f.json").as_str(), written.size), (expected, expected.len() as u64));
        }
        let write = WriteFile {
            parameters: Value::empty_object(),
            key: "k".into(),
            content: Content::Document(Value::Null),
        };
        let failed = file(&Memory::default(), &write).await.unwrap_err();
        assert_eq!(failed.0, "The ResultWriter's parameters need a text as Bucket.");
    }
}
