//! The server that every figure is compared with: one axum handler that reads the body and answers as the operation
//! that is measured does, in a process of its own.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;

/// The argument with which this program is the empty server.
pub(crate) const ARGUMENT: &str = "empty-server";
/// What it prints before its address.
pub(crate) const READY: &str = "empty server: ";

const STARTED: &str = r#"{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:bench:01234567-0123-0123-0123-0123456789ab","startDate":1700000000.123}"#;
const CLOSED: &str = r#"{"executionArn":"arn:aws:states:us-east-1:000000000000:express:bench:01234567-0123-0123-0123-0123456789ab:01234567-0123-0123-0123-0123456789ab","stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:bench","name":"01234567-0123-0123-0123-0123456789ab","startDate":1700000000.123,"stopDate":1700000000.123,"status":"SUCCEEDED","input":"{}","inputDetails":{"included":true},"output":"{}","outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":100}}"#;

/// Serves until it is killed, with an answer like that of `operation`.
pub(crate) async fn serve(operation: Option<&str>) -> anyhow::Result<()> {
    let answer = if operation == Some("StartSyncExecution") { CLOSED } else { STARTED };
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    writeln!(std::io::stdout(), "{READY}{}", listener.local_addr()?)?;
    let router = Router::new().route("/", post(move |_: Bytes| async move { answer }));
    axum::serve(listener, router).await?;
    Ok(())
}
