//! What the tests share: objects in memory, and files whose bytes come in small pieces.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use newel_asl::transfer::ReadPage;
use newel_value::{Object, ObjectBuilder, Value};
use newel_worker::Identity;
use parking_lot::Mutex;

use crate::objects::{Failed, Listing, ObjectRef, Objects, Outcome, Part};
use crate::read;
use crate::streams::Streams;
use crate::tape::{Source, Tape};

/// A bucket in memory, `b`.
#[derive(Debug)]
pub(crate) struct Memory {
    content: Mutex<BTreeMap<String, Bytes>>,
    gets: AtomicUsize,
    identity: Identity,
}

impl Default for Memory {
    fn default() -> Self {
        let identity = Identity {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            machine_role: "".into(),
            task_role: None,
        };
        Self { content: Mutex::default(), gets: AtomicUsize::new(0), identity }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { content: Mutex::new(self.content.lock().clone()), ..Self::default() }
    }
}

impl Memory {
    pub(crate) fn with(key: &str, content: Vec<u8>) -> Arc<Self> {
        let memory = Self::default();
        memory.put(key, content);
        Arc::new(memory)
    }

    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    pub(crate) fn put(&self, key: &str, content: Vec<u8>) {
        self.content.lock().insert(key.to_owned(), content.into());
    }

    pub(crate) fn text(&self, key: &str) -> String {
        String::from_utf8(self.content.lock()[key].to_vec()).unwrap()
    }

    pub(crate) fn gets(&self) -> usize {
        self.gets.load(Ordering::Relaxed)
    }
}

fn etag(content: &Bytes) -> String {
    format!("\"e{}\"", content.len())
}

#[async_trait]
impl Objects for Memory {
    async fn get(&self, object: &ObjectRef, from: u64, most: usize, wanted: Option<&str>) -> Outcome<Part> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        let content = self.content.lock().get(&*object.key).cloned();
        let content = content.ok_or_else(|| Failed::new("The specified key does not exist."))?;
        if wanted.is_some_and(|wanted| wanted != etag(&content)) {
            return Err(Failed(format!("{object} has changed since reading it began.")));
        }
        let from = usize::try_from(from).unwrap().min(content.len());
        let bytes = content.slice(from..content.len().min(from + most));
        Ok(Part { bytes, total: content.len() as u64, etag: Some(etag(&content).into()) })
    }

    async fn list(&self, request: Object) -> Outcome<Listing> {
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let after = text("ContinuationToken").max(text("StartAfter"));
        let keys = usize::try_from(request.get("MaxKeys").and_then(Value::as_i64).unwrap_or(1_000)).unwrap();
        let content = self.content.lock();
        let wanted =
            content.iter().filter(|(key, _)| key.starts_with(text("Prefix")) && key.as_str() > after);
        let mut found: Vec<_> = wanted.take(keys + 1).collect();
        let more = found.len() > keys;
        found.truncate(keys);
        let next = found.last().filter(|_| more).map(|(key, _)| key.as_str().into());
        let entry = |(key, content): &(&String, &Bytes)| {
            let mut entry = ObjectBuilder::with_capacity(5);
            entry.insert("Key", key.as_str());
            entry.insert("LastModified", "2022-11-17T15:44:41.000Z");
            entry.insert("ETag", etag(content));
            entry.insert("Size", i64::try_from(content.len()).unwrap());
            entry.insert("StorageClass", "STANDARD");
            Value::from(entry.build())
        };
        Ok(Listing { contents: found.iter().map(entry).collect(), next })
    }

    async fn put(&self, object: &ObjectRef, body: Vec<u8>) -> Outcome<()> {
        Self::put(self, &object.key, body);
        Ok(())
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }
}

pub(crate) fn object(key: &str) -> ObjectRef {
    ObjectRef { bucket: "b".into(), key: key.into(), version: None, owner: None }
}

pub(crate) fn reader(parameters: &str, config: &str) -> ReadPage {
    let Ok(Value::Object(config)) = Value::parse(config) else { panic!("{config}") };
    ReadPage { parameters: Value::parse(parameters).unwrap(), config, cursor: None, most: 3 }
}

/// All items, page by page. `fresh` says whether each page is another process's.
pub(crate) async fn pages(
    memory: &Arc<Memory>,
    action: &str,
    mut read: ReadPage,
    fresh: bool,
) -> Outcome<Vec<Value>> {
    let objects: Arc<dyn Objects> = memory.clone();
    let (mut items, mut streams) = (Vec::new(), Streams::default());
    loop {
        if fresh {
            streams = Streams::default();
        }
        let page = read::page(&objects, &streams, action, &read).await?;
        assert!(page.items.len() <= 3);
        let counted: u64 = page.sources.iter().map(|source| source.items).sum();
        assert_eq!(counted, page.items.len() as u64, "every item is from somewhere");
        items.extend(page.items);
        read.cursor = page.cursor;
        if read.cursor.is_none() {
            return Ok(items);
        }
    }
}

struct Pieces(Vec<u8>, usize);

#[async_trait]
impl Source for Pieces {
    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        let count = self.1.min(self.0.len());
        let piece: Vec<u8> = self.0.drain(..count).collect();
        Ok(if piece.is_empty() { None } else { Some(piece.into()) })
    }

    fn etag(&self) -> Option<Arc<str>> {
        None
    }
}

pub(crate) fn tape(text: &str, piece: usize) -> Tape {
    tape_of(text.as_bytes().to_vec(), piece)
}

pub(crate) fn tape_of(bytes: Vec<u8>, piece: usize) -> Tape {
    Tape::new(Box::new(Pieces(bytes, piece)), 0)
}
