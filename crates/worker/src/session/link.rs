//! One replica's session: opened, served, and opened again whenever it breaks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message as Out;
use newel_proto::worker::v1::session_response::Message as In;
use newel_proto::worker::v1::worker_service_client::WorkerServiceClient;
use newel_runtime::failpoint;
use rustc_hash::FxHashSet;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Streaming};

use super::inbound::{Inbound, Received, Violation};
use super::{Directory, Shared, Transport, home_of};
use crate::attempt::TaskKey;
use crate::backoff::Backoff;
use crate::executor::invalid;
use crate::ledger::{Acknowledged, CreditExceeded, Home};
use crate::reports::{Kind, Payloads};

/// Messages are at most 1 MiB; a little more is let through for framing.
const MAX_MESSAGE: usize = (1 << 20) + (64 << 10);
/// Messages that wait for the transport.
const OUTGOING: usize = 16;
/// About how much is taken from the ledger at a time.
const REPORTS_AT_ONCE: usize = 1 << 20;
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_RECONNECT: Duration = Duration::from_millis(100);
const LONGEST_RECONNECT: Duration = Duration::from_secs(10);
/// What an orchestrator may set as keepalive.
const KEEPALIVE: std::ops::RangeInclusive<u64> = 100..=300_000;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the orchestrator can't be reached: {0}")]
    Transport(#[from] tonic::transport::Error),
    #[error("the orchestrator answered {}: {}", .0.code(), .0.message())]
    Status(Box<tonic::Status>),
    #[error("the token can't be used: {0}")]
    Token(String),
    #[error("the orchestrator closed the session")]
    Closed,
    #[error("the orchestrator has been silent for too long")]
    Silent,
    #[error("the orchestrator broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the orchestrator broke the protocol: {0}")]
    Violation(#[from] Violation),
    #[error("{0}")]
    Credit(#[from] CreditExceeded),
}

impl From<tonic::Status> for Broken {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// A replica and what it takes to keep a session with it.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    transport: Arc<Transport>,
    home: Home,
    stop: CancellationToken,
}

/// An open session.
struct Session<'a> {
    link: &'a Link,
    inbound: Inbound,
    payloads: Payloads,
    /// Messages made but not handed to the transport yet.
    outgoing: VecDeque<wire::SessionRequest>,
}

impl Link {
    pub(super) fn new(
        shared: Arc<Shared>,
        directory: Arc<Directory>,
        transport: Arc<Transport>,
        home: Home,
        stop: CancellationToken,
    ) -> Self {
        Self { shared, directory, transport, home, stop }
    }

    /// Keeps the session until told to stop.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new(FIRST_RECONNECT, LONGEST_RECONNECT);
        while let Some(ended) = self.stop.run_until_cancelled(self.session(&mut backoff)).await {
            self.close();
            if let Err(broken) = ended {
                tracing::warn!(orchestrator = %self.home, reason = %broken, "session ended; connecting again");
            }
            if self.stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
                break;
            }
        }
        self.close();
    }

    fn close(&self) {
        let mut was_open = false;
        self.directory.open.lock().retain(|home| {
            was_open |= *home == self.home;
            *home != self.home
        });
        self.shared.ledger.close(&self.home);
        if was_open {
            self.shared.metrics.sessions(-1);
            self.shared.open.send_modify(|open| *open = open.saturating_sub(1));
            self.directory.closed(&self.home);
        }
    }

    async fn session(&self, backoff: &mut Backoff) -> Result<(), Broken> {
        let channel = self.transport.endpoint(&self.home)?.connect().await?;
        let mut client = WorkerServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let (sender, receiver) = mpsc::channel(OUTGOING);
        let (hello, offered) = self.hello();
        let first = wire::SessionRequest { message: Some(Out::Hello(hello)) };
        // The channel is new and has room.
        let _ = sender.try_send(first);

        let opening = async {
            let mut answers = client.session(self.request(receiver)?).await?.into_inner();
            match answers.message().await?.and_then(|answer| answer.message) {
                Some(In::Welcome(welcome)) => Ok((welcome, answers)),
                Some(_) => Err(Broken::Protocol("its first message isn't Welcome")),
                None => Err(Broken::Closed),
            }
        };
        let (welcome, answers) = timeout(WELCOME_TIMEOUT, opening).await.map_err(|_| Broken::Silent)??;
        backoff.reset();
        self.opened(&welcome, &offered);
        let keepalive = u64::from(welcome.keepalive_millis).clamp(*KEEPALIVE.start(), *KEEPALIVE.end());
        Session {
            link: self,
            inbound: Inbound::new(
                self.shared.options.max_payload_bytes,
                usize::try_from(self.shared.options.submit_credit_bytes).unwrap_or(usize::MAX),
            ),
            payloads: Payloads::default(),
            outgoing: VecDeque::new(),
        }
        .serve(sender, answers, Duration::from_millis(keepalive * 3))
        .await
    }

    fn hello(&self) -> (wire::Hello, Vec<TaskKey>) {
        let (credit, offered) = self.shared.ledger.greet(&self.home, &self.directory.targets());
        let hello = wire::Hello {
            family: self.shared.adapter.family().to_owned(),
            worker_id: self.shared.worker_id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resources: self.shared.adapter.resources(),
            credit: Some(wire::Credit { count: credit.count, bytes: credit.bytes }),
            held: offered.iter().map(TaskKey::to_wire).collect(),
            ..wire::Hello::default()
        };
        (hello, offered)
    }

    fn request(
        &self,
        receiver: mpsc::Receiver<wire::SessionRequest>,
    ) -> Result<Request<ReceiverStream<wire::SessionRequest>>, Broken> {
        let mut request = Request::new(ReceiverStream::new(receiver));
        if let Some(file) = &self.shared.token {
            let token = file.current().map_err(|error| Broken::Token(error.to_string()))?;
            let value = format!("Bearer {}", token.expose())
                .parse()
                .map_err(|_| Broken::Token("it isn't printable ASCII".to_owned()))?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }

    fn opened(&self, welcome: &wire::Welcome, offered: &[TaskKey]) {
        let keep: FxHashSet<TaskKey> =
            welcome.keep.iter().filter_map(|id| TaskKey::from_wire(Some(id)).ok()).collect();
        for task in self.shared.ledger.open(&self.home, offered, &keep) {
            self.shared.poller.forget(&task);
        }
        self.directory.opened(&self.home);
        self.shared.metrics.sessions(1);
        self.shared.open.send_modify(|open| *open += 1);
        let replicas: Option<Vec<Home>> = welcome.replicas.iter().map(|address| home_of(address)).collect();
        match replicas {
            Some(replicas) => self.directory.tell(&self.home, replicas),
            None => tracing::warn!(orchestrator = %self.home, "a replica's address isn't host:port"),
        }
        tracing::info!(
            orchestrator = %self.home, version = welcome.version, kept = keep.len(), held = offered.len(),
            "session open"
        );
    }
}

impl Session<'_> {
    async fn serve(
        mut self,
        sender: mpsc::Sender<wire::SessionRequest>,
        mut answers: Streaming<wire::SessionResponse>,
        silence: Duration,
    ) -> Result<(), Broken> {
        let shared = &self.link.shared;
        let notify = shared.ledger.notify(&self.link.home);
        let draining = shared.draining.clone();
        let mut told_draining = false;
        let repeat_after = shared.options.report_repeat();
        let mut repeat = tokio::time::interval_at(Instant::now() + repeat_after, repeat_after);
        let mut heard = Instant::now();
        // What was held before this session is to be said again.
        notify.notify_one();
        loop {
            // Each arm may be dropped while it waits: a message stays in its stream, a permit taken and not used goes
            // back, a notification stays pending. Reading never waits for sending, so the two sides can't block each other.
            tokio::select! {
                answer = answers.message() => {
                    heard = Instant::now();
                    self.receive(answer?.ok_or(Broken::Closed)?)?;
                }
                permit = sender.reserve(), if !self.outgoing.is_empty() => {
                    let permit = permit.map_err(|_| Broken::Closed)?;
                    if let Some(message) = self.outgoing.pop_front() {
                        let reports = matches!(message.message, Some(Out::Reports(_)));
                        permit.send(message);
                        if reports {
                            report_sent().await;
                        }
                    }
                }
                () = notify.notified(), if self.outgoing.is_empty() => self.gather(),
                _ = repeat.tick() => shared.ledger.repeat(&self.link.home),
                () = draining.cancelled(), if !told_draining => {
                    told_draining = true;
                    self.push(Out::Draining(wire::Draining {}));
                }
                () = tokio::time::sleep_until(heard + silence) => return Err(Broken::Silent),
            }
        }
    }

    fn push(&mut self, message: Out) {
        self.outgoing.push_back(wire::SessionRequest { message: Some(message) });
    }

    /// Takes from the ledger what is to be said.
    fn gather(&mut self) {
        let Link { shared, home, .. } = self.link;
        if let Some(credit) = shared.ledger.take_refund(home) {
            self.push(Out::Credit(wire::Credit { count: credit.count, bytes: credit.bytes }));
        }
        let reports = shared.ledger.take_reports(home, REPORTS_AT_ONCE);
        for told in &reports {
            shared.metrics.reported(told.report.kind().name());
        }
        self.outgoing.extend(self.payloads.messages(&reports));
        if !reports.is_empty() {
            // There may be more than was taken at once.
            shared.ledger.notify(home).notify_one();
        }
    }

    fn receive(&mut self, answer: wire::SessionResponse) -> Result<(), Broken> {
        match answer.message {
            Some(In::Dispatches(batch)) => {
                batch.dispatches.into_iter().try_for_each(|dispatch| self.dispatch(dispatch))
            }
            Some(In::Chunk(chunk)) => Ok(self.inbound.chunk(&chunk)?),
            Some(In::Acks(batch)) => {
                batch.acks.iter().for_each(|ack| self.acknowledged(ack));
                Ok(())
            }
            Some(In::Drops(batch)) => {
                for task in batch.tasks.iter().filter_map(|id| TaskKey::from_wire(Some(id)).ok()) {
                    if self.link.shared.ledger.dropped(&task) {
                        self.link.shared.poller.forget(&task);
                    }
                }
                Ok(())
            }
            Some(In::Welcome(_)) => Err(Broken::Protocol("a second Welcome")),
            // A newer orchestrator may say more than this worker knows of.
            None => Ok(()),
        }
    }

    fn dispatch(&mut self, dispatch: wire::Dispatch) -> Result<(), Broken> {
        let Link { shared, home, .. } = self.link;
        match self.inbound.dispatch(dispatch)? {
            Received::Dispatch(attempt, order) => {
                shared.executor.run(shared.ledger.accept(home, *attempt, order)?);
            }
            Received::Invalid(task, credit, problem) => {
                tracing::error!(%task, problem, "a dispatch can't be understood");
                shared.ledger.reject(home, task, credit, invalid(&problem));
            }
        }
        Ok(())
    }

    fn acknowledged(&self, ack: &wire::Ack) {
        let shared = &self.link.shared;
        let (Ok(task), Some(kind)) = (TaskKey::from_wire(ack.task.as_ref()), Kind::from_wire(ack.kind))
        else {
            return;
        };
        match shared.ledger.acknowledged(&task, kind, ack.stale) {
            Acknowledged::Watch(attempt, job) => shared.poller.watch(&attempt, job),
            Acknowledged::Unwatch => shared.poller.forget(&task),
            Acknowledged::Nothing => {}
        }
    }
}

/// The fail point between a report and its acknowledgement; the pause lets the transport send what it has.
async fn report_sent() {
    if cfg!(feature = "failpoints") {
        tokio::time::sleep(Duration::from_millis(10)).await;
        failpoint::hit("after-report-sent");
    }
}
