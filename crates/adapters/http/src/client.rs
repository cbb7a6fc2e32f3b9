//! One HTTP call: to an address that was vetted, over a connection of its own, bounded in time and bytes.
//!
//! Proxies of the environment (`HTTPS_PROXY`) aren't used: behind one, nobody here would know which address is reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use crate::guard::{Guard, Refused};
use crate::resolve::Resolve;
use crate::spelling::{Head, Kept};

/// How long one address is given to take a connection, while there are others.
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;
/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 128 * 1024;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How far a call may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// When it has to be over.
    pub(crate) deadline: Instant,
    /// Bytes that the body of the answer may have.
    pub(crate) body: usize,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The status line's text.
    pub(crate) reason: String,
    pub(crate) headers: HeaderMap,
    /// The names of `headers` as the server spelt them, by their lower-case form.
    pub(crate) spelling: std::collections::HashMap<String, String>,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The address may not be reached. Nothing was sent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No connection was made. Nothing was sent.
    #[error("{0}")]
    Unsent(String),
    /// The request may have reached the server.
    #[error("{0}")]
    Unanswered(String),
    /// The server answered with more than the limit. The call took effect.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl Fault {
    /// Whether the request certainly had no effect.
    pub(crate) const fn is_unsent(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unsent(_))
    }
}

/// Makes calls.
#[derive(Debug)]
pub(crate) struct Client {
    guard: Guard,
    resolver: Arc<dyn Resolve>,
    tls: Arc<ClientConfig>,
    plain_http: bool,
}

impl Client {
    pub(crate) fn new(
        guard: Guard,
        resolver: Arc<dyn Resolve>,
        tls: Arc<ClientConfig>,
        plain_http: bool,
    ) -> Self {
        Self { guard, resolver, tls, plain_http }
    }

    pub(crate) const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Whether an endpoint's URL can be called: `https://`, or `http://` where that is allowed, with a host and without
    /// credentials.
    ///
    /// # Errors
    /// Why it can't.
    pub(crate) fn endpoint(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("the URL {text:?} is invalid: {error}"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http => {}
            _ => return Err(format!("the URL {text:?} has to begin with https://")),
        }
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err("the URL needs a host, and may hold no credentials".to_owned());
        }
        Ok(url)
    }

    /// Makes a call. `authorities` replaces the certificates of authorities that are trusted.
    ///
    /// # Errors
    /// [`Fault`], which tells whether the request may have had an effect.
    pub(crate) async fn send(
        &self,
        call: Call,
        limits: Limits,
        authorities: Option<&Arc<ClientConfig>>,
    ) -> Result<Reply, Fault> {
        let tls = authorities.unwrap_or(&self.tls);
        let connected = timeout_at(limits.deadline, self.connect(&call.url)).await;
        let stream = connected.map_err(|_| Fault::Unsent("no connection was made in time".to_owned()))??;
        if call.url.scheme() != "https" {
            return Box::pin(exchange(stream, call, limits)).await;
        }
        let name = server_name(&call.url)?;
        let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        match timeout_at(limits.deadline, handshake).await {
            Ok(Ok(stream)) => Box::pin(exchange(stream, call, limits)).await,
            Ok(Err(error)) => Err(Fault::Unsent(format!("TLS with {}: {error}", authority(&call.url)))),
            Err(_) => Err(Fault::Unsent("no TLS connection was made in time".to_owned())),
        }
    }

    /// Connects to the first of a host's addresses that takes a connection and may be reached. What is vetted is what is
    /// connected to: the name isn't resolved a second time.
    async fn connect(&self, url: &Url) -> Result<TcpStream, Fault> {
        let mut last = None;
        for address in self.addresses(url).await?.into_iter().take(MAX_ADDRESSES) {
            if let Err(refused) = self.guard.check(host_of(url), address.ip()) {
                last = last.or(Some(Fault::Refused(refused)));
                continue;
            }
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it small requests may wait for an acknowledgement; that is all there is to lose.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = Some(Fault::Unsent(format!("{}: {error}", authority(url)))),
                Err(_) => {
                    last = Some(Fault::Unsent(format!("{}: no connection was made in time", authority(url))));
                }
            }
        }
        Err(last.unwrap_or_else(|| Fault::Unsent(format!("{}: the host has no address", authority(url)))))
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Fault> {
        let port = url.port_or_known_default().unwrap_or(443);
        let name = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(vec![(IpAddr::V4(address), port).into()]),
            Some(Host::Ipv6(address)) => return Ok(vec![(IpAddr::V6(address), port).into()]),
            Some(Host::Domain(name)) => name,
            None => return Err(Fault::Unsent("the URL has no host".to_owned())),
        };
        let found = self.resolver.resolve(name, port).await;
        found.map_err(|error| Fault::Unsent(format!("the address of {name} can't be found: {error}")))
    }
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Host and, where it isn't the scheme's own, port: what the Host header says.
pub(crate) fn authority(url: &Url) -> String {
    let host = host_of(url);
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Fault> {
    let host = host_of(url).trim_matches(['[', ']']).to_owned();
    ServerName::try_from(host).map_err(|_| Fault::Unsent("the host has no name for TLS".to_owned()))
}

/// Sends the request and reads the answer.
async fn exchange<S>(stream: S, call: Call, limits: Limits) -> Result<Reply, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let head = Head::default();
    let io = TokioIo::new(Kept::new(stream, head.clone()));
    let mut connection = http1::Builder::new();
    connection.max_buf_size(MAX_HEAD).title_case_headers(true);
    let unsent = |error: String| Fault::Unsent(error);
    let (mut sender, driver) =
        connection.handshake::<_, Full<Bytes>>(io).await.map_err(|error| unsent(causes(&error)))?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(driver));
    let request = request(call).map_err(unsent)?;
    let unanswered = |error: &hyper::Error| Fault::Unanswered(causes(error));
    let late = |_| Fault::Unanswered("there was no answer in time".to_owned());
    let response = timeout_at(limits.deadline, sender.send_request(request)).await.map_err(late)?;
    let response = response.map_err(|error| unanswered(&error))?;
    timeout_at(limits.deadline, read(response, limits.body, &head)).await.map_err(late)?
}

fn request(call: Call) -> Result<Request<Full<Bytes>>, String> {
    let authority = authority(&call.url);
    let target = match call.url.query() {
        Some(query) => format!("{}?{query}", call.url.path()),
        None => call.url.path().to_owned(),
    };
    let host = HeaderValue::from_str(&authority).map_err(|error| error.to_string())?;
    let mut request = Request::builder()
        .method(call.method)
        .uri(target)
        .body(Full::new(call.body))
        .map_err(|error| error.to_string())?;
    *request.headers_mut() = call.headers;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

async fn read(response: Response<Incoming>, limit: usize, head: &Head) -> Result<Reply, Fault> {
    let (parts, mut incoming) = response.into_parts();
    let spelling = head.names();
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Fault::Unanswered(causes(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > limit {
            return Err(Fault::TooLong(limit));
        }
        body.extend_from_slice(&data);
    }
    let given = parts.extensions.get::<hyper::ext::ReasonPhrase>();
    let reason = match given {
        Some(given) => String::from_utf8_lossy(given.as_bytes()).into_owned(),
        None => parts.status.canonical_reason().unwrap_or_default().to_owned(),
    };
    Ok(Reply { status: parts.status, reason, headers: parts.headers, spelling, body: body.into() })
}

/// An error and its causes, as one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        parts.push(cause.to_string());
        next = cause.source();
    }
    parts.dedup();
    parts.join(": ")
}
