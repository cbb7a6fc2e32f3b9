//! S3 through the client of all services.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use newel_aws_catalog::{Catalog, Operation, Service};
use newel_aws_client::{Call, CallError, Caller, Client, ServiceError};
use newel_value::{Object, ObjectBuilder, Value};
use newel_worker::Identity;

use crate::objects::{Failed, Listing, ObjectRef, Objects, Outcome, Part};

/// The range that was asked for begins at the end or past it.
const PAST_THE_END: u16 = 416;
/// The content isn't the one that was asked for.
const CHANGED: u16 = 412;

/// What all identities share.
#[derive(Debug)]
pub(crate) struct Shared {
    catalog: Arc<Catalog>,
    client: Client,
}

impl Shared {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { client: Client::new(Arc::clone(&catalog)), catalog }
    }

    fn find(&self, operation: &str) -> Outcome<(&Service, &Operation)> {
        let service = self.catalog.service("s3").map_err(|error| Failed(error.to_string()))?;
        let service = service.ok_or_else(|| Failed::new("The catalog has no model of s3."))?;
        let found = service.operation(operation);
        Ok((service, found.ok_or_else(|| Failed(format!("The catalog's s3 has no {operation}.")))?))
    }
}

/// S3 under one identity.
#[derive(Debug)]
pub(crate) struct S3 {
    pub(crate) shared: Arc<Shared>,
    pub(crate) caller: Caller,
    pub(crate) identity: Identity,
}

/// What a service's refusal is told as, in the words of AWS's Java SDK.
fn told(error: &ServiceError) -> String {
    let message = error.message.as_deref().filter(|message| !message.is_empty()).unwrap_or(error.code());
    let id = error.request_id.as_deref().unwrap_or("null");
    let mut text = format!("{message} (Service: S3, Status Code: {}, Request ID: {id}", error.status);
    if let Some(id) = &error.extended_request_id {
        text.push_str(&format!(", Extended Request ID: {id}"));
    }
    text.push(')');
    text
}

fn failed(error: CallError) -> Failed {
    match error {
        CallError::Refused { error, .. } | CallError::Unknown { answer: Some(error), .. } => {
            Failed(told(&error))
        }
        CallError::NotSent(cause) | CallError::Unknown { answer: None, cause } => {
            Failed(format!("Unable to execute HTTP request: {cause}"))
        }
        error @ CallError::TooLarge { .. } => Failed(format!("The answer is too large: {error:?}")),
    }
}

fn named(object: &ObjectRef) -> ObjectBuilder {
    let mut body = ObjectBuilder::with_capacity(6);
    body.insert("Bucket", &*object.bucket);
    body.insert("Key", &*object.key);
    body.insert_some("VersionId", object.version.as_deref());
    body.insert_some("ExpectedBucketOwner", object.owner.as_deref());
    body
}

#[async_trait]
impl Objects for S3 {
    async fn get(&self, object: &ObjectRef, from: u64, most: usize, etag: Option<&str>) -> Outcome<Part> {
        let (service, operation) = self.shared.find("GetObject")?;
        let last = from + u64::try_from(most.max(1)).unwrap_or(u64::MAX) - 1;
        let mut body = named(object);
        body.insert("Range", format!("bytes={from}-{last}"));
        body.insert_some("IfMatch", etag);
        let body = body.build().into();
        let streamed =
            match self.shared.client.stream(&self.caller, Call::new(service, operation, &body)).await {
                Ok(streamed) => streamed,
                Err(CallError::Refused { error, .. }) if error.status == PAST_THE_END => {
                    return Ok(Part { bytes: Bytes::new(), total: from, etag: etag.map(Arc::from) });
                }
                Err(CallError::Refused { error, .. }) if error.status == CHANGED => {
                    return Err(Failed(format!("{object} has changed since reading it began.")));
                }
                Err(error) => return Err(failed(error)),
            };
        let header = |name: &str| {
            streamed.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let total = header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
        let etag = header("etag").map(Arc::from);
        // Who doesn't know ranges sends everything, which only the start can be taken of.
        if total.is_none() && from > 0 {
            return Err(Failed(format!(
                "{object} can't be read from the middle: the service ignores ranges."
            )));
        }
        let mut stream = streamed.body;
        let mut bytes = Vec::with_capacity(most.min(1 << 20));
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| Failed(format!("{object} can't be read on: {error}")))?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= most {
                bytes.truncate(most);
                break;
            }
        }
        let read = from + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let whole = if bytes.len() < most { read } else { u64::MAX };
        Ok(Part { bytes: bytes.into(), total: total.unwrap_or(whole), etag })
    }

    async fn list(&self, request: Object) -> Outcome<Listing> {
        let (service, operation) = self.shared.find("ListObjectsV2")?;
        let body = request.into();
        let answer = self.shared.client.call(&self.caller, Call::new(service, operation, &body)).await;
        let answer = answer.map_err(failed)?.body;
        let contents = answer.get("Contents").and_then(Value::as_array).unwrap_or_default().to_vec();
        let next = answer.get("NextContinuationToken").and_then(Value::as_str);
        Ok(Listing { contents, next: next.map(Arc::from) })
    }

    async fn put(&self, object: &ObjectRef, body: Vec<u8>) -> Outcome<()> {
        let (service, operation) = self.shared.find("PutObject")?;
        let mut request = named(object);
        request.insert("ContentType", "application/json");
        request.insert("Body", BASE64_STANDARD.encode(body));
        let request = request.build().into();
        let answer = self.shared.client.call(&self.caller, Call::new(service, operation, &request)).await;
        answer.map(drop).map_err(failed)
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }
}
