//! AWS JSON over one kept connection.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

const ROLE: &str = "arn:aws:iam::000000000000:role/bench";
/// Whose calls these are. A server without access keys reads the account and the region and verifies nothing.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A connection to the AWS JSON port.
#[derive(Debug)]
pub(crate) struct Api {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    authorization: String,
}

impl Api {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::connect_to(address, "states").await
    }

    /// Connects to whatever service listens.
    pub(crate) async fn connect_to(address: SocketAddr, service: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; its errors are those of the calls.
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string(), authorization: authorization(service) })
    }

    /// One call; any answer is one.
    pub(crate) async fn call(&mut self, operation: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        self.aws_json(&target(operation), body).await
    }

    /// One call; `target` is its `X-Amz-Target`.
    pub(crate) async fn aws_json(
        &mut self,
        target: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::post("/")
            .header("host", &self.host)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("authorization", &self.authorization)
            .body(Full::new(body))?;
        self.send(request).await
    }

    /// A page for operators.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::get(path).header("host", &self.host).body(Full::default())?;
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// One call that must succeed.
    pub(crate) async fn ask(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let (status, body) = self.call(operation, input.to_string().into()).await?;
        anyhow::ensure!(status.is_success(), "{operation}: {status} {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }

    /// Creates a state machine and gives its ARN.
    pub(crate) async fn create(&mut self, name: &str, definition: &Value) -> anyhow::Result<String> {
        self.create_typed(name, "STANDARD", definition).await
    }

    /// Creates a state machine of that type and gives its ARN.
    pub(crate) async fn create_typed(
        &mut self,
        name: &str,
        machine_type: &str,
        definition: &Value,
    ) -> anyhow::Result<String> {
        let definition = definition.to_string();
        let input = json!({"name": name, "type": machine_type, "definition": definition, "roleArn": ROLE});
        text(&self.ask("CreateStateMachine", &input).await?, "stateMachineArn")
    }

    /// An execution's status.
    pub(crate) async fn status(&mut self, execution: &str) -> anyhow::Result<String> {
        text(&self.ask("DescribeExecution", &json!({"executionArn": execution})).await?, "status")
    }

    /// Whether a state machine has an execution of this status.
    pub(crate) async fn any(&mut self, machine: &str, status: &str) -> anyhow::Result<bool> {
        let input = json!({"stateMachineArn": machine, "statusFilter": status, "maxResults": 1});
        let answer = self.ask("ListExecutions", &input).await?;
        Ok(answer["executions"].as_array().is_some_and(|found| !found.is_empty()))
    }
}

/// The `X-Amz-Target` of an operation of Step Functions.
pub(crate) fn target(operation: &str) -> String {
    format!("AWSStepFunctions.{operation}")
}

/// A text among an answer's members.
pub(crate) fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    Ok(answer[member].as_str().with_context(|| format!("an answer without {member}: {answer}"))?.to_owned())
}

/// The body of a StartExecution call.
pub(crate) fn start(machine: &str, input: &str) -> Bytes {
    json!({"stateMachineArn": machine, "input": input}).to_string().into()
}
