//! Objects and listings, as far as readers and writers need them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use newel_value::{Object, Value};

/// Why something can't be read or written: the cause that the map run fails with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(pub(crate) String);

impl Failed {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

pub(crate) type Outcome<T> = Result<T, Failed>;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectRef {
    pub(crate) bucket: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) owner: Option<Arc<str>>,
}

impl ObjectRef {
    /// The object that a reader's parameters name.
    pub(crate) fn of(parameters: &Value) -> Outcome<Self> {
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(Arc::from);
        let needed = |name: &str| {
            text(name).ok_or_else(|| Failed(format!("The ItemReader's parameters need a text as {name}.")))
        };
        Ok(Self {
            bucket: needed("Bucket")?,
            key: needed("Key")?,
            version: text("VersionId"),
            owner: text("ExpectedBucketOwner"),
        })
    }

    /// Another object, read for the same bucket owner if it is in the same bucket.
    pub(crate) fn beside(&self, bucket: &str, key: &str) -> Self {
        let owner = self.owner.clone().filter(|_| *self.bucket == *bucket);
        Self { bucket: bucket.into(), key: key.into(), version: None, owner }
    }
}

/// As the context object names it.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3://{}/{}", self.bucket, self.key)
    }
}

/// Some bytes of an object.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    /// The object's size.
    pub(crate) total: u64,
    /// What tells this content from another that the key may have later.
    pub(crate) etag: Option<Arc<str>>,
}

/// A page of a listing, as on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) contents: Vec<Value>,
    /// What the next page is asked for with; `None` at the end.
    pub(crate) next: Option<Arc<str>>,
}

/// S3 under one identity.
#[async_trait]
pub(crate) trait Objects: Send + Sync + fmt::Debug {
    /// Bytes from a position on, at most so many; none past the end. With an ETag, only of that content.
    async fn get(&self, object: &ObjectRef, from: u64, most: usize, etag: Option<&str>) -> Outcome<Part>;

    /// A page of a listing.
    async fn list(&self, request: Object) -> Outcome<Listing>;

    /// Writes an object.
    async fn put(&self, object: &ObjectRef, body: Vec<u8>) -> Outcome<()>;

    /// Under whose rights: what was read under others must not be shown.
    fn identity(&self) -> &newel_worker::Identity;
}
