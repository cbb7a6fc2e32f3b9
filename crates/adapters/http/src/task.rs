//! HTTP Tasks: `http:invoke`. <https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RANGE, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use newel_runtime::Secret;
use newel_value::{Object, Payload, Value};
use newel_worker::aws::Aws;
use newel_worker::{Attempt, Failure, Submission};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::aws_connections::AwsConnections;
use crate::client::{Call, Client, Fault, Limits, Reply};
use crate::connections::{Additions, Connection, Connections, failure, merged_body};
use crate::form::{self, ArrayFormat};
use crate::parameters::{Pairs, Parameters, add_query, headers, invalid, query};
use crate::redirect;
use crate::reply::{MAX_BODY, too_long};
use crate::shown::Watched;
use crate::source::Secrets;

/// The error of a call that didn't come to an answer.
pub(crate) const SOCKET: &str = "States.Http.Socket";
/// Media types whose answers aren't taken.
const BINARY: &[&str] = &["image/", "video/", "audio/"];

/// How HTTP Tasks are carried out.
#[derive(Debug)]
pub(crate) struct HttpTasks {
    connections: Connections,
    in_aws: AwsConnections,
    secrets: Secrets,
    timeout: Duration,
    max_redirects: u32,
}

/// The parameters of one.
#[derive(Debug)]
struct HttpTask<'v> {
    endpoint: &'v str,
    method: Method,
    connection: &'v str,
    headers: HeaderMap,
    query: Pairs,
    body: Option<Value>,
    form: Option<ArrayFormat>,
}

impl<'v> HttpTask<'v> {
    fn read(parameters: &'v Value) -> Result<Self, Failure> {
        let given = Parameters::new(parameters)?;
        let connection = ["InvocationConfig", "Authentication"].iter().find_map(|field| given.get(field));
        let connection = connection.and_then(|config| config.get("ConnectionArn")).and_then(Value::as_str);
        Ok(Self {
            endpoint: given.text("ApiEndpoint")?,
            method: given.method()?,
            connection: connection.ok_or_else(|| invalid("the field 'ConnectionArn' is missing"))?,
            headers: headers(given.get("Headers"))?,
            query: query(given.get("QueryParameters"))?,
            body: given.get("RequestBody").cloned(),
            form: array_format(given.get("Transform"))?,
        })
    }

    /// The request, with what the connection adds.
    fn call(&self, mut url: Url, additions: &Additions, region: &str) -> Result<Call, Failure> {
        add_query(&mut url, &self.query, &additions.query);
        let mut headers = self.headers.clone();
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json; charset=UTF-8"));
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-262144"));
        let agent = format!("Amazon|StepFunctions|HttpInvoke|{region}");
        headers.insert(USER_AGENT, HeaderValue::from_str(&agent).map_err(invalid)?);
        for name in additions.headers.keys() {
            headers.remove(name);
        }
        headers.extend(additions.headers.clone());
        let body = self.encoded(merged_body(self.body.clone(), &additions.body).map_err(invalid)?);
        Ok(Call { method: self.method.clone(), url, headers, body })
    }

    /// The body without what the connection adds to it or puts in the place of the task's own.
    fn own_body(&self, additions: &Additions) -> Bytes {
        let added = |name: &str| additions.body.iter().any(|(added, _)| added == name);
        let own = match &self.body {
            Some(Value::Object(own)) => {
                let kept = own.iter().filter(|(name, _)| !added(name));
                Some(kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Object>().into())
            }
            other => other.clone(),
        };
        self.encoded(own)
    }

    fn encoded(&self, body: Option<Value>) -> Bytes {
        body.map_or_else(Bytes::new, |body| match (self.form, &body) {
            (Some(format), body) => form::encode(body, format).into(),
            (None, Value::String(text)) => text.to_string().into(),
            (None, body) => body.to_json().into(),
        })
    }
}

/// The format of arrays if the body is to be a form.
fn array_format(transform: Option<&Value>) -> Result<Option<ArrayFormat>, Failure> {
    let Some(transform) = transform else { return Ok(None) };
    match transform.get("RequestBodyEncoding").and_then(Value::as_str) {
        None | Some("NONE") => return Ok(None),
        Some("URL_ENCODED") => {}
        Some(other) => return Err(invalid(format_args!("'{other}' is no RequestBodyEncoding"))),
    }
    let named = transform.pointer("/RequestEncodingOptions/ArrayFormat").and_then(Value::as_str);
    let Some(named) = named else { return Ok(Some(ArrayFormat::default())) };
    ArrayFormat::parse(named).map(Some).ok_or_else(|| invalid(format_args!("'{named}' is no ArrayFormat")))
}

impl HttpTasks {
    pub(crate) const fn new(
        connections: Connections,
        in_aws: AwsConnections,
        secrets: Secrets,
        timeout: Duration,
        max_redirects: u32,
    ) -> Self {
        Self { connections, in_aws, secrets, timeout, max_redirects }
    }

    /// The connection that a task names: the one that is configured, else the one in AWS.
    async fn connection(
        &self,
        aws: &Aws,
        attempt: &Attempt,
        named: &str,
        host: &str,
    ) -> Result<Arc<Connection>, Failure> {
        if self.connections.knows(named) || !named.starts_with("arn:") {
            return self.connections.find(named, &attempt.identity.account, host);
        }
        self.in_aws.find(aws, attempt, named).await
    }

    /// Carries out an attempt.
    ///
    /// # Errors
    /// When nothing was sent on its behalf.
    pub(crate) async fn submit(
        &self,
        client: &Client,
        aws: &Aws,
        attempt: &Attempt,
        parameters: &Value,
    ) -> Result<Submission, Failure> {
        let deadline = Instant::now() + self.timeout;
        let task = HttpTask::read(parameters)?;
        let url = client.endpoint(task.endpoint).map_err(invalid)?;
        let identity = &attempt.identity;
        let host = url.host_str().unwrap_or_default();
        let connection = self.connection(aws, attempt, task.connection, host).await?;
        let mut refused: Option<Secret> = None;
        loop {
            let additions = connection.additions(client, &self.secrets, deadline, refused.as_ref());
            let additions = timeout_at(deadline, additions).await.map_err(|_| {
                failure("InternalError", "The connection's secrets couldn't be had in time.")
            })??;
            let call = task.call(url.clone(), &additions, &identity.region)?;
            let trace = attempt.http_trace.as_ref();
            let watched =
                trace.map(|trace| Watched::new(trace, &connection, &additions, task.own_body(&additions)));
            let answer = self.send(client, call, deadline, watched.as_ref()).await;
            // The token may have been revoked before its time. What was refused had no effect, so a new one is tried, once.
            let unauthorized = matches!(&answer, Ok(reply)
                if [StatusCode::UNAUTHORIZED, StatusCode::PROXY_AUTHENTICATION_REQUIRED].contains(&reply.status));
            match additions.token {
                Some(token) if unauthorized && refused.is_none() => refused = Some(token),
                _ => return Ok(outcome(answer, &task.method)),
            }
        }
    }

    /// Makes a call, and those that it is redirected to.
    async fn send(
        &self,
        client: &Client,
        call: Call,
        deadline: Instant,
        watched: Option<&Watched<'_>>,
    ) -> Result<Reply, Fault> {
        let limits = Limits { deadline, body: MAX_BODY };
        let (mut next, mut redirects) = (call.clone(), 0);
        loop {
            let answer = client.send(next.clone(), limits, None).await;
            if let Some(watched) = watched {
                watched.saw(&next, &answer);
            }
            let reply = answer?;
            if redirects == self.max_redirects {
                return Ok(reply);
            }
            redirects += 1;
            match redirect::follow(client, &call, &next, &reply) {
                Some(followed) => next = followed,
                None => return Ok(reply),
            }
        }
    }
}

/// Whether a call may be made again without harm.
pub(crate) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn outcome(answer: Result<Reply, Fault>, method: &Method) -> Submission {
    match answer {
        Ok(reply) if reply.status.is_success() => match result(&reply) {
            Ok(result) => Submission::Finished(Payload::from(result)),
            Err(failure) => Submission::Failed(failure),
        },
        Ok(reply) => Submission::Failed(refusal("States.Http.StatusCode", &reply)),
        Err(Fault::TooLong(_)) => Submission::Failed(too_long("http")),
        Err(fault) => {
            let cause = fault.to_string();
            let failure = Failure::new(SOCKET, cause.as_str());
            if fault.is_unsent() || is_safe(method) {
                Submission::Failed(failure)
            } else {
                Submission::Unknown { answer: Some(failure), cause }
            }
        }
    }
}

/// The failure of a status other than 2xx: `<prefix>.<status>`, with the answer's body as its cause.
pub(crate) fn refusal(prefix: &str, reply: &Reply) -> Failure {
    let cause = reply.text().ok().filter(|text| !text.is_empty());
    Failure::new(format!("{prefix}.{}", reply.status.as_u16()), cause.unwrap_or_else(|| reply.reason.clone()))
}

fn result(reply: &Reply) -> Result<Value, Failure> {
    let unsupported = |problem: String| Failure::new("States.Runtime", problem);
    if let Some(kind) = reply.media_type()
        && (kind == "application/octet-stream" || BINARY.iter().any(|binary| kind.starts_with(binary)))
    {
        return Err(unsupported(format!("answers of the content type {kind} are not supported")));
    }
    let body = reply.content().map_err(|error| unsupported(error.to_string()))?;
    Ok(reply.result(body))
}
