//! What comes from a worker, checked.

use std::collections::BTreeMap;

use newel_engine::{Exchange, Report, TaskId};
use newel_proto::worker::v1 as wire;
use newel_value::{Payload, Str};
use tonic::Status;

use crate::state::{Introduction, ReportKind};
use crate::wire::{task_from_wire, violation};

/// The longest family, worker name and job id. Names go into logs and metrics, ids into dispatches, which have to fit a
/// message.
const MAX_NAME: usize = 256;
const MAX_EXTERNAL_REF: usize = 64 * 1024;
/// What a report takes beside its payload, roughly.
const REPORT_OVERHEAD: usize = 256;

/// Puts payloads together that come in chunks.
#[derive(Debug)]
pub(crate) struct Assembler {
    payloads: BTreeMap<u64, (Vec<u8>, bool)>,
    bytes: usize,
    max_bytes: usize,
    max_payloads: usize,
}

impl Assembler {
    pub(crate) const fn new(max_bytes: usize, max_payloads: usize) -> Self {
        Self { payloads: BTreeMap::new(), bytes: 0, max_bytes, max_payloads }
    }

    pub(crate) fn add(&mut self, chunk: &wire::PayloadChunk) -> Result<(), Status> {
        self.bytes += chunk.data.len();
        if self.bytes > self.max_bytes {
            return Err(Status::resource_exhausted("payloads in chunks take too much memory"));
        }
        if self.payloads.len() >= self.max_payloads && !self.payloads.contains_key(&chunk.id) {
            return Err(Status::resource_exhausted("too many payloads in chunks at once"));
        }
        let (bytes, done) = self.payloads.entry(chunk.id).or_default();
        if *done {
            return Err(violation("a chunk after a payload's last"));
        }
        bytes.extend_from_slice(&chunk.data);
        *done = chunk.last;
        Ok(())
    }

    fn take(&mut self, id: u64) -> Result<Vec<u8>, Status> {
        match self.payloads.remove(&id) {
            Some((bytes, true)) => {
                self.bytes -= bytes.len();
                Ok(bytes)
            }
            _ => Err(violation("a report names a payload that isn't there")),
        }
    }
}

/// A report, and what it is acknowledged as.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) task: TaskId,
    pub(crate) kind: ReportKind,
    pub(crate) report: Report,
    /// What the attempt's call sent and got, for whoever asked for it.
    pub(crate) exchange: Option<Exchange>,
    /// Bytes it takes in memory, roughly.
    pub(crate) bytes: usize,
}

/// Reads a report, with the payload that came ahead of it.
pub(crate) fn incoming(report: wire::Report, assembler: &mut Assembler) -> Result<Incoming, Status> {
    use wire::report::Outcome;
    let task = task_from_wire(report.task)?;
    let outcome = report.outcome.ok_or_else(|| violation("a report without an outcome"))?;
    let reported_exchange = report.exchange;
    let mut bytes = REPORT_OVERHEAD;
    let (kind, report) = match outcome {
        Outcome::Submitted(submitted) => {
            if submitted.external_ref.len() > MAX_EXTERNAL_REF {
                return Err(violation("a job id is too long"));
            }
            let text = gather(submitted.output, assembler)?;
            bytes += text.len();
            // The job is running whatever its start's answer was, so it isn't lost for that.
            let output = parse(text).unwrap_or_else(|| {
                tracing::warn!(%task, "the answer to a submit is no JSON; taken as null");
                Payload::default()
            });
            let external_ref = submitted.external_ref.into();
            (ReportKind::Submitted, Report::Submitted { external_ref, output })
        }
        Outcome::Heartbeat(wire::Heartbeat {}) => (ReportKind::Heartbeat, Report::Heartbeat),
        Outcome::Succeeded(succeeded) => {
            let text = gather(succeeded.output, assembler)?;
            bytes += text.len();
            let failed = || Report::Failed {
                error: "States.Runtime".into(),
                cause: "The worker reported a result that is no JSON text.".into(),
            };
            (ReportKind::Succeeded, parse(text).map_or_else(failed, Report::Succeeded))
        }
        Outcome::Failed(failed) => {
            bytes += failed.error.len() + failed.cause.len();
            (ReportKind::Failed, Report::Failed { error: failed.error.into(), cause: failed.cause.into() })
        }
        Outcome::Cancelled(wire::Cancelled {}) => (ReportKind::Cancelled, Report::Cancelled),
    };
    let exchange = match reported_exchange {
        None => None,
        some => {
            let text = gather(some, assembler)?;
            bytes += text.len();
            parse(text).as_ref().and_then(Exchange::read)
        }
    };
    Ok(Incoming { task, kind, report, exchange, bytes })
}

fn gather(payload: Option<wire::Payload>, assembler: &mut Assembler) -> Result<Vec<u8>, Status> {
    use wire::payload::Source;
    match payload.and_then(|payload| payload.source) {
        None => Ok(b"null".to_vec()),
        Some(Source::Inline(bytes)) => Ok(bytes.into()),
        Some(Source::Chunked(id)) => assembler.take(id),
    }
}

fn parse(text: Vec<u8>) -> Option<Payload> {
    String::from_utf8(text).ok().and_then(|text| Payload::parse(text).ok())
}

/// Reads a worker's Hello. `family` is the one that its credentials are for; none if it needs none.
pub(crate) fn introduction(hello: wire::Hello, family: Option<&str>) -> Result<Introduction, Status> {
    if hello.family.is_empty() || hello.worker_id.is_empty() {
        return Err(violation("a worker without a family or a name"));
    }
    if hello.family.len() > MAX_NAME || hello.worker_id.len() > MAX_NAME {
        return Err(violation("a family or a worker's name is too long"));
    }
    if family.is_some_and(|family| family != hello.family) {
        return Err(Status::permission_denied("the credentials are another family's"));
    }
    let credit = hello.credit.unwrap_or_default();
    let held = hello.held.into_iter().map(|task| task_from_wire(Some(task))).collect::<Result<_, _>>()?;
    Ok(Introduction {
        family: Str::from(hello.family),
        worker: Str::from(hello.worker_id),
        count_credit: credit.count,
        byte_credit: credit.bytes,
        held,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tonic::Code;

    use super::*;
    use crate::tests::fixture::task;
    use crate::wire::task_to_wire;

    fn chunk(id: u64, data: &'static str, last: bool) -> wire::PayloadChunk {
        wire::PayloadChunk { id, data: Bytes::from_static(data.as_bytes()), last }
    }

    fn succeeded(source: wire::payload::Source) -> wire::Report {
        let output = Some(wire::Payload { source: Some(source) });
        let outcome = wire::report::Outcome::Succeeded(wire::Succeeded { output });
        wire::Report { task: Some(task_to_wire(&task(1))), outcome: Some(outcome), exchange: None }
    }

    #[test]
    fn chunks_of_several_payloads_may_mingle() {
        let mut assembler = Assembler::new(100, 2);
        for part in
            [chunk(1, "[1,", false), chunk(2, "\"", false), chunk(1, "2]", true), chunk(2, "\"", true)]
        {
            assembler.add(&part).unwrap();
        }
        for (id, text) in [(1, "[1,2]"), (2, "\"\"")] {
            let read = incoming(succeeded(wire::payload::Source::Chunked(id)), &mut assembler).unwrap();
            assert_eq!(read.report, Report::Succeeded(Payload::parse(text).unwrap()));
        }
        assert_eq!(assembler.bytes, 0);
    }

    #[test]
    fn reassembly_is_bounded_in_count_and_bytes() {
        let check = |chunks: &[wire::PayloadChunk], expect: Code| {
            let mut assembler = Assembler::new(8, 2);
            let last = chunks.iter().map(|part| assembler.add(part)).find_map(Result::err);
            assert_eq!(last.map_or(Code::Ok, |status| status.code()), expect, "{chunks:?}");
        };
        check(&[chunk(1, "12345678", true)], Code::Ok);
        check(&[chunk(1, "12345678", false), chunk(1, "9", true)], Code::ResourceExhausted);
        check(&[chunk(1, "", true), chunk(2, "", true), chunk(3, "", true)], Code::ResourceExhausted);
        check(&[chunk(1, "", true), chunk(1, "", true)], Code::InvalidArgument);
    }

    #[test]
    fn an_exchange_comes_with_its_report_and_one_that_makes_no_sense_is_none() {
        use wire::payload::Source;
        let read = |source| {
            let mut assembler = Assembler::new(100, 2);
            assembler.add(&chunk(5, r#"{"request":{"url":"u"}}"#, true)).unwrap();
            let exchange = Some(wire::Payload { source: Some(source) });
            let report = wire::Report { exchange, ..succeeded(Source::Inline("1".into())) };
            incoming(report, &mut assembler).map_err(|status| status.code())
        };
        let url = |source| read(source).unwrap().exchange.map(|exchange| exchange.request.url.to_string());
        assert_eq!(url(Source::Chunked(5)).as_deref(), Some("u"));
        assert_eq!(url(Source::Inline(r#"{"request":{}}"#.into())).as_deref(), Some(""));
        assert_eq!(url(Source::Inline("{".into())), None);
        assert_eq!(url(Source::Inline("[1]".into())), None);
        assert_eq!(read(Source::Chunked(9)).unwrap_err(), Code::InvalidArgument);
        let bytes = |source| read(source).unwrap().bytes;
        assert_eq!(bytes(Source::Inline("[1, 2]".into())), bytes(Source::Inline("1".into())) + 5);
    }

    #[test]
    fn reports_are_checked() {
        use wire::payload::Source;
        // Whatever becomes of a result that is no JSON, it is acknowledged as the result that it was.
        let check = |report: wire::Report, expect: Result<bool, Code>| {
            let mut assembler = Assembler::new(8, 2);
            assembler.add(&chunk(5, "1", false)).unwrap();
            let found = incoming(report, &mut assembler).map(|read| {
                assert_eq!(read.kind, ReportKind::Succeeded);
                matches!(read.report, Report::Succeeded(_))
            });
            assert_eq!(found.map_err(|status| status.code()), expect);
        };
        check(succeeded(Source::Inline("{}".into())), Ok(true));
        check(succeeded(Source::Inline("{".into())), Ok(false));
        check(succeeded(Source::Inline(Bytes::from_static(b"\"\xff\""))), Ok(false));
        check(succeeded(Source::Chunked(9)), Err(Code::InvalidArgument));
        check(succeeded(Source::Chunked(5)), Err(Code::InvalidArgument));
        check(wire::Report { outcome: None, ..succeeded(Source::Chunked(1)) }, Err(Code::InvalidArgument));
        check(
            wire::Report { task: None, ..succeeded(Source::Inline("1".into())) },
            Err(Code::InvalidArgument),
        );
        let short = wire::TaskId { execution: Bytes::from_static(b"short"), ..Default::default() };
        check(
            wire::Report { task: Some(short), ..succeeded(Source::Inline("1".into())) },
            Err(Code::InvalidArgument),
        );
    }

    #[test]
    fn a_hello_needs_names_and_the_family_of_its_credentials() {
        let check = |family: &str, worker_id: &str, credentials: Option<&str>, expect: Code| {
            let hello =
                wire::Hello { family: family.into(), worker_id: worker_id.into(), ..Default::default() };
            let found = introduction(hello, credentials).map_or_else(|status| status.code(), |_| Code::Ok);
            assert_eq!(found, expect, "{family} {worker_id} {credentials:?}");
        };
        check("batch", "w", None, Code::Ok);
        check("batch", "w", Some("batch"), Code::Ok);
        check("batch", "w", Some("glue"), Code::PermissionDenied);
        check("", "w", None, Code::InvalidArgument);
        check("batch", "", None, Code::InvalidArgument);
        check(&"b".repeat(MAX_NAME + 1), "w", None, Code::InvalidArgument);
    }
}
