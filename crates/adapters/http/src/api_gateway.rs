//! API Gateway: `apigateway:invoke`. <https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html>

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method};
use newel_value::{Object, Payload, Value};
use newel_worker::aws::{Access, Aws};
use newel_worker::{Attempt, ExternalRef, Failure, Pattern, Started, Submission};
use tokio::time::Instant;
use url::Url;

use crate::client::{Call, Client, Fault, Limits, Reply};
use crate::parameters::{Pairs, Parameters, add_query, headers, invalid, query};
use crate::reply::{MAX_BODY, too_long};
use crate::signing;
use crate::task::{is_safe, refusal};

/// The prefix of the error names.
pub(crate) const PREFIX: &str = "ApiGateway";
/// The service that calls are signed for.
const SIGNED_FOR: &str = "execute-api";

/// How APIs are invoked.
#[derive(Debug)]
pub(crate) struct ApiGateway {
    timeout: Duration,
    /// Where APIs are instead of at their own hosts, as emulators serve them, with a client that may reach it.
    emulator: Option<(Url, Client)>,
}

/// The parameters of one call.
#[derive(Debug)]
struct Invoke<'v> {
    endpoint: &'v str,
    method: Method,
    headers: HeaderMap,
    stage: &'v str,
    path: &'v str,
    query: Pairs,
    body: Bytes,
    signed: bool,
}

impl<'v> Invoke<'v> {
    fn read(parameters: &'v Value) -> Result<Self, Failure> {
        let given = Parameters::new(parameters)?;
        let nulls = given.get("AllowNullValues").and_then(Value::as_bool).unwrap_or(false);
        let method = given.method()?;
        let signed = match given.optional_text("AuthType")?.unwrap_or("NO_AUTH") {
            "NO_AUTH" => false,
            // Nobody but Step Functions itself can sign as its service, so a resource policy has to name the role that
            // the worker signs with.
            "IAM_ROLE" | "RESOURCE_POLICY" => true,
            other => return Err(invalid(format_args!("'{other}' is no AuthType"))),
        };
        let mut headers = headers(given.get("Headers"))?;
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
        let body = given.get("RequestBody").filter(|_| takes_body);
        if body.is_some() {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        let body = body.map_or_else(Bytes::new, |body| match body {
            Value::String(text) => text.to_string().into(),
            body if nulls => body.to_json().into(),
            body => without_nulls(body).to_json().into(),
        });
        Ok(Self {
            endpoint: given.text("ApiEndpoint")?,
            method,
            headers,
            stage: given.optional_text("Stage")?.unwrap_or_default(),
            path: given.optional_text("Path")?.unwrap_or_default(),
            query: query(given.get("QueryParameters"))?,
            body,
            signed,
        })
    }

    fn call(&self, mut url: Url, region: &str) -> Result<Call, Failure> {
        add_query(&mut url, &self.query, &[]);
        let mut headers = self.headers.clone();
        let agent = format!("Amazon|StepFunctions|ApiGatewayInvoke|{region}");
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_str(&agent).map_err(invalid)?);
        Ok(Call { method: self.method.clone(), url, headers, body: self.body.clone() })
    }
}

/// A body without the members that are null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.to_string(), without_nulls(value))).collect::<Object>().into()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The parts of an API's host name, `<id>.execute-api.<region>.amazonaws.com`.
fn api_and_region(host: &str) -> Option<(&str, &str)> {
    let (id, rest) = host.split_once(".execute-api.")?;
    let alphanumeric = !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let (region, domain) = rest.split_once('.')?;
    (alphanumeric && ["amazonaws.com", "amazonaws.com.cn"].contains(&domain)).then_some((id, region))
}

/// `/stage/path`, with what can't stand in a path encoded.
fn set_path(url: &mut Url, parts: &[&str]) {
    let parts = parts.iter().map(|part| part.trim_start_matches('/')).filter(|part| !part.is_empty());
    let path: Vec<&str> = parts.collect();
    url.set_path(&path.join("/"));
}

impl ApiGateway {
    pub(crate) const fn new(timeout: Duration, emulator: Option<(Url, Client)>) -> Self {
        Self { timeout, emulator }
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
        let invoke = Invoke::read(parameters)?;
        let (url, client, region) = self.target(client, &invoke)?;
        let region = region.unwrap_or_else(|| attempt.identity.region.to_string());
        let mut call = invoke.call(url, &attempt.identity.region)?;
        if invoke.signed {
            let caller = aws.caller(&attempt.identity, attempt.execution_name()).await.map_err(no_access)?;
            let credentials =
                signing::credentials(caller.config()).await.map_err(|cause| client_failure(&cause))?;
            let signed = signing::sign_call(&mut call, credentials, &region, SIGNED_FOR);
            signed.map_err(|cause| client_failure(&cause))?;
        }
        let answer = client.send(call, Limits { deadline, body: MAX_BODY }, None).await;
        Ok(outcome(answer, attempt.pattern, &invoke.method))
    }

    /// Where a call goes, with what, and to which region if the host tells.
    fn target<'c>(
        &'c self,
        client: &'c Client,
        invoke: &Invoke<'_>,
    ) -> Result<(Url, &'c Client, Option<String>), Failure> {
        let given = invoke.endpoint.trim_end_matches('/');
        let text = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
        let host = text.split("://").nth(1).unwrap_or_default();
        let api = api_and_region(host);
        if let (Some((url, emulator)), Some((id, region))) = (&self.emulator, api) {
            let mut url = url.clone();
            set_path(&mut url, &["restapis", id, invoke.stage, "_user_request_", invoke.path]);
            return Ok((url, emulator, Some(region.to_owned())));
        }
        let mut url = client.endpoint(&text).map_err(invalid)?;
        if api.is_none() && !client.guard().lists(url.host_str().unwrap_or_default()) {
            return Err(invalid(format_args!(
                "the ApiEndpoint '{given}' isn't of the form <API ID>.execute-api.<region>.amazonaws.com, nor in \
                 worker.http.allow"
            )));
        }
        set_path(&mut url, &[invoke.stage, invoke.path]);
        let region = api.map(|(_, region)| region.to_owned());
        Ok((url, client, region))
    }
}

/// A call that wasn't made because of the role.
pub(crate) fn no_access(access: Access) -> Failure {
    match access {
        Access::Denied(failure) => failure,
        Access::Unreachable(cause) => client_failure(&cause),
    }
}

/// A call that didn't come to an answer.
pub(crate) fn client_failure(cause: &str) -> Failure {
    Failure::sdk_client(PREFIX, cause)
}

fn outcome(answer: Result<Reply, Fault>, pattern: Pattern, method: &Method) -> Submission {
    match answer {
        Ok(reply) if reply.status.is_success() => match reply.content() {
            Ok(body) => {
                let output = Payload::from(reply.result(body));
                match pattern {
                    // What was started sends the token back; there is nothing to watch or stop.
                    Pattern::Callback => {
                        Submission::Started(Started { external_ref: ExternalRef::new(""), output })
                    }
                    Pattern::RequestResponse | Pattern::Job => Submission::Finished(output),
                }
            }
            Err(error) => Submission::Failed(client_failure(&error.to_string())),
        },
        Ok(reply) => Submission::Failed(refusal(PREFIX, &reply)),
        Err(Fault::TooLong(_)) => Submission::Failed(too_long("apigateway")),
        Err(fault) => {
            let cause = fault.to_string();
            let failure = client_failure(&cause);
            if fault.is_unsent() || is_safe(method) {
                Submission::Failed(failure)
            } else {
                Submission::Unknown { answer: Some(failure), cause }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_told_by_its_host() {
        let check = |host: &str, expect| assert_eq!(api_and_region(host), expect, "{host}");
        check("a1b2.execute-api.eu-west-1.amazonaws.com", Some(("a1b2", "eu-west-1")));
        check("a1b2.execute-api.cn-north-1.amazonaws.com.cn", Some(("a1b2", "cn-north-1")));
        check("a1b2.execute-api.eu-west-1.amazonaws.com.evil.test", None);
        check("evil.test/.execute-api.eu-west-1.amazonaws.com", None);
        check("a.b.execute-api.eu-west-1.amazonaws.com", None);
        check(".execute-api.eu-west-1.amazonaws.com", None);
    }

    #[test]
    fn nulls_are_left_out_unless_they_are_wanted() {
        let read = |more: &str| {
            let text = format!(
                r#"{{"ApiEndpoint":"x","Method":"POST","RequestBody":{{"a":null,"b":[{{"c":null}},null]}}{more}}}"#
            );
            let parameters = Value::parse(&text).unwrap();
            let body = Invoke::read(&parameters).unwrap().body;
            String::from_utf8(body.to_vec()).unwrap()
        };
        assert_eq!(read(""), r#"{"b":[{},null]}"#);
        assert_eq!(read(r#","AllowNullValues":true"#), r#"{"a":null,"b":[{"c":null},null]}"#);
    }

    #[test]
    fn stage_and_path_stand_behind_the_host() {
        let check = |stage: &str, path: &str, expect: &str| {
            let mut url = Url::parse("https://h").unwrap();
            set_path(&mut url, &[stage, path]);
            assert_eq!(url.as_str(), expect);
        };
        check("prod", "bills/add", "https://h/prod/bills/add");
        check("prod", "/bills?x#y", "https://h/prod/bills%3Fx%23y");
        check("", "", "https://h/");
        check("", "/a b%2Fc/", "https://h/a%20b%2Fc/");
    }
}
