//! Connections that are kept in AWS: in EventBridge, their secrets in Secrets Manager
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html>).
//!
//! A task names one by its ARN. What isn't secret of it is what `DescribeConnection` says, the rest is in the secret that this names.
//! Both calls are made under the task's identity, so whoever may not read a connection may not use it. What was read is kept for a while,
//! for that identity alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use newel_integrations::WireRequest;
use newel_runtime::Secret;
use newel_value::{Object, Value};
use newel_worker::aws::{Access, Aws, CallError};
use newel_worker::{Attempt, Failure, Identity, Modelled, Repeat, Service as _};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::connections::{Auth, Connection, failure};
use crate::oauth::Oauth;
use crate::source::{Source, Sources};

/// How long what was read is good for: a secret that was rotated is used that much later.
const KEPT: Duration = Duration::from_secs(300);
/// Connections that are kept, over all identities.
const MOST: usize = 1_000;

/// Members of descriptions and secrets, as [`member`] takes their names.
const INVOCATION: &str = "invocationhttpparameters";
const CLIENT: &str = "clientparameters";
const MORE: &str = "oauthhttpparameters";

/// Connections by whose they are and their ARN, each with the moment until which it is good.
type Kept = HashMap<(Identity, String), (Instant, Arc<Connection>)>;

/// Reads connections out of AWS.
#[derive(Debug)]
pub(crate) struct AwsConnections {
    service: Modelled,
    kept: Mutex<Kept>,
}

impl AwsConnections {
    pub(crate) fn new(service: Modelled) -> Self {
        Self { service, kept: Mutex::default() }
    }

    /// The connection of that ARN, as the attempt's identity may read it.
    ///
    /// # Errors
    /// `Events.ConnectionResource.…` when there is none, or it can't be used.
    pub(crate) async fn find(
        &self,
        aws: &Aws,
        attempt: &Attempt,
        arn: &str,
    ) -> Result<Arc<Connection>, Failure> {
        let identity = &attempt.identity;
        let key = (identity.clone(), arn.to_owned());
        let now = Instant::now();
        let known = self.kept.lock().get(&key).filter(|(until, _)| *until > now).map(|(_, c)| Arc::clone(c));
        if let Some(known) = known {
            return Ok(known);
        }
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        let name = match fields[..] {
            [_, _, "events", region, account, resource]
                if *region == *identity.region && *account == *identity.account =>
            {
                resource.strip_prefix("connection/").and_then(|rest| rest.split('/').next())
            }
            _ => None,
        };
        let name = name.ok_or_else(|| {
            let cause = format!(
                "The connection {arn} is neither configured nor one of the execution's account and region."
            );
            failure("ResourceNotFound", cause)
        })?;
        let connection = Arc::new(self.read(aws, attempt, arn, name).await?);
        let mut kept = self.kept.lock();
        if kept.len() >= MOST {
            kept.retain(|_, (until, _)| *until > now);
        }
        if kept.len() < MOST {
            kept.insert(key, (now + KEPT, Arc::clone(&connection)));
        }
        Ok(connection)
    }

    async fn read(&self, aws: &Aws, attempt: &Attempt, arn: &str, name: &str) -> Result<Connection, Failure> {
        let described = self.call(aws, attempt, "eventbridge", "DescribeConnection", ("Name", name)).await?;
        let text = |member: &str| described.get(member).and_then(Value::as_str).unwrap_or_default();
        // The name says nothing of whose it is, nor whether it was made again since.
        if text("ConnectionArn") != arn {
            return Err(failure("ResourceNotFound", format!("The connection {arn} does not exist.")));
        }
        if text("ConnectionState") != "AUTHORIZED" {
            let cause = format!("The connection {name} is in the state {}.", text("ConnectionState"));
            return Err(failure("InvalidConnectionState", cause));
        }
        let secret = ("SecretId", text("SecretArn"));
        let secret = self.call(aws, attempt, "secretsmanager", "GetSecretValue", secret).await?;
        let secret =
            secret.get("SecretString").and_then(Value::as_str).and_then(|text| Value::parse(text).ok());
        connection(name, arn, &described, &secret.unwrap_or_default()).ok_or_else(|| {
            failure(
                "InvalidConnectionState",
                format!("The connection {name} has no credentials that can be read."),
            )
        })
    }

    async fn call(
        &self,
        aws: &Aws,
        attempt: &Attempt,
        service: &'static str,
        operation: &'static str,
        (member, value): (&str, &str),
    ) -> Result<Value, Failure> {
        let caller =
            aws.caller(&attempt.identity, attempt.execution_name()).await.map_err(|access| match access {
                Access::Denied(denied) => failure("AccessDenied", denied.cause),
                Access::Unreachable(cause) => failure("InternalError", cause),
            })?;
        let body = [(member, value)].into_iter().collect::<Object>().into();
        let request = WireRequest { service, operation, body };
        match self.service.send(&self.service.client(&caller), &request, Repeat::Freely).await {
            Ok((answer, _)) => Ok(answer),
            Err(error) => Err(refused(operation, value, &error)),
        }
    }
}

/// What a refused call means for the connection.
fn refused(operation: &str, of: &str, error: &CallError) -> Failure {
    let code = match error {
        CallError::Refused { error, throttled: false } => error.code().to_owned(),
        _ => String::new(),
    };
    let kind = match code.as_str() {
        "ResourceNotFoundException" => "ResourceNotFound",
        "" => "InternalError",
        _ => "AccessDenied",
    };
    let cause = error.cause();
    failure(kind, format!("The connection isn't configured, and {operation} of {of} failed: {cause}"))
}

/// A member by its name, however it is cased: descriptions have `ClientID`, secrets `client_id`.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let plain = |text: &str| text.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
    let Value::Object(object) = value else { return None };
    object.iter().find(|(known, _)| plain(known) == name).map(|(_, value)| value)
}

fn text(value: &Value, name: &str) -> Option<String> {
    member(value, name).and_then(Value::as_str).map(str::to_owned)
}

fn held(value: String) -> Source {
    Source::Held(Secret::new(value))
}

/// Parameters of a kind that a connection adds: their names and plain values from its description, the others' from the secret.
fn added(described: Option<&Value>, secret: Option<&Value>, kind: &str) -> Option<Sources> {
    let list = |value: Option<&'_ Value>| -> Vec<Value> {
        let list = value.and_then(|value| member(value, kind)).and_then(Value::as_array);
        list.map(<[Value]>::to_vec).unwrap_or_default()
    };
    let secrets = list(secret);
    let value_of = |name: &str| {
        let found = secrets.iter().find(|entry| text(entry, "key").as_deref() == Some(name));
        found.and_then(|entry| text(entry, "value"))
    };
    let source = |entry: &Value| {
        let name = text(entry, "key")?;
        let value = value_of(&name).or_else(|| text(entry, "value"))?;
        Some((name, held(value)))
    };
    list(described).iter().map(source).collect()
}

/// The connection that a description and its secret make; none if something is missing in them.
fn connection(name: &str, arn: &str, described: &Value, secret: &Value) -> Option<Connection> {
    let parameters = member(described, "authparameters")?;
    let auth = match described.get("AuthorizationType").and_then(Value::as_str)? {
        "BASIC" => Auth::Basic {
            username: text(member(parameters, "basicauthparameters")?, "username")?,
            password: held(text(secret, "password")?),
        },
        "API_KEY" => Auth::ApiKey {
            name: text(member(parameters, "apikeyauthparameters")?, "apikeyname")?,
            key: held(text(secret, "apikeyvalue")?),
        },
        "OAUTH_CLIENT_CREDENTIALS" => {
            Auth::Oauth(Box::new(oauth(member(parameters, "oauthparameters")?, secret)?))
        }
        _ => return None,
    };
    let kind = |kind| added(member(parameters, INVOCATION), member(secret, INVOCATION), kind);
    Some(Connection {
        name: name.to_owned(),
        arn: Some(arn.to_owned()),
        accounts: Vec::new(),
        hosts: Vec::new(),
        auth,
        headers: kind("headerparameters")?,
        query: kind("querystringparameters")?,
        body: kind("bodyparameters")?,
    })
}

fn oauth(described: &Value, secret: &Value) -> Option<Oauth> {
    let client_secret = text(member(secret, CLIENT).unwrap_or(secret), "clientsecret")?;
    let kind = |kind| added(member(described, MORE), member(secret, MORE), kind);
    Some(Oauth::of(
        text(described, "authorizationendpoint")?,
        &text(described, "httpmethod")?,
        (text(member(described, CLIENT)?, "clientid")?, held(client_secret)),
        [kind("headerparameters")?, kind("querystringparameters")?, kind("bodyparameters")?],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(described: &str, secret: &str) -> Option<Connection> {
        connection("c", "arn", &Value::parse(described).unwrap(), &Value::parse(secret).unwrap())
    }

    #[test]
    fn secrets_fill_what_descriptions_leave_out_and_are_not_shown() {
        let described = r#"{"AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u"},
            "InvocationHttpParameters":{"HeaderParameters":[{"Key":"A","Value":"plain","IsValueSecret":false},{"Key":"B","IsValueSecret":true}]}}}"#;
        let secret = r#"{"username":"u","password":"hidden1","invocation_http_parameters":{"header_parameters":[{"key":"B","value":"hidden2"}]}}"#;
        let connection = made(described, secret).unwrap();
        let held = |source: &Source| match source {
            Source::Held(secret) => secret.expose().to_owned(),
            other => panic!("{other:?}"),
        };
        let headers: Vec<_> =
            connection.headers.iter().map(|(name, source)| (&**name, held(source))).collect();
        assert_eq!(headers, [("A", "plain".to_owned()), ("B", "hidden2".to_owned())]);
        assert!(!format!("{connection:?}").contains("hidden"));
        assert!(made(described, "{}").is_none(), "a secret that lacks the password");
    }

    #[test]
    fn oauth_and_keys_are_read() {
        let described = r#"{"AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{
            "ClientParameters":{"ClientID":"i"},"AuthorizationEndpoint":"https://a/token","HttpMethod":"POST"}}}"#;
        for secret in [r#"{"client_secret":"s"}"#, r#"{"client_parameters":{"client_secret":"s"}}"#] {
            assert!(made(described, secret).is_some(), "{secret}");
        }
        let described =
            r#"{"AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X"}}}"#;
        assert!(made(described, r#"{"api_key_name":"X","api_key_value":"k"}"#).is_some());
    }
}
