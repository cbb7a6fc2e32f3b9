//! A server with a fake engine, and a plain HTTP client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use newel_api::{Bounds, Clock, Credentials, Error, GrpcAuth, Options, Server, Throttling};
use newel_asl::{Limits, Timestamp};
use newel_engine::request::Tenant;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Channel;

use crate::fake::{AT, Fake};

pub(crate) struct Api {
    pub(crate) engine: Arc<Fake>,
    pub(crate) http: SocketAddr,
    grpc: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Error>>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

pub(crate) fn options() -> Options {
    let loopback = "127.0.0.1:0".parse().unwrap();
    Options {
        http: loopback,
        grpc: loopback,
        default_tenant: Tenant { account: "000000000000".into(), region: "us-east-1".into() },
        credentials: Credentials::default(),
        limits: Limits::default(),
        bounds: Bounds::default(),
        throttling: Throttling::default(),
        token_key: [7; 32],
        clock: Clock::new(|| AT),
    }
}

pub(crate) async fn bind(options: Options, engine: &Arc<Fake>) -> Result<Server, Error> {
    let auth = GrpcAuth::new(&options.credentials, options.default_tenant.clone())?;
    Server::bind(options, auth, engine.clone(), Routes::default()).await
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let engine = Arc::new(Fake::default());
        let server = bind(options, &engine).await.unwrap();
        let (http, grpc) = (server.http_addr(), server.grpc_addr());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { engine, http, grpc, client, stop, server }
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let response: Response<_> = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(format!("http://{}{path}", self.http)).body(Full::default()).unwrap()).await
    }

    pub(crate) fn request(&self, operation: &str, body: &str) -> Request<Full<Bytes>> {
        Request::post(format!("http://{}/", self.http))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(Full::from(body.to_owned()))
            .unwrap()
    }

    pub(crate) async fn call(&self, operation: &str, body: &str) -> Answer {
        self.send(self.request(operation, body)).await
    }

    /// The answer of a call that goes well.
    #[track_caller]
    pub(crate) fn ok(&self, operation: &str, body: &str) -> impl Future<Output = serde_json::Value> {
        let caller = std::panic::Location::caller();
        let call = self.call(operation, body);
        async move {
            let answer = call.await;
            assert_eq!(answer.status, 200, "{caller}: {}", answer.body);
            assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.0");
            serde_json::from_str(&answer.body).unwrap()
        }
    }

    /// Name and message of the refusal of a call.
    pub(crate) async fn refused(&self, operation: &str, body: &str) -> (u16, String, String) {
        let answer = self.call(operation, body).await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let name = json["__type"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.headers.get("x-amzn-errortype").map(|v| v.to_str().unwrap()), Some(&*name));
        (answer.status, name, json["message"].as_str().unwrap_or_default().to_owned())
    }

    /// A connection to the gRPC port.
    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(());
        tokio::time::timeout(Duration::from_secs(20), self.server).await.unwrap().unwrap()
    }
}

/// The time that `at` shows can be moved.
pub(crate) fn clock(at: &Arc<std::sync::atomic::AtomicI64>) -> Clock {
    let at = Arc::clone(at);
    Clock::new(move || Timestamp::from_millis(at.load(std::sync::atomic::Ordering::SeqCst)))
}
