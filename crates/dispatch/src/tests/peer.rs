//! The worker's end of an in-process session.

use std::sync::Arc;

use newel_engine::TaskId;
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::report::Outcome;
use newel_proto::worker::v1::session_request::Message as Request;
use newel_proto::worker::v1::session_response::Message as Answer;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::Hub;
use crate::wire::{task_from_wire, task_to_wire};

/// How long something may take, in the virtual time of these tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// Lets everything happen that can happen without time passing noticeably.
pub(crate) async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// See the module. Dropping it cuts the session off.
#[derive(Debug)]
pub(crate) struct Peer {
    requests: mpsc::Sender<Result<wire::SessionRequest, Status>>,
    answers: mpsc::Receiver<Result<wire::SessionResponse, Status>>,
    pub(crate) keep: Vec<TaskId>,
}

pub(crate) fn hello(family: &str, worker: &str, count: u32, bytes: u64, held: &[TaskId]) -> wire::Hello {
    wire::Hello {
        family: family.into(),
        worker_id: worker.into(),
        version: "test".into(),
        credit: Some(wire::Credit { count, bytes }),
        held: held.iter().map(task_to_wire).collect(),
        ..Default::default()
    }
}

impl Peer {
    /// Opens a session for `batch` with much credit.
    pub(crate) async fn connect(hub: &Arc<Hub>, worker: &str) -> Self {
        Self::greet(hub, hello("batch", worker, 100_000, 1 << 40, &[])).await.unwrap()
    }

    pub(crate) async fn greet(hub: &Arc<Hub>, hello: wire::Hello) -> Result<Self, Status> {
        let (requests, inbound) = mpsc::channel(16);
        let (outlet, answers) = mpsc::channel(hub.options().session_messages);
        tokio::spawn(Arc::clone(hub).carry(None, ReceiverStream::new(inbound), outlet));
        let mut peer = Self { requests, answers, keep: Vec::new() };
        peer.send(Request::Hello(hello)).await;
        match peer.answer().await? {
            Answer::Welcome(welcome) => {
                let keep = welcome.keep.into_iter().map(|task| task_from_wire(Some(task)).unwrap());
                peer.keep = keep.collect();
                Ok(peer)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn send(&self, message: Request) {
        // A session that was ended takes nothing more, which the next answer tells.
        let _ = self.requests.send(Ok(wire::SessionRequest { message: Some(message) })).await;
    }

    /// What comes next; its end is an error.
    pub(crate) async fn answer(&mut self) -> Result<Answer, Status> {
        let answer = timeout(DEADLINE, self.answers.recv()).await.expect("nothing comes");
        answer
            .unwrap_or_else(|| Err(Status::cancelled("end of stream")))
            .map(|answer| answer.message.unwrap())
    }

    /// What has come, without waiting for more.
    pub(crate) async fn arrived(&mut self) -> Vec<Answer> {
        let mut out = Vec::new();
        settle().await;
        while let Ok(Ok(answer)) = self.answers.try_recv() {
            out.push(answer.message.unwrap());
            settle().await;
        }
        out
    }

    /// The dispatches that have come: number and kind as `3S` for a submit, `R` reconcile, `W` watch, `C` cancel.
    pub(crate) async fn dispatches(&mut self) -> String {
        let batches = self.arrived().await.into_iter().filter_map(|answer| match answer {
            Answer::Dispatches(batch) => Some(batch.dispatches),
            _ => None,
        });
        let letter = |dispatch: &wire::Dispatch| {
            let kind = match dispatch.kind() {
                wire::DispatchKind::Submit => 'S',
                wire::DispatchKind::Reconcile => 'R',
                wire::DispatchKind::Watch => 'W',
                wire::DispatchKind::Cancel => 'C',
                wire::DispatchKind::Unspecified => '?',
            };
            format!("{}{kind}", dispatch.task.as_ref().unwrap().entry)
        };
        batches.flatten().map(|dispatch| letter(&dispatch)).collect::<Vec<_>>().join(" ")
    }

    /// The acknowledgements that have come, and drops: `3!` for stale, `3x` for a drop.
    pub(crate) async fn acks(&mut self) -> String {
        let mut out = Vec::new();
        for answer in self.arrived().await {
            match answer {
                Answer::Acks(batch) => out.extend(batch.acks.iter().map(|ack| {
                    format!("{}{}", ack.task.as_ref().unwrap().entry, if ack.stale { "!" } else { "" })
                })),
                Answer::Drops(batch) => out.extend(batch.tasks.iter().map(|task| format!("{}x", task.entry))),
                _ => {}
            }
        }
        out.join(" ")
    }

    pub(crate) async fn credit(&self, count: u32, bytes: u64) {
        self.send(Request::Credit(wire::Credit { count, bytes })).await;
    }

    pub(crate) async fn report(&self, task: &TaskId, outcome: Outcome) {
        let report = wire::Report { task: Some(task_to_wire(task)), outcome: Some(outcome), exchange: None };
        self.send(Request::Reports(wire::ReportBatch { reports: vec![report] })).await;
    }
}

pub(crate) fn submitted(job: &str) -> Outcome {
    Outcome::Submitted(wire::Submitted { external_ref: job.into(), output: Some(inline("{}")) })
}

pub(crate) fn succeeded() -> Outcome {
    Outcome::Succeeded(wire::Succeeded { output: Some(inline("1")) })
}

pub(crate) fn cancelled() -> Outcome {
    Outcome::Cancelled(wire::Cancelled {})
}

pub(crate) fn inline(text: &str) -> wire::Payload {
    wire::Payload { source: Some(wire::payload::Source::Inline(text.to_owned().into())) }
}
