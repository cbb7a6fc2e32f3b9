//! A webhook: each entry is the body of a POST, sent again until the receiver takes it or it is given up.
//!
//! Requests carry `newel-event-id`, by which a receiver knows what it has had already, and with a secret
//! `newel-signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA-256 of `SECONDS.BODY` under the secret.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use newel_runtime::SecretFile;
use sha2::Sha256;
use tokio::time::timeout;

use crate::options::EventOptions;
use crate::sink::{Entry, Error, Sink};

/// The wait after the first failure; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The URL of a webhook.
pub(crate) fn target(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|why| format!("events.webhook_url {url:?} is no URL: {why}"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some() => Ok(uri),
        _ => Err(format!("events.webhook_url {url:?} must be http://HOST… or https://HOST…")),
    }
}

/// Posts entries.
#[derive(Debug)]
pub(crate) struct WebhookSink {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    secret: Option<SecretFile>,
    timeout: Duration,
    attempts: u32,
    concurrency: usize,
}

/// Why one request didn't do it.
enum Failed {
    /// Trying again may help.
    Passing(String),
    /// The receiver doesn't want it.
    Refused(String),
}

impl WebhookSink {
    pub(crate) fn new(url: &str, options: &EventOptions) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|why| format!("events.webhook_url: no certificates of authorities: {why}"))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            uri: target(url)?,
            secret: options.webhook_secret_file.clone().map(SecretFile::new),
            timeout: Duration::from_secs(options.webhook_timeout_seconds),
            attempts: options.webhook_attempts,
            concurrency: options.webhook_concurrency,
        })
    }

    async fn deliver(&self, id: String, body: Bytes) -> Result<(), String> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let why = match self.post(&id, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(Failed::Refused(why)) => return Err(why),
                Err(Failed::Passing(why)) => why,
            };
            if attempt >= self.attempts {
                return Err(format!("after {attempt} attempts: {why}"));
            }
            attempt += 1;
            // Up to a quarter more, so that what failed together doesn't come back together.
            tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    async fn post(&self, id: &str, body: Bytes) -> Result<(), Failed> {
        let mut request =
            Request::post(&self.uri).header(CONTENT_TYPE, "application/json").header("newel-event-id", id);
        if let Some(secret) = &self.secret {
            // The file may be there again in a while.
            let secret = secret.current().map_err(|why| Failed::Passing(why.to_string()))?;
            request = request.header("newel-signature", signature(secret.expose(), now_seconds(), &body));
        }
        let request = request.body(Full::new(body)).map_err(|why| Failed::Refused(why.to_string()))?;
        let answer = match timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => return Err(Failed::Passing(why.to_string())),
            Err(_) => return Err(Failed::Passing("no answer in time".to_owned())),
        };
        let status = answer.status();
        let passing = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        match status {
            status if status.is_success() => Ok(()),
            status if passing => Err(Failed::Passing(format!("the receiver answered {status}"))),
            status => Err(Failed::Refused(format!("the receiver answered {status}"))),
        }
    }
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What shows a receiver that a body comes from whoever has the secret, and when it was sent.
fn signature(secret: &str, seconds: u64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <Hmac<Sha256>>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl<T: Entry> Sink<T> for WebhookSink {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn write(&mut self, batch: &[Arc<T>]) -> Result<(), Error> {
        let sink = &*self;
        let deliveries: Vec<_> = batch
            .iter()
            .map(|entry| sink.deliver(entry.id(), Bytes::copy_from_slice(entry.text().as_bytes())))
            .collect();
        let mut lost = Vec::new();
        let mut under_way = stream::iter(deliveries).buffer_unordered(self.concurrency.max(1));
        while let Some(delivered) = under_way.next().await {
            lost.extend(delivered.err());
        }
        match lost.first() {
            None => Ok(()),
            Some(why) => Err(Error { count: lost.len(), why: why.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_cover_time_and_body() {
        // Computed with `printf '7.{}' | openssl dgst -sha256 -hmac key`.
        let made = signature("key", 7, b"{}");
        assert_eq!(made, "t=7,v1=77bc83bd1f40422311e47918b203449aecf84b02c1568bb1b570ac2a474cc2d8");
        for other in [signature("key", 8, b"{}"), signature("kez", 7, b"{}"), signature("key", 7, b"[]")] {
            assert_ne!(made[7..], other[7..]);
        }
    }

    #[test]
    fn targets_are_http_urls() {
        for (url, ok) in [
            ("http://127.0.0.1:9/x", true),
            ("https://a.example/hook?b=c", true),
            ("ftp://a", false),
            ("/hook", false),
            ("", false),
        ] {
            assert_eq!(target(url).is_ok(), ok, "{url}");
        }
    }
}
