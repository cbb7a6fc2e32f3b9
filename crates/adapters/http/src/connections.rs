//! Connections: what an HTTP Task's `ConnectionArn` stands for. Those that are configured say where their secrets are (`source.rs`);
//! any other is looked for where AWS keeps them (`aws_connections.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use newel_runtime::Secret;
use newel_value::{Object, ObjectBuilder, Value};
use newel_worker::{AuthKind, ConnectionOptions, Failure};
use tokio::time::Instant;

use crate::client::Client;
use crate::guard::HostPattern;
use crate::oauth::{self, Oauth};
use crate::parameters::{Pairs, header};
use crate::source::{Secrets, Source, Sources, Unread, current, sources};

/// A failure of a connection, by the last part of its name.
pub(crate) fn failure(kind: &str, cause: impl Into<String>) -> Failure {
    Failure::new(format!("Events.ConnectionResource.{kind}"), cause)
}

/// How calls are authorized.
#[derive(Debug)]
pub(crate) enum Auth {
    None,
    Basic { username: String, password: Source },
    ApiKey { name: String, key: Source },
    Oauth(Box<Oauth>),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) arn: Option<String>,
    pub(crate) accounts: Vec<String>,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) auth: Auth,
    pub(crate) headers: Sources,
    pub(crate) query: Sources,
    pub(crate) body: Sources,
}

/// What a connection adds to a call. Its values win.
#[derive(Debug, Default)]
pub(crate) struct Additions {
    pub(crate) headers: HeaderMap,
    pub(crate) query: Pairs,
    pub(crate) body: Pairs,
    /// The access token among them, to tell [`Connection::additions`] that the API refused it.
    pub(crate) token: Option<Secret>,
}

impl Connection {
    fn new(name: &str, options: &ConnectionOptions) -> Result<Self, String> {
        let hosts = options.hosts.iter().map(|host| HostPattern::parse(host)).collect::<Result<_, _>>();
        let auth = match options.auth {
            AuthKind::None => Auth::None,
            AuthKind::Basic => {
                Auth::Basic { username: options.username.clone(), password: Source::new(&options.password) }
            }
            AuthKind::ApiKey => {
                Auth::ApiKey { name: options.key_name.clone(), key: Source::new(&options.key) }
            }
            AuthKind::Oauth => {
                let secret = Source::new(&options.oauth.client_secret);
                Auth::Oauth(Box::new(Oauth::new(&options.oauth, secret)))
            }
        };
        Ok(Self {
            name: name.to_owned(),
            arn: options.arn.clone(),
            accounts: options.accounts.clone(),
            hosts: hosts.map_err(|text| format!("worker.http.connections.{name}.hosts: {text}"))?,
            auth,
            headers: sources(&options.headers),
            query: sources(&options.query),
            body: sources(&options.body),
        })
    }

    /// Whether tasks that name `arn` (or just a name) mean this connection.
    fn is(&self, arn: &str) -> bool {
        match &self.arn {
            Some(own) => own == arn,
            None => name_of(arn) == self.name,
        }
    }

    fn serves(&self, account: &str) -> bool {
        match (&self.accounts[..], &self.arn) {
            ([], None) => true,
            ([], Some(arn)) => arn.split(':').nth(4) == Some(account),
            (accounts, _) => accounts.iter().any(|one| one == account),
        }
    }

    /// What the connection adds to a call now. `refused` is an access token that the API no longer takes.
    ///
    /// # Errors
    /// When a secret or a token can't be had.
    pub(crate) async fn additions(
        &self,
        client: &Client,
        secrets: &Secrets,
        deadline: Instant,
        refused: Option<&Secret>,
    ) -> Result<Additions, Failure> {
        let mut additions = self.parameters(secrets).await.map_err(|error| self.unreadable(error))?;
        let authorization = match &self.auth {
            Auth::None => return Ok(additions),
            Auth::Basic { username, password } => {
                let password = password.current(secrets).await.map_err(|error| self.unreadable(error))?;
                (AUTHORIZATION, basic(username, &password))
            }
            Auth::ApiKey { name, key } => {
                let key = key.current(secrets).await.map_err(|error| self.unreadable(error))?;
                let (name, key) = header(name, key.expose()).map_err(|error| self.unreadable(error))?;
                (name, key)
            }
            Auth::Oauth(oauth) => {
                let token = oauth.token(client, secrets, deadline, refused).await;
                let token = token.map_err(|error| self.unauthorized(error))?;
                let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
                let bearer =
                    bearer.map_err(|_| self.unreadable("the access token can't be a header".to_owned()))?;
                additions.token = Some(token);
                (AUTHORIZATION, bearer)
            }
        };
        let (name, mut value): (HeaderName, HeaderValue) = authorization;
        value.set_sensitive(true);
        additions.headers.insert(name, value);
        Ok(additions)
    }

    async fn parameters(&self, secrets: &Secrets) -> Result<Additions, Unread> {
        let mut headers = HeaderMap::new();
        for (name, value) in current(&self.headers, secrets).await? {
            let (name, mut value) = header(&name, &value)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let query = current(&self.query, secrets).await?;
        let body = current(&self.body, secrets).await?;
        Ok(Additions { headers, query, body, token: None })
    }

    /// Paths and names of variables are for the operator, not for histories.
    fn unreadable(&self, problem: impl Into<Unread>) -> Failure {
        let (kind, problem) = match problem.into() {
            Unread::Unusable(problem) => ("AccessDenied", problem),
            Unread::Unreachable(problem) => ("InternalError", problem),
        };
        tracing::error!(connection = self.name, problem, "a connection's secret can't be had");
        failure(kind, format!("A secret of the connection {} can't be read by the worker.", self.name))
    }

    fn unauthorized(&self, error: oauth::Error) -> Failure {
        tracing::warn!(connection = self.name, %error, "a connection got no access token");
        let kind = match error {
            oauth::Error::Secret(problem) => return self.unreadable(problem),
            oauth::Error::Refused(_) => "InvalidConnectionState",
            oauth::Error::Unreachable(_) => "InternalError",
        };
        failure(kind, format!("The connection {} got no access token: {error}.", self.name))
    }
}

fn basic(username: &str, password: &Secret) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose())));
    // Base64 is always a header's value.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Basic"))
}

pub(crate) fn basic_credentials(username: &str, password: &Secret) -> HeaderValue {
    let mut value = basic(username, password);
    value.set_sensitive(true);
    value
}

/// The name in `arn:aws:events:<region>:<account>:connection/<name>/<id>`; a text that is no ARN is a name.
fn name_of(arn: &str) -> &str {
    let Some((_, resource)) = arn.split_once(":connection/") else { return arn };
    resource.split('/').next().unwrap_or_default()
}

/// The connections of a worker.
#[derive(Debug)]
pub(crate) struct Connections(Vec<Arc<Connection>>);

impl Connections {
    /// # Errors
    /// What is wrong with one.
    pub(crate) fn new(options: &BTreeMap<String, ConnectionOptions>) -> Result<Self, String> {
        options
            .iter()
            .map(|(name, options)| Connection::new(name, options).map(Arc::new))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The connection that a task of `account` names, for a call to `host`.
    ///
    /// # Errors
    /// `Events.ConnectionResource.…` when there is none or the task may not use it.
    pub(crate) fn find(&self, arn: &str, account: &str, host: &str) -> Result<Arc<Connection>, Failure> {
        // One that is named by its ARN is meant before one that has only the name.
        let by_arn = self.0.iter().find(|connection| connection.arn.as_deref() == Some(arn));
        let found = by_arn.or_else(|| self.0.iter().find(|connection| connection.is(arn)));
        let Some(connection) = found else {
            let name = name_of(arn);
            let cause = format!(
                "The connection {arn} is not configured: the worker has no worker.http.connections.{name} and none with this arn."
            );
            return Err(failure("ResourceNotFound", cause));
        };
        if !connection.serves(account) {
            let cause = format!("The connection {} may not be used by account {account}.", connection.name);
            return Err(failure("AccessDenied", cause));
        }
        if !connection.hosts.is_empty() && !connection.hosts.iter().any(|pattern| pattern.fits(host)) {
            let cause = format!("The connection {} may not be used to call {host}.", connection.name);
            return Err(failure("AccessDenied", cause));
        }
        Ok(Arc::clone(connection))
    }

    /// Whether one is configured that tasks mean by `arn`.
    pub(crate) fn knows(&self, arn: &str) -> bool {
        self.0.iter().any(|connection| connection.is(arn))
    }
}

/// A task's body with a connection's members over its own.
///
/// # Errors
/// When there is a body that members can't be added to.
pub(crate) fn merged_body(body: Option<Value>, over: &[(String, String)]) -> Result<Option<Value>, String> {
    if over.is_empty() {
        return Ok(body);
    }
    let own = match body {
        None => Object::default(),
        Some(Value::Object(own)) => own,
        Some(_) => {
            return Err("a request body that isn't an object can't be merged with the connection's body \
                        parameters"
                .to_owned());
        }
    };
    let mut merged: ObjectBuilder = own.to_builder();
    for (name, value) in over {
        merged.insert(name.as_str(), value.as_str());
    }
    Ok(Some(merged.build().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws:events:us-east-1:111111111111:connection/stripe/81210c42-8af1-456b-9c4a-6ff02fc664ac";

    fn connections(options: ConnectionOptions) -> Connections {
        Connections::new(&BTreeMap::from([("stripe".to_owned(), options)])).unwrap()
    }

    #[track_caller]
    fn check(connections: &Connections, arn: &str, account: &str, host: &str, expect: Result<(), &str>) {
        let found = connections.find(arn, account, host).map(|_| ()).map_err(|failure| failure.error);
        assert_eq!(
            found,
            expect.map_err(|kind| format!("Events.ConnectionResource.{kind}")),
            "{arn} {account}"
        );
    }

    #[test]
    fn a_connection_is_named_by_arn_or_name() {
        let by_name = connections(ConnectionOptions::default());
        check(&by_name, ARN, "111111111111", "h", Ok(()));
        check(&by_name, "stripe", "222222222222", "h", Ok(()));
        check(&by_name, &ARN.replace("stripe", "other"), "111111111111", "h", Err("ResourceNotFound"));
        let by_arn = connections(ConnectionOptions { arn: Some(ARN.into()), ..Default::default() });
        check(&by_arn, ARN, "111111111111", "h", Ok(()));
        check(&by_arn, "stripe", "111111111111", "h", Err("ResourceNotFound"));
        check(&by_arn, ARN, "222222222222", "h", Err("AccessDenied"));
    }

    #[test]
    fn a_connection_is_for_its_accounts_and_hosts() {
        let limited = connections(ConnectionOptions {
            accounts: vec!["222222222222".into()],
            hosts: vec!["*.stripe.com".into()],
            ..Default::default()
        });
        check(&limited, "stripe", "222222222222", "api.stripe.com", Ok(()));
        check(&limited, "stripe", "222222222222", "evil.test", Err("AccessDenied"));
        check(&limited, "stripe", "111111111111", "api.stripe.com", Err("AccessDenied"));
    }

    #[test]
    fn a_connection_overwrites_the_body() {
        let over = [("b".to_owned(), "conn".to_owned())];
        let check = |body: &str, expect: Option<&str>| {
            let merged = merged_body(Some(Value::parse(body).unwrap()), &over);
            assert_eq!(merged.ok().flatten().map(|body| body.to_json()).as_deref(), expect, "{body}");
        };
        check(r#"{"a":1,"b":2}"#, Some(r#"{"a":1,"b":"conn"}"#));
        check(r#""text""#, None);
        check("[1]", None);
        assert_eq!(merged_body(None, &over).unwrap().unwrap().to_json(), r#"{"b":"conn"}"#);
        assert_eq!(merged_body(Some("text".into()), &[]).unwrap().unwrap(), "text".into());
    }
}
