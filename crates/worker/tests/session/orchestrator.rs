//! The orchestrator's side of a session, in a test's hands.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message as FromWorker;
use newel_proto::worker::v1::session_response::Message as ToWorker;
use newel_proto::worker::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

const PATIENCE: Duration = Duration::from_secs(15);
const KEEPALIVE_MILLIS: u32 = 60_000;

type Answers = mpsc::Sender<Result<wire::SessionResponse, Status>>;

/// A session as the server accepted it.
struct Accepted {
    authorization: Option<String>,
    requests: Streaming<wire::SessionRequest>,
    answers: Answers,
}

struct Server(mpsc::Sender<Accepted>);

#[tonic::async_trait]
impl WorkerService for Server {
    type SessionStream = ReceiverStream<Result<wire::SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<wire::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let authorization = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let authorization = authorization.map(str::to_owned);
        let (answers, stream) = mpsc::channel(64);
        let accepted = Accepted { authorization, requests: request.into_inner(), answers };
        self.0.send(accepted).await.map_err(|_| Status::unavailable("over"))?;
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// One replica. Every wait has an end.
pub(crate) struct Orchestrator {
    address: SocketAddr,
    accepted: mpsc::Receiver<Accepted>,
    session: Option<Accepted>,
    reports: VecDeque<wire::Report>,
    chunks: HashMap<u64, Vec<u8>>,
    authorization: Option<String>,
}

impl Orchestrator {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = mpsc::channel(8);
        let server =
            tonic::transport::Server::builder().add_service(WorkerServiceServer::new(Server(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            address,
            accepted,
            session: None,
            reports: VecDeque::new(),
            chunks: HashMap::new(),
            authorization: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn authorization(&self) -> Option<String> {
        self.authorization.clone()
    }

    /// Waits for a session, and welcomes it; the attempts of `keep` are kept.
    pub(crate) async fn welcome(&mut self, keep: &[u64]) -> wire::Hello {
        let address = self.address.to_string();
        self.welcome_with(keep, &[address]).await
    }

    pub(crate) async fn welcome_with(&mut self, keep: &[u64], replicas: &[String]) -> wire::Hello {
        self.reports.clear();
        self.session = None;
        let session = tokio::time::timeout(PATIENCE, self.accepted.recv()).await;
        let mut session = session.expect("a session in time").unwrap();
        let first = session.requests.message().await.unwrap().unwrap();
        let Some(FromWorker::Hello(hello)) = first.message else { panic!("{first:?}") };
        self.authorization.clone_from(&session.authorization);
        self.session = Some(session);
        self.send(ToWorker::Welcome(wire::Welcome {
            version: "test".to_owned(),
            replicas: replicas.to_vec(),
            keep: keep.iter().map(|entry| task(*entry)).collect(),
            keepalive_millis: KEEPALIVE_MILLIS,
        }))
        .await;
        hello
    }

    pub(crate) fn disconnect(&mut self) {
        self.session = None;
    }

    async fn send(&self, message: ToWorker) {
        let answers = &self.session.as_ref().unwrap().answers;
        answers.send(Ok(wire::SessionResponse { message: Some(message) })).await.unwrap();
    }

    pub(crate) async fn dispatch(&self, dispatch: wire::Dispatch) {
        self.send(ToWorker::Dispatches(wire::DispatchBatch { dispatches: vec![dispatch] })).await;
    }

    /// Dispatches with these parameters, in chunks.
    pub(crate) async fn dispatch_with(&self, mut dispatch: wire::Dispatch, parameters: &str) {
        let id = dispatch.task.as_ref().unwrap().entry;
        let mut parts = parameters.as_bytes().chunks(512 * 1024).peekable();
        while let Some(part) = parts.next() {
            let chunk = wire::PayloadChunk { id, data: part.to_vec().into(), last: parts.peek().is_none() };
            self.send(ToWorker::Chunk(chunk)).await;
        }
        dispatch.parameters = Some(wire::Payload { source: Some(wire::payload::Source::Chunked(id)) });
        self.dispatch(dispatch).await;
    }

    pub(crate) async fn acknowledge(&self, ack: wire::Ack) {
        self.send(ToWorker::Acks(wire::AckBatch { acks: vec![ack] })).await;
    }

    pub(crate) async fn drop_task(&self, entry: u64) {
        self.send(ToWorker::Drops(wire::DropBatch { tasks: vec![task(entry)] })).await;
    }

    /// The worker's next message that isn't part of a payload.
    async fn next(&mut self) -> FromWorker {
        loop {
            let session = self.session.as_mut().unwrap();
            let message = tokio::time::timeout(PATIENCE, session.requests.message()).await;
            let message = message.expect("a message in time").unwrap().expect("an open session");
            match message.message.unwrap() {
                FromWorker::Chunk(chunk) => {
                    self.chunks.entry(chunk.id).or_default().extend_from_slice(&chunk.data);
                }
                other => return other,
            }
        }
    }

    pub(crate) async fn report(&mut self) -> wire::Report {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return report;
            }
            if let FromWorker::Reports(batch) = self.next().await {
                self.reports.extend(batch.reports);
            }
        }
    }

    /// Credit that the worker grants.
    pub(crate) async fn credit(&mut self) -> u32 {
        loop {
            match self.next().await {
                FromWorker::Credit(credit) => return credit.count,
                FromWorker::Reports(batch) => self.reports.extend(batch.reports),
                _ => {}
            }
        }
    }

    pub(crate) async fn draining(&mut self) {
        while !matches!(self.next().await, FromWorker::Draining(_)) {}
    }

    async fn outcome(&mut self, entry: u64) -> wire::report::Outcome {
        let report = self.report().await;
        assert_eq!(report.task, Some(task(entry)), "{report:?}");
        report.outcome.unwrap()
    }

    pub(crate) async fn submitted(&mut self, entry: u64) -> wire::Submitted {
        match self.outcome(entry).await {
            wire::report::Outcome::Submitted(submitted) => submitted,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn succeeded(&mut self, entry: u64) -> String {
        match self.outcome(entry).await {
            wire::report::Outcome::Succeeded(succeeded) => {
                match succeeded.output.as_ref().and_then(|output| output.source.as_ref()) {
                    Some(wire::payload::Source::Chunked(id)) => {
                        String::from_utf8(self.chunks.remove(id).unwrap()).unwrap()
                    }
                    _ => payload_text(succeeded.output.as_ref()),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn failed(&mut self, entry: u64) -> wire::Failed {
        match self.outcome(entry).await {
            wire::report::Outcome::Failed(failed) => failed,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn cancelled(&mut self, entry: u64) {
        let outcome = self.outcome(entry).await;
        assert!(matches!(outcome, wire::report::Outcome::Cancelled(_)), "{outcome:?}");
    }
}

/// The text of a payload that is in its message.
pub(crate) fn payload_text(payload: Option<&wire::Payload>) -> String {
    match payload.and_then(|payload| payload.source.as_ref()) {
        Some(wire::payload::Source::Inline(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn task(entry: u64) -> wire::TaskId {
    wire::TaskId { execution: vec![7; 16].into(), frame: String::new(), entry, attempt: 0 }
}

pub(crate) fn ack(entry: u64, kind: wire::ReportKind, stale: bool) -> wire::Ack {
    wire::Ack { task: Some(task(entry)), kind: kind as i32, stale }
}

/// A dispatch of a job's attempt.
pub(crate) fn dispatch(entry: u64, kind: wire::DispatchKind) -> wire::Dispatch {
    wire::Dispatch {
        task: Some(task(entry)),
        kind: kind as i32,
        resource: "arn:aws:states:::scripted:run.sync".to_owned(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_owned(),
        state_name: "S".to_owned(),
        parameters: Some(wire::Payload { source: Some(wire::payload::Source::Inline("{}".into())) }),
        submit_token: format!("00000000-0000-4000-8000-{entry:012}"),
        ..Default::default()
    }
}

/// Waits until a health service says that `service` is serving.
pub(crate) async fn until_serving(address: SocketAddr, service: &str) {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let wait = async {
        loop {
            let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
            if let Ok(channel) = endpoint.connect().await {
                let mut client = HealthClient::new(channel);
                let request = HealthCheckRequest { service: service.to_owned() };
                let status = client.check(request).await.map(|answer| answer.into_inner().status());
                if matches!(status, Ok(ServingStatus::Serving)) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("healthy in time");
}
