//! Who answers for a page.

use std::sync::Arc;

use newel_asl::transfer::{Page, ReadPage};
use newel_value::{ObjectBuilder, Value};

use crate::config::{Format, Reading, Text, reading};
use crate::objects::{ObjectRef, Objects, Outcome};
use crate::page::PageBuilder;
use crate::streams::Streams;
use crate::{lines, listing, manifest};

/// Reads a page.
pub(crate) async fn page(
    objects: &Arc<dyn Objects>,
    streams: &Streams,
    action: &str,
    read: &ReadPage,
) -> Outcome<Page> {
    let mut page = PageBuilder::new(read.most);
    let files = Files { objects, streams };
    let cursor = read.cursor.as_ref();
    let next = match reading(action, read)? {
        Reading::File(format) => {
            let object = ObjectRef::of(&read.parameters)?;
            files.read(&object, &format, cursor, &mut page).await?
        }
        Reading::Inventory => manifest::inventory(&files, &read.parameters, cursor, &mut page).await?,
        Reading::Athena(format) => {
            manifest::athena(&files, &read.parameters, &format, cursor, &mut page).await?
        }
        Reading::Listing => listing::list(&**objects, &read.parameters, cursor, &mut page).await?,
        Reading::Listed(format) => {
            listing::load(&files, &read.parameters, &format, cursor, &mut page).await?
        }
    };
    Ok(page.build(next))
}

/// Files under one identity.
pub(crate) struct Files<'a> {
    pub(crate) objects: &'a Arc<dyn Objects>,
    pub(crate) streams: &'a Streams,
}

impl Files<'_> {
    /// Reads items of a file into a page, from a cursor on; gives the next cursor, or `None` at the end of the file.
    pub(crate) async fn read(
        &self,
        object: &ObjectRef,
        format: &Format,
        cursor: Option<&Value>,
        page: &mut PageBuilder,
    ) -> Outcome<Option<Value>> {
        match format {
            Format::Text(text) => self.read_text(object, text, cursor, page).await,
            Format::Parquet => self.streams.parquet.read(self.objects, object, cursor, page).await,
        }
    }

    /// As [`Self::read`], of a file that is read from its front.
    async fn read_text(
        &self,
        object: &ObjectRef,
        text: &Text,
        cursor: Option<&Value>,
        page: &mut PageBuilder,
    ) -> Outcome<Option<Value>> {
        let member = |name: &str| cursor.and_then(|cursor| cursor.get(name));
        let offset = member("Offset").and_then(Value::as_i64).and_then(|at| u64::try_from(at).ok());
        let etag = member("ETag").and_then(Value::as_str).map(Arc::from);
        let mut tape = self.streams.at(self.objects, object, offset.unwrap_or(0), etag).await?;
        page.from(object.to_string());
        let known = member("Known");
        let next = match text {
            Text::Csv(csv) => csv.read(&mut tape, known, page).await?,
            Text::Json(json) => json.read(&mut tape, known, page).await?,
            Text::Lines => lines::read(&mut tape, known, page).await?,
        };
        let Some(known) = next else { return Ok(None) };
        let mut cursor = ObjectBuilder::with_capacity(3);
        cursor.insert("Offset", i64::try_from(tape.position()).unwrap_or(i64::MAX));
        cursor.insert_some("ETag", tape.etag().as_deref());
        cursor.insert("Known", known);
        self.streams.keep(self.objects, object, tape);
        Ok(Some(cursor.build().into()))
    }
}

#[cfg(test)]
mod tests {
    use newel_asl::transfer::Source;

    use super::*;
    use crate::testing::{Memory, pages, reader};

    #[tokio::test]
    async fn a_cursor_is_enough_to_go_on() {
        let rows: String = (0..5_000).map(|n| format!("{n},\"x,{n}\"\n")).collect();
        let csv = format!("A,B\n{rows}");
        let packed = zstd::encode_all(csv.as_bytes(), 1).unwrap();
        for (key, content) in [("k.csv", csv.clone().into_bytes()), ("k.csv.zst", packed)] {
            for fresh in [false, true] {
                let memory = Memory::with(key, content.clone());
                let read = reader(&format!(r#"{{"Bucket":"b","Key":"{key}"}}"#), r#"{"InputType":"CSV"}"#);
                let items = pages(&memory, "s3:getObject", read, fresh).await.unwrap();
                assert_eq!(items.len(), 5_000, "{key}");
                for (n, item) in items.iter().enumerate() {
                    assert_eq!(item.to_json(), format!(r#"{{"A":"{n}","B":"x,{n}"}}"#));
                }
                if !fresh {
                    assert_eq!(memory.gets(), 1, "a stream that is kept is read on");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_page_is_bounded_in_bytes() {
        let line = format!("\"{}\"\n", "x".repeat(100_000));
        let memory = Memory::with("k", line.repeat(30).into_bytes());
        let mut read = reader(r#"{"Bucket":"b","Key":"k"}"#, r#"{"InputType":"JSONL"}"#);
        read.most = 1_000;
        let streams = Streams::default();
        let objects: Arc<dyn Objects> = memory;
        let first = page(&objects, &streams, "s3:getObject", &read).await.unwrap();
        assert_eq!(first.items.len(), 6);
        let whole = Source { name: "S3://b/k".into(), items: 6, members: false };
        assert_eq!(first.sources, [whole]);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_told() {
        let read = reader(r#"{"Bucket":"b","Key":"none"}"#, r#"{"InputType":"JSON"}"#);
        let failed = pages(&Memory::with("k", vec![]), "s3:getObject", read, false).await.unwrap_err();
        assert_eq!(failed.0, "The specified key does not exist.");
        let read = reader(r#"{"Bucket":"b"}"#, r#"{"InputType":"JSON"}"#);
        let failed = pages(&Memory::with("k", vec![]), "s3:getObject", read, false).await.unwrap_err();
        assert_eq!(failed.0, "The ItemReader's parameters need a text as Key.");
    }
}
