//! Header names as the server spelt them.
//!
//! Names of headers have no case, and the HTTP library gives them in lower case; definitions take `$.Headers.Content-Type`
//! from a result, as AWS shows it. So the head of an answer is kept as it came, beside being read.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a head that are kept at most.
const MAX_HEAD: usize = 64 * 1024;

/// What was read so far, until [`MAX_HEAD`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Head(Arc<Mutex<Vec<u8>>>);

impl Head {
    /// The names in the last head that ends in what was read, by their lower-case form. A name spelt differently in
    /// several lines has its first spelling.
    pub(crate) fn names(&self) -> HashMap<String, String> {
        let bytes = self.0.lock();
        let text = String::from_utf8_lossy(&bytes);
        // Heads of 1xx answers come first.
        let heads = text.split("\r\n\r\n");
        let interim = |head: &&str| head.split(' ').nth(1).is_some_and(|status| status.starts_with('1'));
        let Some(head) = heads.skip_while(interim).next() else { return HashMap::new() };
        let mut names = HashMap::new();
        for (name, _) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
            names.entry(name.to_ascii_lowercase()).or_insert_with(|| name.to_owned());
        }
        names
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.lock();
        let room = MAX_HEAD.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// A connection whose first bytes read are kept.
#[derive(Debug)]
pub(crate) struct Kept<S> {
    stream: S,
    head: Head,
}

impl<S> Kept<S> {
    pub(crate) const fn new(stream: S, head: Head) -> Self {
        Self { stream, head }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Kept<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.head.keep(buf.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Kept<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_final_head() {
        let head = Head::default();
        head.keep(b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a\r\n");
        head.keep(b"x-amzn-RequestId: 7\r\nX-AMZN-requestid: 8\r\n\r\nBody-Line: no\r\n");
        let names = head.names();
        assert_eq!(names.len(), 2);
        assert_eq!(names["content-type"], "Content-Type");
        assert_eq!(names["x-amzn-requestid"], "x-amzn-RequestId");
    }

    #[test]
    fn no_more_is_kept_than_a_head() {
        let head = Head::default();
        for _ in 0..20 {
            head.keep(&[b'x'; 10_000]);
        }
        assert_eq!(head.0.lock().len(), MAX_HEAD);
        assert!(head.names().is_empty());
    }
}
