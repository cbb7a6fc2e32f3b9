//! A worker that does nothing: it answers each dispatch at once, over the real session.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message as Out;
use newel_proto::worker::v1::session_response::Message as In;
use newel_proto::worker::v1::worker_service_client::WorkerServiceClient;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

/// What it says became of every dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done: tasks of `dynamodb`, which are one call each.
    Succeeded,
    /// Begun: tasks of `ecs`, which then wait for their token.
    Submitted,
}

impl Answer {
    const fn family(self) -> &'static str {
        match self {
            Self::Succeeded => "dynamodb",
            Self::Submitted => "ecs",
        }
    }

    fn outcome(self) -> wire::report::Outcome {
        let output =
            Some(wire::Payload { source: Some(wire::payload::Source::Inline(Bytes::from_static(b"{}"))) });
        match self {
            Self::Succeeded => wire::report::Outcome::Succeeded(wire::Succeeded { output }),
            Self::Submitted => {
                wire::report::Outcome::Submitted(wire::Submitted { external_ref: "task".into(), output })
            }
        }
    }
}

const MAX_MESSAGE: usize = 2 << 20;
const CREDIT: wire::Credit = wire::Credit { count: 4_096, bytes: 64 << 20 };

fn message(message: Out) -> wire::SessionRequest {
    wire::SessionRequest { message: Some(message) }
}

/// Opens a session and serves it in the background until the orchestrator ends it or the handle is aborted.
pub(crate) async fn serve(
    grpc: SocketAddr,
    answer: Answer,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let mut client = WorkerServiceClient::connect(format!("http://{grpc}")).await?;
    client = client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
    let (requests, outgoing) = mpsc::channel(64);
    let hello = wire::Hello {
        family: answer.family().into(),
        worker_id: "newel-bench".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        resources: vec![format!("states:::{}:", answer.family())],
        credit: Some(CREDIT),
        held: Vec::new(),
        registrations: Vec::new(),
    };
    requests.send(message(Out::Hello(hello))).await?;
    let mut answers = client.session(ReceiverStream::new(outgoing)).await?.into_inner();
    let welcome = answers.message().await?.and_then(|answer| answer.message);
    anyhow::ensure!(matches!(welcome, Some(In::Welcome(_))), "the session doesn't begin with Welcome");
    Ok(tokio::spawn(async move {
        while let Some(received) = answers.message().await? {
            let In::Dispatches(batch) = received.message.context("an empty message")? else { continue };
            let (reports, credit) = answer_all(batch, answer);
            requests.send(message(Out::Reports(reports))).await?;
            requests.send(message(Out::Credit(credit))).await?;
        }
        Ok(())
    }))
}

/// A report for each dispatch, and the credit that it took.
fn answer_all(batch: wire::DispatchBatch, answer: Answer) -> (wire::ReportBatch, wire::Credit) {
    let mut credit = wire::Credit::default();
    let reports = batch.dispatches.into_iter().map(|dispatch| {
        credit.count += 1;
        credit.bytes += match dispatch.parameters.and_then(|payload| payload.source) {
            Some(wire::payload::Source::Inline(text)) => text.len() as u64,
            Some(wire::payload::Source::Chunked(_)) | None => 0,
        };
        wire::Report { task: dispatch.task, outcome: Some(answer.outcome()), exchange: None }
    });
    (wire::ReportBatch { reports: reports.collect() }, credit)
}
