//! An S3 that stores nothing: it makes the rows of one CSV file up as they are asked for, and reads the files of results that it
//! is given.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt as _;

/// Where the file is.
pub(crate) const BUCKET: &str = "bench";
pub(crate) const KEY: &str = "rows.csv";
/// The ETag of the file, and of whatever is written.
const ETAG: &str = "\"rows\"";
const HEADER: &[u8] = b"n,padding\n";
/// Bytes of a row: its number in ten digits, a comma, padding, and the end of the line.
const ROW: u64 = 64;
const DIGITS: usize = 10;

/// What became of the rows.
#[derive(Debug)]
pub(crate) struct Objects {
    rows: u64,
    /// Rows that came back in files of results, and the sum of the numbers of the first of each batch.
    pub(crate) returned: AtomicU64,
    pub(crate) firsts: AtomicU64,
    /// Bytes that were read and written.
    pub(crate) read: AtomicU64,
    pub(crate) written: AtomicU64,
}

impl Objects {
    /// Serves a file of so many rows until the program ends.
    pub(crate) async fn serve(rows: u64) -> anyhow::Result<(Arc<Self>, SocketAddr)> {
        let zero = AtomicU64::default;
        let objects = Self { rows, returned: zero(), firsts: zero(), read: zero(), written: zero() };
        let objects = Arc::new(objects);
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&objects));
        // It ends with the program; a connection's errors are those of who made it.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((objects, address))
    }

    /// Bytes of the file.
    pub(crate) const fn size(&self) -> u64 {
        HEADER.len() as u64 + self.rows * ROW
    }

    /// Some bytes of the file.
    fn bytes(&self, range: Range<u64>) -> Bytes {
        let header = HEADER.len() as u64;
        let mut bytes = Vec::new();
        if let Some(rest) = usize::try_from(range.start).ok().and_then(|from| HEADER.get(from..)) {
            bytes.extend_from_slice(rest);
        }
        let from = range.start.max(header) - header;
        let skip = if range.start > header { from % ROW } else { 0 };
        let wanted = usize::try_from(range.end - range.start + skip).unwrap_or(0);
        bytes.reserve(wanted + usize::try_from(ROW).unwrap_or(0));
        let mut row = [b'x'; ROW as usize];
        row[DIGITS] = b',';
        row[ROW as usize - 1] = b'\n';
        let mut number = from / ROW;
        while bytes.len() < wanted {
            let mut left = number;
            for digit in row[..DIGITS].iter_mut().rev() {
                *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
                left /= 10;
            }
            bytes.extend_from_slice(&row);
            number += 1;
        }
        bytes.truncate(wanted);
        Bytes::from(bytes).slice(usize::try_from(skip).unwrap_or(0)..)
    }

    /// Takes a file of results: each line of one of successes tells of a batch.
    fn take(&self, key: &str, body: &[u8]) -> anyhow::Result<()> {
        self.written.fetch_add(body.len() as u64, Ordering::Relaxed);
        if !key.contains("/SUCCEEDED_") {
            return Ok(());
        }
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let batch: serde_json::Value = serde_json::from_slice(line)?;
            let first =
                batch["first"].as_str().and_then(|first| first.parse().ok()).context("no first row")?;
            self.returned.fetch_add(batch["count"].as_u64().context("no count")?, Ordering::Relaxed);
            self.firsts.fetch_add(first, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What a header says that is asked for.
fn range(header: &str, size: u64) -> Option<Range<u64>> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
    (from < size && from <= to).then(|| from..to.saturating_add(1).min(size))
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

async fn answer(State(objects): State<Arc<Objects>>, request: Request<Body>) -> Response<Body> {
    let key = request.uri().path().to_owned();
    if request.method() == Method::PUT {
        let Ok(body) = request.into_body().collect().await else { return plain(StatusCode::BAD_REQUEST) };
        return match objects.take(&key, &body.to_bytes()) {
            Ok(()) => response(StatusCode::OK, None, Bytes::new()),
            Err(_) => plain(StatusCode::BAD_REQUEST),
        };
    }
    if request.method() != Method::GET || key != format!("/{BUCKET}/{KEY}") {
        return plain(StatusCode::NOT_FOUND);
    }
    let size = objects.size();
    let wanted = request.headers().get("range").and_then(|header| range(header.to_str().ok()?, size));
    let Some(wanted) = wanted else { return plain(StatusCode::RANGE_NOT_SATISFIABLE) };
    objects.read.fetch_add(wanted.end - wanted.start, Ordering::Relaxed);
    let content = format!("bytes {}-{}/{size}", wanted.start, wanted.end - 1);
    response(StatusCode::PARTIAL_CONTENT, Some(content), objects.bytes(wanted))
}

fn response(status: StatusCode, range: Option<String>, body: Bytes) -> Response<Body> {
    let mut response = Response::builder().status(status).header("etag", ETAG);
    if let Some(range) = range {
        response = response.header("content-range", range);
    }
    response.body(Body::from(body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_is_the_same_file() {
        let zero = AtomicU64::default;
        let objects = Objects { rows: 20, returned: zero(), firsts: zero(), read: zero(), written: zero() };
        let whole = objects.bytes(0..objects.size());
        let text = std::str::from_utf8(&whole).unwrap();
        let numbers: Vec<u64> = text.lines().skip(1).map(|line| line[..DIGITS].parse().unwrap()).collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        assert!(text.starts_with("n,padding\n0000000000,xxx") && text.ends_with("x\n"));
        for from in 0..whole.len() {
            for length in [1, 9, 63, 64, 200] {
                let to = whole.len().min(from + length);
                assert_eq!(objects.bytes(from as u64..to as u64), whole[from..to], "{from}..{to}");
            }
        }
        assert_eq!(
            (range("bytes=5-9", 8), range("bytes=8-9", 8), range("rows=1-2", 8)),
            (Some(5..8), None, None)
        );
    }
}
