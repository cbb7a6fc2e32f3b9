//! Listings: what a bucket has, or what is in the objects that it has.

use newel_aws_catalog::model::TimestampFormat;
use newel_aws_catalog::rewrite_timestamp;
use newel_value::{Object, ObjectBuilder, Value};

use crate::config::Format;
use crate::objects::{Failed, ObjectRef, Objects, Outcome};
use crate::page::PageBuilder;
use crate::read::Files;

/// What S3 lists at once at most.
const MOST_KEYS: u64 = 1_000;
/// Objects that are listed at once where each is read.
const FILES: i64 = 100;

fn bucket(parameters: &Value) -> Outcome<&str> {
    let bucket = parameters.get("Bucket").and_then(Value::as_str);
    bucket.ok_or_else(|| Failed::new("The ItemReader's parameters need a text as Bucket."))
}

/// The parameters as the user gave them, with members set.
fn request<const N: usize>(parameters: &Value, members: [(&str, Option<Value>); N]) -> Object {
    let mut request = match parameters {
        Value::Object(object) => object.to_builder(),
        _ => ObjectBuilder::with_capacity(N),
    };
    for (name, value) in members {
        request.insert_some(name, value);
    }
    request.build()
}

/// Puts listed objects into a page as items.
pub(crate) async fn list(
    objects: &dyn Objects,
    parameters: &Value,
    cursor: Option<&Value>,
    page: &mut PageBuilder,
) -> Outcome<Option<Value>> {
    let bucket = bucket(parameters)?;
    let keys = i64::try_from(page.room().min(MOST_KEYS)).unwrap_or(1);
    let wanted = parameters.get("MaxKeys").and_then(Value::as_i64).filter(|wanted| *wanted > 0);
    let keys = wanted.unwrap_or(keys).min(keys);
    let request =
        request(parameters, [("MaxKeys", Some(keys.into())), ("ContinuationToken", cursor.cloned())]);
    let listing = objects.list(request).await?;
    page.from(format!("S3://{bucket}"));
    for listed in &listing.contents {
        let item = item(listed);
        let bytes = item.to_json().len();
        page.push(item, bytes);
    }
    Ok(listing.next.map(|token| Value::from(&*token)))
}

/// A listed object as AWS makes an item of it.
fn item(listed: &Value) -> Value {
    let member = |name: &str| listed.get(name).cloned();
    let modified = member("LastModified").map(|at| {
        let seconds = rewrite_timestamp(&at, TimestampFormat::EpochSeconds);
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds since 1970")]
        let whole = seconds.as_f64().map(|seconds| Value::from(seconds.floor() as i64));
        whole.unwrap_or(seconds)
    });
    let mut item = ObjectBuilder::with_capacity(5);
    item.insert_some("Etag", member("ETag"));
    item.insert_some("LastModified", modified);
    item.insert_some("Key", member("Key"));
    item.insert_some("Size", member("Size"));
    item.insert_some("StorageClass", member("StorageClass"));
    item.build().into()
}

/// Puts what is in listed objects into a page. The cursor names the object that was read last and, unless that was read to its
/// end, where in it to go on.
pub(crate) async fn load(
    files: &Files<'_>,
    parameters: &Value,
    format: &Format,
    cursor: Option<&Value>,
    page: &mut PageBuilder,
) -> Outcome<Option<Value>> {
    let bucket = bucket(parameters)?;
    let owner = parameters.get("ExpectedBucketOwner").and_then(Value::as_str);
    let object = |key: &str| ObjectRef {
        bucket: bucket.into(),
        key: key.into(),
        version: None,
        owner: owner.map(Into::into),
    };
    let mut last = cursor.and_then(|cursor| cursor.get("Key")).cloned();
    if let (Some(key), Some(inner)) =
        (last.as_ref().and_then(Value::as_str), cursor.and_then(|cursor| cursor.get("In")))
    {
        let next = files.read(&object(key), format, Some(inner), page).await?;
        if next.is_some() {
            return Ok(Some(place(key, next)));
        }
    }
    while !page.is_full() {
        let request = request(parameters, [("MaxKeys", Some(FILES.into())), ("StartAfter", last.clone())]);
        let listing = files.objects.list(request).await?;
        for listed in &listing.contents {
            let Some(key) = listed.get("Key").and_then(Value::as_str) else { continue };
            if page.is_full() {
                break;
            }
            last = Some(key.into());
            // A folder, or nothing.
            if listed.get("Size").and_then(Value::as_i64) == Some(0) {
                continue;
            }
            let next = files.read(&object(key), format, None, page).await?;
            if next.is_some() {
                return Ok(Some(place(key, next)));
            }
        }
        let at_end = listing.contents.last().and_then(|listed| listed.get("Key")) == last.as_ref();
        if listing.next.is_none() && (at_end || listing.contents.is_empty()) {
            return Ok(None);
        }
    }
    Ok(last.as_ref().and_then(Value::as_str).map(|key| place(key, None)))
}

fn place(key: &str, inner: Option<Value>) -> Value {
    let mut cursor = ObjectBuilder::with_capacity(2);
    cursor.insert("Key", key);
    cursor.insert_some("In", inner);
    cursor.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, pages, reader};

    #[tokio::test]
    async fn listed_objects_are_items_of_awss_shape() {
        let memory = Memory::default();
        for n in 0..5 {
            memory.put(&format!("in/{n}"), vec![b'x'; n]);
        }
        memory.put("other", vec![]);
        let read = reader(r#"{"Bucket":"b","Prefix":"in/"}"#, "{}");
        let items = pages(&memory.shared(), "s3:listObjectsV2", read, true).await.unwrap();
        assert_eq!(items.len(), 5);
        assert_eq!(
            items[3].to_json(),
            r#"{"Etag":"\"e3\"","LastModified":1668699881,"Key":"in/3","Size":3,"StorageClass":"STANDARD"}"#
        );
    }

    #[tokio::test]
    async fn what_is_in_listed_objects_is_read_one_after_the_other() {
        let memory = Memory::default();
        memory.put("in/", vec![]);
        for n in 0..230 {
            let items: Vec<String> = (0..n % 4).map(|item| format!("{}", n * 10 + item)).collect();
            memory.put(&format!("in/{n:03}.json"), format!("[{}]", items.join(",")).into_bytes());
        }
        let config = r#"{"Transformation":"LOAD_AND_FLATTEN","InputType":"JSON"}"#;
        let expected: Vec<i64> = (0..230).flat_map(|n| (0..n % 4).map(move |item| n * 10 + item)).collect();
        for fresh in [false, true] {
            let read = reader(r#"{"Bucket":"b","Prefix":"in/"}"#, config);
            let items = pages(&memory.clone().shared(), "s3:listObjectsV2", read, fresh).await.unwrap();
            let read: Vec<i64> = items.iter().map(|item| item.as_i64().unwrap()).collect();
            assert_eq!(read, expected);
        }
    }
}
