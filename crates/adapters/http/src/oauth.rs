//! Access tokens by the client credentials grant of OAuth 2.0 (RFC 6749, 4.4), kept until shortly before they expire.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use newel_runtime::Secret;
use newel_value::Value;
use newel_worker::{ClientAuth, OauthOptions};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::{Call, Client, Limits};
use crate::connections::basic_credentials;
use crate::parameters::{Pairs, add_query, encoded, header};
use crate::source::{Secrets, Source, Sources, Unread, current, sources};

/// Bytes of a token endpoint's answer.
const MAX_ANSWER: usize = 64 * 1024;
/// How long a token is kept whose endpoint doesn't say how long it lasts.
const UNTOLD: Duration = Duration::from_secs(300);
/// A token is replaced this long before it expires.
const EARLY: Duration = Duration::from_secs(60);
/// No token is kept longer, whatever its endpoint says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The client's secret can't be read.
    #[error("the client's secret can't be read: {0}")]
    Secret(#[from] Unread),
    /// The endpoint gave none.
    #[error("{0}")]
    Refused(String),
    /// The endpoint can't be asked now.
    #[error("{0}")]
    Unreachable(String),
}

/// Where tokens come from.
#[derive(Debug)]
pub(crate) struct Oauth {
    url: String,
    method: Method,
    client_id: String,
    client_secret: Source,
    client_auth: ClientAuth,
    headers: Sources,
    query: Sources,
    body: Sources,
    /// Whoever asks while a token is fetched waits for the same one.
    kept: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    secret: Secret,
    until: Instant,
}

impl Oauth {
    pub(crate) fn new(options: &OauthOptions, client_secret: Source) -> Self {
        Self {
            url: options.token_url.clone(),
            // One of three, as the options were checked.
            method: Method::from_bytes(options.method.as_bytes()).unwrap_or(Method::POST),
            client_id: options.client_id.clone(),
            client_secret,
            client_auth: options.client_auth,
            headers: sources(&options.headers),
            query: sources(&options.query),
            body: sources(&options.body),
            kept: Mutex::new(None),
        }
    }

    /// As [`Self::new`], of what is read elsewhere: the client's id and secret; headers, query parameters and form fields.
    pub(crate) fn of(
        url: String,
        method: &str,
        (client_id, client_secret): (String, Source),
        [headers, query, body]: [Sources; 3],
    ) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
        let (client_auth, kept) = (ClientAuth::default(), Mutex::new(None));
        Self { url, method, client_id, client_secret, client_auth, headers, query, body, kept }
    }

    /// A token that is valid as far as is known. `refused` is one that isn't.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn token(
        &self,
        client: &Client,
        secrets: &Secrets,
        deadline: Instant,
        refused: Option<&Secret>,
    ) -> Result<Secret, Error> {
        let mut kept = self.kept.lock().await;
        let fits = |token: &&Token| {
            token.until > Instant::now()
                && refused.is_none_or(|refused| !refused.matches(token.secret.expose()))
        };
        if let Some(token) = kept.as_ref().filter(fits) {
            return Ok(token.secret.clone());
        }
        *kept = None;
        let token = self.fetch(client, secrets, deadline).await?;
        Ok(kept.insert(token).secret.clone())
    }

    async fn fetch(&self, client: &Client, secrets: &Secrets, deadline: Instant) -> Result<Token, Error> {
        let call = self.request(client, secrets).await?;
        let asked = Instant::now();
        let reply = client.send(call, Limits { deadline, body: MAX_ANSWER }, None).await;
        let reply = reply.map_err(|fault| Error::Unreachable(fault.to_string()))?;
        let status = reply.status;
        if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::Unreachable(format!("the token endpoint answered {status}")));
        }
        if !status.is_success() {
            return Err(Error::Refused(format!("the token endpoint answered {status}")));
        }
        let answer = std::str::from_utf8(&reply.body).ok().and_then(|text| Value::parse(text).ok());
        let answer = answer.unwrap_or_default();
        let token = answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let token =
            token.ok_or_else(|| Error::Refused("the token endpoint's answer has no access_token".into()))?;
        let lifetime = answer.get("expires_in").and_then(seconds).map_or(UNTOLD, |told| told.min(LONGEST));
        Ok(Token { secret: Secret::new(token), until: asked + lifetime.saturating_sub(EARLY) })
    }

    async fn request(&self, client: &Client, secrets: &Secrets) -> Result<Call, Error> {
        let mut url = client.endpoint(&self.url).map_err(Error::Refused)?;
        let secret = self.client_secret.current(secrets).await?;
        let read = async |sources| current(sources, secrets).await;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut form: Pairs = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        match self.client_auth {
            ClientAuth::Header => {
                // Both are encoded as a form's fields are (RFC 6749, 2.3.1).
                let secret = Secret::new(encoded(secret.expose()));
                headers.insert(AUTHORIZATION, basic_credentials(&encoded(&self.client_id), &secret));
            }
            ClientAuth::Body => {
                form.push(("client_id".to_owned(), self.client_id.clone()));
                form.push(("client_secret".to_owned(), secret.expose().to_owned()));
            }
        }
        for (name, value) in read(&self.body).await? {
            form.retain(|(known, _)| *known != name);
            form.push((name, value));
        }
        for (name, value) in read(&self.headers).await? {
            let (name, mut value) = header(&name, &value).map_err(Unread::from)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let query = read(&self.query).await?;
        if self.method == Method::GET {
            add_query(&mut url, &form, &query);
            return Ok(Call { method: Method::GET, url, headers, body: Bytes::new() });
        }
        add_query(&mut url, &[], &query);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
        let fields: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        Ok(Call { method: self.method.clone(), url, headers, body: fields.join("&").into() })
    }
}

/// `expires_in`, a number; some endpoints send it as a text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.parse().ok()?,
        other => other.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}
