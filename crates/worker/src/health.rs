//! The standard gRPC health service of a worker.
//!
//! Service `""` is the process (liveness); service [`READY`] is serving while at least one session is open (readiness).

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::run::Error;

/// The name under which readiness is asked for.
pub const READY: &str = "ready";

/// Serves until told to stop.
pub(crate) async fn serve(
    address: SocketAddr,
    mut open: watch::Receiver<usize>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Health { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("", ServingStatus::Serving).await;
    let follow = async move {
        loop {
            let ready = *open.borrow_and_update() > 0;
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            reporter.set_service_status(READY, status).await;
            if open.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let server = Server::builder()
        .add_service(service)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.cancelled_owned());
    tokio::select! {
        served = server => served.map_err(|error| failed(std::io::Error::other(error))),
        () = follow => Ok(()),
    }
}
