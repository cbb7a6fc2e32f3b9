//! What can be configured about calls to HTTP APIs and Kubernetes clusters: section `worker.http`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest that AWS lets an HTTP Task take, in seconds.
const LONGEST_CALL: u64 = 60;
/// Redirects in a row that make sense at most.
const MOST_REDIRECTS: u32 = 10;

/// Section `worker.http`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// Seconds that a call may take, its redirects and the fetching of an access token included: at most 60, as AWS has it.
    pub timeout_seconds: u64,
    /// What tasks may reach besides the public internet: networks (`10.1.0.0/16`), addresses (`192.168.7.3`), host names
    /// (`api.example.internal`) and the names under a domain (`*.example.internal`).
    pub allow: Vec<String>,
    /// Whether endpoints may be `http://` too. AWS calls `https://` only.
    pub plain_http: bool,
    /// PEM file with certificates of authorities that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How many redirects in a row an HTTP Task follows, for GET and HEAD. With 0 a redirect is the error
    /// `States.Http.StatusCode.<code>`, like every status but 2xx.
    pub max_redirects: u32,
    /// The connections that HTTP Tasks name by ARN, by their names.
    pub connections: BTreeMap<String, ConnectionOptions>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            timeout_seconds: LONGEST_CALL,
            allow: Vec::new(),
            plain_http: false,
            ca_file: None,
            max_redirects: 0,
            connections: BTreeMap::new(),
        }
    }
}

impl HttpOptions {
    /// The first thing wrong with it. What `allow` says is checked by who reads it.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=LONGEST_CALL).contains(&self.timeout_seconds) {
            return Err(format!("worker.http.timeout_seconds must be from 1 to {LONGEST_CALL}"));
        }
        if self.max_redirects > MOST_REDIRECTS {
            return Err(format!("worker.http.max_redirects must be at most {MOST_REDIRECTS}"));
        }
        let mut connections = self.connections.iter();
        connections
            .try_for_each(|(name, connection)| connection.check(&format!("worker.http.connections.{name}")))
    }
}

/// How a connection proves to an API who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// Not at all, or by `headers` and `query` alone.
    #[default]
    None,
    /// `Authorization: Basic …`, from `username` and `password`.
    Basic,
    /// A header named `key_name` with `key`.
    ApiKey,
    /// An access token that is fetched as `oauth` says, as `Authorization: Bearer …`.
    Oauth,
}

/// A connection: what AWS keeps as an EventBridge connection. Its values win over a task's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionOptions {
    /// The ARN by which tasks name it. Without one it stands for every connection ARN with its name
    /// (`arn:aws:events:<region>:<account>:connection/<name>/<id>`).
    pub arn: Option<String>,
    /// The accounts whose state machines may use it. Empty: that of `arn`, or all if there is no `arn`.
    pub accounts: Vec<String>,
    /// The hosts that its values are sent to, as in `worker.http.allow`. Empty: any.
    pub hosts: Vec<String>,
    /// How calls are authorized.
    pub auth: AuthKind,
    /// The user of `basic`.
    pub username: String,
    /// The password of `basic`.
    pub password: SourceOptions,
    /// The header of `api_key`.
    pub key_name: String,
    /// The key of `api_key`.
    pub key: SourceOptions,
    /// Where `oauth` has its token from.
    pub oauth: OauthOptions,
    /// Headers added to every call.
    pub headers: BTreeMap<String, SourceOptions>,
    /// Query parameters added to every call.
    pub query: BTreeMap<String, SourceOptions>,
    /// Members added to the body of every call.
    pub body: BTreeMap<String, SourceOptions>,
}

impl ConnectionOptions {
    fn check(&self, at: &str) -> Result<(), String> {
        match self.auth {
            AuthKind::None => {}
            AuthKind::Basic => self.password.check_secret(&format!("{at}.password"))?,
            AuthKind::ApiKey if self.key_name.is_empty() => return Err(format!("{at}.key_name is missing")),
            AuthKind::ApiKey => self.key.check_secret(&format!("{at}.key"))?,
            AuthKind::Oauth => self.oauth.check(&format!("{at}.oauth"))?,
        }
        check_all(at, &[("headers", &self.headers), ("query", &self.query), ("body", &self.body)])
    }
}

/// How the token endpoint is told the client's secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// As `Authorization: Basic …`, which every token endpoint takes (RFC 6749, 2.3.1).
    #[default]
    Header,
    /// As `client_id` and `client_secret` in the body.
    Body,
}

/// The client credentials grant of OAuth 2.0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OauthOptions {
    /// The token endpoint. Like every other address it is reached only if it is public or allowed.
    pub token_url: String,
    /// The method: POST, PUT or GET.
    pub method: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SourceOptions,
    /// How the endpoint is told id and secret.
    pub client_auth: ClientAuth,
    /// Headers of the token request.
    pub headers: BTreeMap<String, SourceOptions>,
    /// Query parameters of the token request.
    pub query: BTreeMap<String, SourceOptions>,
    /// Fields of the token request's form besides `grant_type=client_credentials`: `scope`, `audience`.
    pub body: BTreeMap<String, SourceOptions>,
}

impl Default for OauthOptions {
    fn default() -> Self {
        Self {
            token_url: String::new(),
            method: "POST".to_owned(),
            client_id: String::new(),
            client_secret: SourceOptions::default(),
            client_auth: ClientAuth::default(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: BTreeMap::new(),
        }
    }
}

impl OauthOptions {
    fn check(&self, at: &str) -> Result<(), String> {
        for (key, value) in [("token_url", &self.token_url), ("client_id", &self.client_id)] {
            if value.is_empty() {
                return Err(format!("{at}.{key} is missing"));
            }
        }
        if !["POST", "PUT", "GET"].contains(&self.method.as_str()) {
            return Err(format!("{at}.method must be POST, PUT or GET"));
        }
        self.client_secret.check_secret(&format!("{at}.client_secret"))?;
        check_all(at, &[("headers", &self.headers), ("query", &self.query), ("body", &self.body)])
    }
}

/// Where a value comes from: exactly one of `value`, `file`, `env` and `secret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceOptions {
    /// The value itself. Not for secrets, since configurations are shown and logged.
    pub value: Option<String>,
    /// A file that holds it, such as a mounted Kubernetes secret's. Read again when it changes.
    pub file: Option<PathBuf>,
    /// An environment variable of the worker that holds it.
    pub env: Option<String>,
    /// A secret in AWS Secrets Manager, by its ARN. It is read under the worker's own identity, and again every five minutes.
    pub secret: Option<ManagedSecret>,
    /// The member that is meant, if `secret` is a JSON object.
    pub key: Option<String>,
}

impl SourceOptions {
    fn check(&self, at: &str) -> Result<(), String> {
        let Self { value, file, env, secret, key } = self;
        let given = [value.is_some(), file.is_some(), env.is_some(), secret.is_some()];
        if given.iter().filter(|is| **is).count() != 1 {
            return Err(format!("{at} needs one of value, file, env and secret"));
        }
        if key.is_some() && secret.is_none() {
            return Err(format!("{at}.key is a member of {at}.secret, which isn't there"));
        }
        Ok(())
    }

    fn check_secret(&self, at: &str) -> Result<(), String> {
        if self.value.is_some() {
            return Err(format!("{at} is a secret: give it as {at}.file, {at}.env or {at}.secret"));
        }
        self.check(at)
    }
}

/// The ARN of a secret in AWS Secrets Manager, `arn:aws:secretsmanager:<region>:<account>:secret:<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManagedSecret(String);

impl ManagedSecret {
    /// The whole ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.0
    }

    /// The region that the secret is in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.field(3)
    }

    /// The account that the secret belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        self.field(4)
    }

    fn field(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or_default()
    }
}

impl TryFrom<String> for ManagedSecret {
    type Error = String;

    fn try_from(arn: String) -> Result<Self, String> {
        let fields: Vec<&str> = arn.splitn(7, ':').collect();
        match fields[..] {
            ["arn", partition, "secretsmanager", region, account, "secret", name]
                if ![partition, region, account, name].contains(&"") =>
            {
                Ok(Self(arn))
            }
            _ => Err(format!(
                "{arn:?} is no ARN of a secret, such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe"
            )),
        }
    }
}

impl From<ManagedSecret> for String {
    fn from(secret: ManagedSecret) -> Self {
        secret.0
    }
}

impl fmt::Display for ManagedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_all(at: &str, maps: &[(&str, &BTreeMap<String, SourceOptions>)]) -> Result<(), String> {
    let mut sources =
        maps.iter().flat_map(|(map, entries)| entries.iter().map(move |(key, source)| (map, key, source)));
    sources.try_for_each(|(map, key, source)| source.check(&format!("{at}.{map}.{key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> SourceOptions {
        SourceOptions { file: Some(path.into()), ..SourceOptions::default() }
    }

    #[test]
    fn a_connection_has_what_its_kind_needs() {
        let check = |connection: ConnectionOptions, expect: Result<(), &str>| {
            let connections = BTreeMap::from([("c".to_owned(), connection)]);
            let options = HttpOptions { connections, ..HttpOptions::default() };
            assert_eq!(options.check(), expect.map_err(|text| format!("worker.http.connections.c.{text}")));
        };
        let of = |auth| ConnectionOptions { auth, ..ConnectionOptions::default() };
        check(of(AuthKind::None), Ok(()));
        check(of(AuthKind::Basic), Err("password needs one of value, file, env and secret"));
        check(ConnectionOptions { password: file("/p"), ..of(AuthKind::Basic) }, Ok(()));
        check(of(AuthKind::ApiKey), Err("key_name is missing"));
        check(of(AuthKind::Oauth), Err("oauth.token_url is missing"));
        let shown = SourceOptions { value: Some("k".into()), ..SourceOptions::default() };
        let key = ConnectionOptions { key_name: "X-Key".into(), key: shown.clone(), ..of(AuthKind::ApiKey) };
        let at = "worker.http.connections.c.key";
        let text = format!("key is a secret: give it as {at}.file, {at}.env or {at}.secret");
        check(key, Err(&text));
        let member = SourceOptions { key: Some("password".into()), ..file("/p") };
        let text = "password.key is a member of worker.http.connections.c.password.secret, which isn't there";
        check(ConnectionOptions { password: member, ..of(AuthKind::Basic) }, Err(text));
        let both = SourceOptions { env: Some("E".into()), ..shown };
        let twice = ConnectionOptions { headers: BTreeMap::from([("H".into(), both)]), ..of(AuthKind::None) };
        check(twice, Err("headers.H needs one of value, file, env and secret"));
    }

    #[test]
    fn a_secret_is_named_by_its_arn() {
        let of = |arn: &str| ManagedSecret::try_from(arn.to_owned());
        let secret = of("arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe/key-AbCdEf").unwrap();
        assert_eq!((secret.region(), secret.account()), ("eu-west-1", "123456789012"));
        for wrong in [
            "stripe",
            "arn:aws:secretsmanager::123456789012:secret:s",
            "arn:aws:ssm:eu-west-1:123456789012:secret:s",
        ] {
            assert!(of(wrong).unwrap_err().contains("is no ARN of a secret"), "{wrong}");
        }
    }

    #[test]
    fn no_call_takes_longer_than_in_aws() {
        let options = HttpOptions { timeout_seconds: 61, ..HttpOptions::default() };
        assert!(options.check().unwrap_err().contains("timeout_seconds"));
    }
}
