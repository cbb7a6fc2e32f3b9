//! Both ports: bound, served, and shut down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use newel_engine::Workflows;
use newel_proto::v1::integrations_service_server::IntegrationsServiceServer;
use newel_proto::v1::workflows_service_server::WorkflowsServiceServer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::auth::HttpAuth;
use crate::front::Front;
use crate::grpc;
use crate::metrics::Metrics;
use crate::model::Operation;
use crate::service::Service;
use crate::throttle::Throttle;
use crate::{Bounds, Error, GrpcAuth, Options, check_bind};

/// How often the health service asks the engine whether it is ready.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// How long to wait after the system refused a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes a gRPC message may have beyond the limit of requests: its framing and the members beside the payload.
const MESSAGE_OVERHEAD: usize = 65_536;
/// Streams that a gRPC connection may have open at once.
const STREAMS: u32 = 1_024;

/// A server whose ports are bound and not served yet: connections wait in the system's queue.
#[derive(Debug)]
pub struct Server {
    http: TcpListener,
    grpc: TcpListener,
    http_addr: SocketAddr,
    grpc_addr: SocketAddr,
    front: Front,
    routes: Routes,
    health: HealthReporter,
    engine: Arc<dyn Workflows>,
    bounds: Bounds,
    longest_call: Duration,
}

impl Server {
    /// Binds both ports. `services` are further gRPC services for the second one, such as the workers'; they ask their
    /// callers who they are themselves ([`crate::WorkerAuth`], made from the same `auth`).
    ///
    /// # Errors
    /// [`Error::Exposed`] when an address is not a loopback one and its port would ask nobody who they are;
    /// [`Error::Listen`] when an address is taken; [`Error::Throttling`] when the rates can't be used.
    pub async fn bind(
        options: Options,
        auth: GrpcAuth,
        engine: Arc<dyn Workflows>,
        services: Routes,
    ) -> Result<Self, Error> {
        let Options { http, grpc, default_tenant, credentials, limits, bounds, throttling, token_key, clock } =
            options;
        check_bind(http, !credentials.access_keys.is_empty())?;
        check_bind(grpc, auth.is_secured())?;
        let (http, http_addr) = listen(http).await?;
        let (grpc, grpc_addr) = listen(grpc).await?;

        let message_bytes = limits.request_bytes.saturating_add(MESSAGE_OVERHEAD);
        let throttle = Throttle::new(throttling)?;
        let service = Service::new(Arc::clone(&engine), limits, &token_key, clock).throttled(throttle);
        let metrics = Metrics::new();
        let longest = |operation| service.call_timeout(Some(operation), bounds.call_timeout());
        let longest_call = Operation::ALL.into_iter().map(longest).max().unwrap_or_default();
        let workflows = WorkflowsServiceServer::new(grpc::Workflows::new(
            service.clone(),
            auth.clone(),
            metrics.clone(),
            bounds.call_timeout(),
        ))
        .max_decoding_message_size(message_bytes);
        let integrations = grpc::Integrations::new(Arc::clone(&engine), auth, metrics.clone());
        let (health, health_service) = tonic_health::server::health_reporter();
        let routes =
            services.add_service(workflows).add_service(IntegrationsServiceServer::new(integrations));
        let routes = routes.add_service(health_service).add_service(reflection()?).prepare();
        let http_auth = HttpAuth::new(credentials.access_keys, default_tenant);
        let front = Front::new(service, http_auth, metrics, bounds.calls, bounds.call_timeout());
        Ok(Self { http, grpc, http_addr, grpc_addr, front, routes, health, engine, bounds, longest_call })
    }

    /// Where AWS JSON is served.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where gRPC is served.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Serves until `shutdown` ends; then takes no more connections, and gives open calls a while to end.
    ///
    /// # Errors
    /// [`Error::Grpc`] when the gRPC server fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let Self { http, grpc, front, routes, health, engine, bounds, longest_call, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let http = tokio::spawn(serve_http(http, front, bounds.clone(), stopped.clone()));
        let health = tokio::spawn(report_health(health, engine, stopped.clone()));
        let grpc = serve_grpc(grpc, routes, bounds.clone(), longest_call, stopped);
        let mut grpc = std::pin::pin!(grpc);
        let early = tokio::select! {
            // Safe to drop: it only waits.
            () = shutdown => None,
            // It ends by itself only when it fails.
            result = &mut grpc => Some(result),
        };
        stop.send_replace(true);
        let result = match early {
            Some(result) => result,
            // Streams, such as workers' sessions, end when their client does, or when time is up.
            None => tokio::time::timeout(bounds.shutdown_timeout(), grpc).await.unwrap_or(Ok(())),
        };
        // Both end by themselves once stopped; a panic in one was logged where it happened.
        let _ = tokio::join!(http, health);
        result
    }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn reflection() -> Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
    Error,
> {
    Ok(tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(newel_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which stops as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn serve_grpc(
    listener: TcpListener,
    routes: Routes,
    bounds: Bounds,
    longest_call: Duration,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let header_bytes = u32::try_from(bounds.header_bytes).unwrap_or(u32::MAX);
    tonic::transport::Server::builder()
        // Until a call is answered or its stream begins; streams last as long as they like. Calls that don't wait for an
        // execution are held to less.
        .timeout(longest_call)
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(header_bytes)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .tcp_nodelay(true)
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped(stop))
        .await?;
    Ok(())
}

async fn serve_http(listener: TcpListener, front: Front, bounds: Bounds, stop: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let builder = http_builder(&bounds);
    let mut stop = std::pin::pin!(stopped(stop));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { break };
        let accepted = tokio::select! {
            // Safe to drop: a connection is either accepted whole or still in the system's queue.
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // An answer is small and waited for; if the option can't be set, it is merely later.
        let _ = stream.set_nodelay(true);
        let front = front.clone();
        let service = hyper::service::service_fn(move |request| front.clone().handle(request));
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is its client's business.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection broke");
            }
            drop(permit);
        });
    }
    let ended = tokio::time::timeout(bounds.shutdown_timeout(), graceful.shutdown()).await;
    if ended.is_err() {
        tracing::warn!("calls were still open when the shutdown's time was up");
    }
}

fn http_builder(bounds: &Bounds) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout())
        .max_headers(bounds.headers)
        // hyper panics below 8 KiB.
        .max_buf_size(bounds.header_bytes.max(8_192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(bounds.header_bytes).unwrap_or(u32::MAX));
    builder
}

/// Keeps the health service's answers true, for the whole server and for each service.
async fn report_health(health: HealthReporter, engine: Arc<dyn Workflows>, stop: watch::Receiver<bool>) {
    // The process as a whole (`""`, what a liveness probe asks) lives as long as it answers: restarting it because its
    // store is full or changing hands would help nobody.
    let services =
        ["newel.v1.WorkflowsService", "newel.v1.IntegrationsService", "newel.worker.v1.WorkerService"];
    set_health(&health, &[""], true).await;
    let mut stop = std::pin::pin!(stopped(stop));
    let mut told = None;
    loop {
        let ready = engine.ready();
        if told != Some(ready) {
            told = Some(ready);
            set_health(&health, &services, ready).await;
        }
        tokio::select! {
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
            () = &mut stop => break,
        }
    }
    set_health(&health, &services, false).await;
    set_health(&health, &[""], false).await;
}

async fn set_health(health: &HealthReporter, services: &[&str], ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in services {
        health.set_service_status(*service, status).await;
    }
}
