//! What passes between a map run and the worker that reads its items and writes its results.
//!
//! A map run knows no storage. It asks for items a *page* at a time, each from where the page before ended, and hands over
//! results a *file* at a time. Both are task attempts for the family [`FAMILY`], with these as their parameters and results;
//! the attempt's resource says which it is (`s3:getObject`, `s3:listObjectsV2`, `s3:putObject`). Doing one twice does no harm: the
//! same cursor gives the same page, and the same file is written over itself.

use newel_value::{Object, ObjectBuilder, Str, Value};

/// The family of the worker that carries these out.
pub const FAMILY: &str = "s3";
/// The resource under which results are written, whatever the partition.
pub const WRITE: &str = "arn:aws:states:::s3:putObject";

/// The most items of a page.
pub const PAGE_ITEMS: u64 = 1_000;
/// Bytes of items after which a page ends.
pub const PAGE_BYTES: u64 = 512 << 10;
/// Bytes of one item at most, as AWS has it (`ItemSelector` may make less of it). Such an item is a page by itself.
pub const ITEM_BYTES: usize = 8 << 20;
/// Bytes of records after which a file of results ends; one record may be larger.
pub const FILE_BYTES: usize = 4 << 20;

/// Asks for the next items.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadPage {
    /// The `ItemReader`'s `Parameters` or `Arguments`.
    pub parameters: Value,
    /// Its `ReaderConfig`.
    pub config: Object,
    /// Where the page before ended; `None` for the first.
    pub cursor: Option<Value>,
    /// How many items at most, at least 1.
    pub most: u64,
}

/// Some items.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The items; none may come before the end where what was read makes none.
    pub items: Vec<Value>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<Value>,
    /// Where the items are from, one after the other.
    pub sources: Vec<Source>,
}

/// Where some items that follow each other are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the context object's `Map.Item.Source` has it.
    pub name: Str,
    /// How many they are.
    pub items: u64,
    /// Whether they are the members of an object: each is `{"Key": …, "Value": …}` then.
    pub members: bool,
}

/// Hands over a file.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteFile {
    /// The `ResultWriter`'s `Parameters` or `Arguments`.
    pub parameters: Value,
    /// The whole key of the object.
    pub key: Str,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One JSON document.
    Document(Value),
    /// Records: as an array, or as lines.
    Records {
        /// The records.
        records: Vec<Value>,
        /// Whether each has a line of its own.
        lines: bool,
    },
}

/// A file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its size in bytes.
    pub size: u64,
}

/// What isn't one of these messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message between a map run and its worker lacks {0}")]
pub struct Malformed(&'static str);

fn number(value: u64) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

fn member<'a>(value: &'a Value, name: &'static str) -> Result<&'a Value, Malformed> {
    value.get(name).ok_or(Malformed(name))
}

fn count(value: &Value, name: &'static str) -> Result<u64, Malformed> {
    member(value, name)?.as_i64().and_then(|n| u64::try_from(n).ok()).ok_or(Malformed(name))
}

fn array(value: &Value, name: &'static str) -> Result<Vec<Value>, Malformed> {
    member(value, name)?.as_array().map(<[Value]>::to_vec).ok_or(Malformed(name))
}

impl From<ReadPage> for Value {
    fn from(read: ReadPage) -> Self {
        let mut object = ObjectBuilder::with_capacity(4);
        object.insert("Parameters", read.parameters);
        object.insert("ReaderConfig", read.config);
        object.insert_some("Cursor", read.cursor);
        object.insert("Most", number(read.most));
        object.build().into()
    }
}

impl TryFrom<&Value> for ReadPage {
    type Error = Malformed;

    fn try_from(value: &Value) -> Result<Self, Malformed> {
        let Value::Object(config) = member(value, "ReaderConfig")? else {
            return Err(Malformed("ReaderConfig"));
        };
        Ok(Self {
            parameters: member(value, "Parameters")?.clone(),
            config: config.clone(),
            cursor: value.get("Cursor").cloned(),
            most: count(value, "Most")?.max(1),
        })
    }
}

impl From<Page> for Value {
    fn from(page: Page) -> Self {
        let mut object = ObjectBuilder::with_capacity(3);
        object.insert("Items", page.items);
        object.insert_some("Cursor", page.cursor);
        object.insert("Sources", page.sources.into_iter().map(Self::from).collect::<Vec<Self>>());
        object.build().into()
    }
}

impl TryFrom<&Value> for Page {
    type Error = Malformed;

    fn try_from(value: &Value) -> Result<Self, Malformed> {
        let sources = array(value, "Sources")?.iter().map(Source::try_from).collect::<Result<_, _>>()?;
        Ok(Self { items: array(value, "Items")?, cursor: value.get("Cursor").cloned(), sources })
    }
}

/// `[name, items]`, and `true` for members.
impl From<Source> for Value {
    fn from(Source { name, items, members }: Source) -> Self {
        let mut parts = vec![Self::from(name), number(items)];
        if members {
            parts.push(true.into());
        }
        parts.into()
    }
}

impl TryFrom<&Value> for Source {
    type Error = Malformed;

    fn try_from(value: &Value) -> Result<Self, Malformed> {
        let [name, items, rest @ ..] = value.as_array().unwrap_or_default() else {
            return Err(Malformed("Sources"));
        };
        let items = items.as_i64().and_then(|items| u64::try_from(items).ok());
        let (Some(name), Some(items)) = (name.as_str(), items) else { return Err(Malformed("Sources")) };
        Ok(Self { name: name.into(), items, members: matches!(rest, [Value::Bool(true), ..]) })
    }
}

impl From<WriteFile> for Value {
    fn from(write: WriteFile) -> Self {
        let mut object = ObjectBuilder::with_capacity(4);
        object.insert("Parameters", write.parameters);
        object.insert("Key", write.key);
        match write.content {
            Content::Document(document) => _ = object.insert("Document", document),
            Content::Records { records, lines } => {
                object.insert("Records", records);
                object.insert("Lines", lines);
            }
        }
        object.build().into()
    }
}

impl TryFrom<&Value> for WriteFile {
    type Error = Malformed;

    fn try_from(value: &Value) -> Result<Self, Malformed> {
        let content = match value.get("Document") {
            Some(document) => Content::Document(document.clone()),
            None => Content::Records {
                records: array(value, "Records")?,
                lines: matches!(member(value, "Lines")?, Value::Bool(true)),
            },
        };
        let key = member(value, "Key")?.as_str().ok_or(Malformed("Key"))?.into();
        Ok(Self { parameters: member(value, "Parameters")?.clone(), key, content })
    }
}

impl From<Written> for Value {
    fn from(written: Written) -> Self {
        Self::from([("Size", number(written.size))].into_iter().collect::<Object>())
    }
}

impl TryFrom<&Value> for Written {
    type Error = Malformed;

    fn try_from(value: &Value) -> Result<Self, Malformed> {
        Ok(Self { size: count(value, "Size")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::parse(text).unwrap()
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let read = |cursor| ReadPage {
            parameters: json(r#"{"Bucket":"b"}"#),
            config: Object::default(),
            cursor,
            most: 7,
        };
        for read in [read(None), read(Some(json(r#"{"Offset":5}"#)))] {
            assert_eq!(ReadPage::try_from(&Value::from(read.clone())), Ok(read));
        }
        for page in [
            Page {
                items: vec![json("1"), json("{}")],
                cursor: Some(json("\"next\"")),
                sources: vec![Source { name: "S3://b/k".into(), items: 2, members: true }],
            },
            Page { items: vec![], cursor: None, sources: vec![] },
        ] {
            assert_eq!(Page::try_from(&Value::from(page.clone())), Ok(page));
        }
        for content in [
            Content::Document(json(r#"{"a":1}"#)),
            Content::Records { records: vec![json("1")], lines: true },
            Content::Records { records: vec![], lines: false },
        ] {
            let write = WriteFile { parameters: json("{}"), key: "p/k.json".into(), content };
            assert_eq!(WriteFile::try_from(&Value::from(write.clone())), Ok(write));
        }
        assert_eq!(Written::try_from(&Value::from(Written { size: 9 })), Ok(Written { size: 9 }));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Page::try_from(&json("{}")), Err(Malformed("Sources")));
        assert_eq!(Written::try_from(&json(r#"{"Size":-1}"#)), Err(Malformed("Size")));
        assert_eq!(
            ReadPage::try_from(&json(r#"{"ReaderConfig":{},"Most":1}"#)),
            Err(Malformed("Parameters"))
        );
        assert_eq!(WriteFile::try_from(&json(r#"{"Key":"k","Parameters":{}}"#)), Err(Malformed("Records")));
    }
}
