//! Manifests: files that name files.

use newel_value::{ObjectBuilder, Str, Value};

use crate::config::{Format, Text};
use crate::csv::Csv;
use crate::lines;
use crate::objects::{Failed, ObjectRef, Outcome};
use crate::page::PageBuilder;
use crate::read::Files;
use crate::tape::Tape;

/// Bytes of an inventory's manifest at most.
const MANIFEST_BYTES: usize = 8 << 20;

/// A cursor in one of several files: which, and where in it.
fn place(file: u64, inner: Option<Value>) -> Value {
    let mut cursor = ObjectBuilder::with_capacity(2);
    cursor.insert("File", i64::try_from(file).unwrap_or(i64::MAX));
    cursor.insert_some("In", inner);
    cursor.build().into()
}

fn file(cursor: Option<&Value>) -> u64 {
    let file = cursor.and_then(|cursor| cursor.get("File")).and_then(Value::as_i64);
    file.and_then(|file| u64::try_from(file).ok()).unwrap_or(0)
}

fn within(cursor: Option<&Value>) -> Option<&Value> {
    cursor.and_then(|cursor| cursor.get("In"))
}

/// Puts the rows of an S3 inventory into a page.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>
pub(crate) async fn inventory(
    files: &Files<'_>,
    parameters: &Value,
    cursor: Option<&Value>,
    page: &mut PageBuilder,
) -> Outcome<Option<Value>> {
    let object = ObjectRef::of(parameters)?;
    let manifest = whole(Tape::open(files.objects.clone(), &object, 0, None).await?).await?;
    let text = |name: &str| {
        let member = manifest.get(name).and_then(Value::as_str);
        member.ok_or_else(|| Failed(format!("{object} is no manifest of an S3 inventory: it has no {name}.")))
    };
    if text("fileFormat")? != "CSV" {
        return Err(Failed(format!(
            "{object} is an inventory in {}; only CSV can be read.",
            text("fileFormat")?
        )));
    }
    let headers = text("fileSchema")?.split(',').map(|name| Str::from(name.trim())).collect();
    let bucket = text("destinationBucket")?.rsplit(':').next().unwrap_or_default();
    let named = manifest.get("files").and_then(Value::as_array).unwrap_or_default();
    let format = Format::Text(Text::Csv(Csv::new(b',', Some(headers))?));
    let mut inner = within(cursor).cloned();
    let first = file(cursor);
    for (number, named) in (0..).zip(named).skip(usize::try_from(first).unwrap_or(usize::MAX)) {
        if page.is_full() {
            return Ok(Some(place(number, None)));
        }
        let key = named.get("key").and_then(Value::as_str);
        let key = key.ok_or_else(|| Failed(format!("{object} names a file without a key.")))?;
        let next = files.read(&object.beside(bucket, key), &format, inner.take().as_ref(), page).await?;
        if next.is_some() {
            return Ok(Some(place(number, next)));
        }
    }
    Ok(None)
}

/// The whole of a small JSON file.
async fn whole(mut tape: Tape) -> Outcome<Value> {
    tape.skip_mark().await?;
    while tape.more().await? {
        if tape.rest().len() > MANIFEST_BYTES {
            return Err(Failed(format!("The manifest is larger than {MANIFEST_BYTES} bytes.")));
        }
    }
    let text =
        std::str::from_utf8(tape.rest()).map_err(|_| Failed::new("The manifest is not UTF-8 text."))?;
    Value::parse(text).map_err(|error| Failed(format!("The manifest is not valid JSON: {error}")))
}

/// Puts what is in the files that Athena's `UNLOAD` wrote into a page. Its manifest has the URI of a file on each line; the
/// cursor says how far that has been read.
/// <https://docs.aws.amazon.com/athena/latest/ug/unload.html>
pub(crate) async fn athena(
    files: &Files<'_>,
    parameters: &Value,
    format: &Format,
    cursor: Option<&Value>,
    page: &mut PageBuilder,
) -> Outcome<Option<Value>> {
    let object = ObjectRef::of(parameters)?;
    let mut tape = Tape::open(files.objects.clone(), &object, file(cursor), None).await?;
    if file(cursor) == 0 {
        tape.skip_mark().await?;
    }
    let mut inner = within(cursor).cloned();
    loop {
        let at = tape.position();
        if page.is_full() {
            return Ok(Some(place(at, None)));
        }
        let Some(line) = lines::line(&mut tape).await? else { return Ok(None) };
        let uri = line.trim().trim_matches('"');
        if uri.is_empty() {
            continue;
        }
        let named = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let Some((bucket, key)) = named else {
            return Err(Failed(format!("{object} names {uri} at byte {at}, which is no s3:// URI.")));
        };
        let next = files.read(&object.beside(bucket, key), format, inner.take().as_ref(), page).await?;
        if next.is_some() {
            return Ok(Some(place(at, next)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, pages, reader};

    #[tokio::test]
    async fn an_inventorys_rows_are_items() {
        let memory = Memory::default();
        let manifest = r#"{"sourceBucket":"src","destinationBucket":"arn:aws:s3:::b","fileFormat":"CSV",
            "fileSchema":"Bucket, Key, Size","files":[{"key":"data/0.csv","size":1},{"key":"data/1.csv","size":1}]}"#;
        memory.put("manifest.json", manifest.as_bytes().to_vec());
        memory.put("data/0.csv", b"\"src\",\"a\",\"1\"\n\"src\",\"b\",\"2\"\n\"src\",\"c\",\"3\"\n".to_vec());
        memory.put("data/1.csv", b"\"src\",\"d\",\"4\"\n".to_vec());
        for fresh in [false, true] {
            let read = reader(r#"{"Bucket":"b","Key":"manifest.json"}"#, r#"{"InputType":"MANIFEST"}"#);
            let items = pages(&memory.clone().shared(), "s3:getObject", read, fresh).await.unwrap();
            let keys: Vec<&str> =
                items.iter().map(|item| item.get("Key").unwrap().as_str().unwrap()).collect();
            assert_eq!(keys, ["a", "b", "c", "d"]);
            assert_eq!(items[3].get("Size").unwrap().as_str(), Some("4"));
        }
        memory.put("manifest.json", br#"{"fileFormat":"ORC"}"#.to_vec());
        let read = reader(r#"{"Bucket":"b","Key":"manifest.json"}"#, r#"{"InputType":"MANIFEST"}"#);
        let failed = pages(&memory.shared(), "s3:getObject", read, false).await.unwrap_err();
        assert!(failed.0.contains("only CSV can be read"), "{failed}");
    }

    #[tokio::test]
    async fn the_files_of_an_unload_are_read_one_after_the_other() {
        let memory = Memory::default();
        memory.put("m.csv", b"s3://b/out/0\ns3://b/out/1\r\n\ns3://b/out/2".to_vec());
        for (n, lines) in ["1\n2\n3\n", "", "4\n5\n"].iter().enumerate() {
            memory.put(&format!("out/{n}"), lines.as_bytes().to_vec());
        }
        let config = r#"{"InputType":"JSONL","ManifestType":"ATHENA_DATA"}"#;
        for fresh in [false, true] {
            let read = reader(r#"{"Bucket":"b","Key":"m.csv"}"#, config);
            let items = pages(&memory.clone().shared(), "s3:getObject", read, fresh).await.unwrap();
            assert_eq!(Value::from(items).to_json(), "[1,2,3,4,5]");
        }
        memory.put("m.csv", b"out/0\n".to_vec());
        let read = reader(r#"{"Bucket":"b","Key":"m.csv"}"#, config);
        let failed = pages(&memory.shared(), "s3:getObject", read, false).await.unwrap_err();
        assert_eq!(failed.0, "S3://b/m.csv names out/0 at byte 0, which is no s3:// URI.");
    }
}
