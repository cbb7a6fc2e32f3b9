//! What is said about an attempt, and how it goes over the wire.

use bytes::Bytes;
use newel_proto::worker::v1 as wire;
use newel_value::Payload;

use crate::adapter::{Failure, Started};
use crate::attempt::TaskKey;

/// Payloads up to this size go inside their message; longer ones in chunks. Half of what a chunk may carry, so that a
/// few reports make one message.
pub(crate) const INLINE_BYTES: usize = 256 * 1024;
/// What one chunk carries.
pub(crate) const CHUNK_BYTES: usize = 512 * 1024;
/// A report's size without its payload, roughly.
const REPORT_OVERHEAD: usize = 256;

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    Submitted(Started),
    Heartbeat,
    Succeeded(Payload),
    Failed(Failure),
    Cancelled,
}

/// A report as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) task: TaskKey,
    pub(crate) report: Report,
    /// The HTTP exchange that goes with it.
    pub(crate) exchange: Option<Payload>,
}

/// The kinds of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Submitted,
    Heartbeat,
    Succeeded,
    Failed,
    Cancelled,
}

impl Kind {
    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Heartbeat => "heartbeat",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a message's; `None` for one this worker doesn't know.
    pub(crate) fn from_wire(kind: i32) -> Option<Self> {
        match wire::ReportKind::try_from(kind).ok()? {
            wire::ReportKind::Unspecified => None,
            wire::ReportKind::Submitted => Some(Self::Submitted),
            wire::ReportKind::Heartbeat => Some(Self::Heartbeat),
            wire::ReportKind::Succeeded => Some(Self::Succeeded),
            wire::ReportKind::Failed => Some(Self::Failed),
            wire::ReportKind::Cancelled => Some(Self::Cancelled),
        }
    }
}

impl Report {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Submitted(_) => Kind::Submitted,
            Self::Heartbeat => Kind::Heartbeat,
            Self::Succeeded(_) => Kind::Succeeded,
            Self::Failed(_) => Kind::Failed,
            Self::Cancelled => Kind::Cancelled,
        }
    }

    /// Whether it is the end of an attempt by what its call came to, so that the exchange of that call goes with it.
    pub(crate) const fn tells_of_call(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_))
    }

    /// Bytes it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        REPORT_OVERHEAD
            + match self {
                Self::Submitted(started) => started.output.text().len() + started.external_ref.as_str().len(),
                Self::Succeeded(output) => output.text().len(),
                Self::Failed(failure) => failure.error.len() + failure.cause.len(),
                Self::Heartbeat | Self::Cancelled => 0,
            }
    }

    fn to_wire(&self, payloads: &mut Payloads) -> wire::report::Outcome {
        use wire::report::Outcome;
        match self {
            Self::Submitted(started) => Outcome::Submitted(wire::Submitted {
                external_ref: started.external_ref.to_string(),
                output: Some(payloads.put(&started.output)),
            }),
            Self::Heartbeat => Outcome::Heartbeat(wire::Heartbeat {}),
            Self::Succeeded(output) => {
                Outcome::Succeeded(wire::Succeeded { output: Some(payloads.put(output)) })
            }
            Self::Failed(failure) => Outcome::Failed(wire::Failed {
                error: failure.error.clone(),
                cause: bounded(&failure.cause).to_owned(),
            }),
            Self::Cancelled => Outcome::Cancelled(wire::Cancelled {}),
        }
    }
}

impl Told {
    /// Bytes it takes in its message at most: what is longer goes ahead in chunks.
    fn inline_size(&self) -> usize {
        let exchange = self.exchange.as_ref().map_or(0, |exchange| exchange.text().len());
        self.report.size().min(INLINE_BYTES + 2 * REPORT_OVERHEAD) + exchange.min(INLINE_BYTES)
    }

    fn to_wire(&self, payloads: &mut Payloads) -> wire::Report {
        wire::Report {
            task: Some(self.task.to_wire()),
            outcome: Some(self.report.to_wire(payloads)),
            exchange: self.exchange.as_ref().map(|exchange| payloads.put(exchange)),
        }
    }
}

/// A cause has no chunks, so one that wouldn't fit a message is cut (at AWS a cause has at most 32,768 characters).
fn bounded(cause: &str) -> &str {
    &cause[..cause.floor_char_boundary(INLINE_BYTES)]
}

/// Puts payloads into a message, or into chunks to be sent before it.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    next_id: u64,
    chunks: Vec<wire::PayloadChunk>,
}

impl Payloads {
    fn put(&mut self, payload: &Payload) -> wire::Payload {
        use wire::payload::Source;
        let text = payload.text();
        if text.len() <= INLINE_BYTES {
            return wire::Payload { source: Some(Source::Inline(Bytes::copy_from_slice(text.as_bytes()))) };
        }
        self.next_id += 1;
        let id = self.next_id;
        let mut parts = text.as_bytes().chunks(CHUNK_BYTES).peekable();
        while let Some(part) = parts.next() {
            let (data, last) = (Bytes::copy_from_slice(part), parts.peek().is_none());
            self.chunks.push(wire::PayloadChunk { id, data, last });
        }
        wire::Payload { source: Some(Source::Chunked(id)) }
    }

    /// The messages that carry `reports`, in order: chunks before what names them, none over 1 MiB.
    pub(crate) fn messages(&mut self, reports: &[Told]) -> Vec<wire::SessionRequest> {
        use wire::session_request::Message;
        let message = |message| wire::SessionRequest { message: Some(message) };
        let mut out = Vec::new();
        let mut batch = Vec::new();
        let mut size = 0;
        for told in reports {
            let inline = told.inline_size();
            if size + inline > CHUNK_BYTES && !batch.is_empty() {
                out.push(message(Message::Reports(wire::ReportBatch {
                    reports: std::mem::take(&mut batch),
                })));
                size = 0;
            }
            let report = told.to_wire(self);
            out.extend(self.chunks.drain(..).map(|chunk| message(Message::Chunk(chunk))));
            batch.push(report);
            size += inline;
        }
        if !batch.is_empty() {
            out.push(message(Message::Reports(wire::ReportBatch { reports: batch })));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::attempt::ExternalRef;

    fn task(entry: u64) -> TaskKey {
        TaskKey { execution: [1; 16], frame: "".into(), entry, attempt: 0 }
    }

    fn payload(bytes: usize) -> Payload {
        Payload::from_checked_text(format!("\"{}\"", "x".repeat(bytes - 2)))
    }

    /// The order of messages as letters, `c` a chunk, `r` with the number of reports; and that none is too long.
    fn shape(reports: &[Told]) -> String {
        use newel_proto::worker::v1::session_request::Message;
        let mut out = String::new();
        for message in Payloads::default().messages(reports) {
            match message.message.unwrap() {
                Message::Chunk(chunk) => {
                    assert!(chunk.data.len() <= CHUNK_BYTES);
                    out.push_str(if chunk.last { "C" } else { "c" });
                }
                Message::Reports(batch) => {
                    assert!(batch.encoded_len() < 1 << 20);
                    out.push_str(&format!("r{}", batch.reports.len()));
                }
                other => panic!("{other:?}"),
            }
        }
        out
    }

    fn told(bytes: usize, exchange: Option<usize>) -> Told {
        let report = Report::Succeeded(payload(bytes));
        Told { task: task(bytes as u64), report, exchange: exchange.map(payload) }
    }

    #[test]
    fn an_exchange_goes_with_its_report_and_ahead_of_it_if_it_is_long() {
        let check = |reports: &[(usize, usize)], expect: &str| {
            let reports: Vec<_> =
                reports.iter().map(|(output, exchange)| told(*output, Some(*exchange))).collect();
            assert_eq!(shape(&reports), expect);
        };
        check(&[(10, 10), (10, 10)], "r2");
        check(&[(INLINE_BYTES, INLINE_BYTES)], "r1");
        check(&[(200_000, 10), (200_000, INLINE_BYTES)], "r1r1");
        check(&[(10, 1 << 20), (2 << 20, INLINE_BYTES + 1)], "cCr1cccCCr1");
    }

    #[test]
    fn long_payloads_go_ahead_in_chunks_and_batches_are_bounded() {
        let succeeded = |bytes| told(bytes, None);
        let check = |sizes: &[usize], expect: &str| {
            let reports: Vec<_> = sizes.iter().map(|bytes| succeeded(*bytes)).collect();
            assert_eq!(shape(&reports), expect, "{sizes:?}");
        };
        check(&[], "");
        check(&[10, 10, 10], "r3");
        check(&[INLINE_BYTES], "r1");
        check(&[INLINE_BYTES, INLINE_BYTES, INLINE_BYTES], "r1r1r1");
        check(&[200_000, 200_000, 200_000], "r2r1");
        check(&[INLINE_BYTES + 1], "Cr1");
        check(&[4 << 20], "cccccccCr1");
        check(&[10, 2 << 20, 10], "cccCr3");
    }

    #[test]
    fn a_report_says_its_kind_and_a_cause_is_cut() {
        let started = Started { external_ref: ExternalRef::new("j"), output: payload(2) };
        for report in
            [Report::Submitted(started), Report::Heartbeat, Report::Succeeded(payload(2)), Report::Cancelled]
        {
            assert!(!report.kind().name().is_empty());
        }
        assert_eq!(bounded(&"é".repeat(INLINE_BYTES)).len(), INLINE_BYTES);
        assert_eq!(Kind::from_wire(0), None);
        assert_eq!(Kind::from_wire(wire::ReportKind::Cancelled as i32), Some(Kind::Cancelled));
        assert_eq!(Kind::from_wire(99), None);
    }
}
