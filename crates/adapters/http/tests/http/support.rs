//! HTTP servers, and the adapter that calls them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use newel_worker::contract::attempt;
use newel_worker::{Adapter as _, Attempt, ConnectionOptions, Failure, Options, Pattern, Submission};
use newel_worker_http::{Http, Resolve, System};
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request that a server got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) raw_query: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// What is answered; nothing at all is the end of the connection.
pub(crate) type Answer = Option<Response<String>>;

/// An answer with a body.
pub(crate) fn answer(status: u16, body: impl Into<String>) -> Answer {
    let response = Response::builder().status(status).header("Content-Type", "application/json");
    Some(response.body(body.into()).unwrap())
}

type Handler = dyn Fn(&Got) -> Answer + Send + Sync;

/// A server on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Its certificate in PEM, if it speaks TLS.
    pub(crate) certificate: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    /// A server without TLS.
    pub(crate) async fn plain(handler: impl Fn(&Got) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, String::new(), Arc::new(handler)).await
    }

    /// A server whose certificate is for these names.
    pub(crate) async fn tls(
        names: &[&str],
        handler: impl Fn(&Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let signed = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![signed.cert.der().clone()];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), signed.cert.pem(), Arc::new(handler)).await
    }

    async fn start(tls: Option<TlsAcceptor>, certificate: String, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, handler, seen) = (tls.clone(), Arc::clone(&handler), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, handler, seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, handler, seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, certificate, got }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().clone()
    }
}

async fn serve<S>(stream: S, handler: Arc<Handler>, seen: Arc<Mutex<Vec<Got>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
            let raw_query = parts.uri.query().unwrap_or_default().to_owned();
            let got = Got {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
                raw_query,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            seen.lock().push(got.clone());
            let answer = handler(&got).ok_or_else(|| std::io::Error::other("the connection breaks"))?;
            Ok::<_, std::io::Error>(answer.map(|body| Full::new(Bytes::from(body))))
        }
    });
    let mut builder = http1::Builder::new();
    // A connection that was to break, broke.
    let _ = builder.title_case_headers(true).serve_connection(TokioIo::new(stream), service).await;
}

/// Options with a connection `plain` and credentials that are the account's.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.aws.dev_account_credentials = true;
    options.http.connections.insert("plain".into(), ConnectionOptions::default());
    options.http.timeout_seconds = 10;
    options
}

pub(crate) fn integrations() -> Integrations {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.newel/aws-catalog.bin");
    let catalog = Catalog::open(file).expect("the packed catalog: run `make` once");
    Integrations::new(Arc::new(catalog))
}

/// The adapter with the system's resolver.
pub(crate) async fn adapter(options: &Options) -> Http {
    adapter_with(options, Arc::new(System)).await
}

pub(crate) async fn adapter_with(options: &Options, resolver: Arc<dyn Resolve>) -> Http {
    Http::new(options, integrations(), resolver).await.unwrap()
}

/// An HTTP Task for a URL.
pub(crate) fn http_task(method: &str, url: &str, more: &str) -> Attempt {
    let parameters = format!(
        r#"{{"ApiEndpoint":"{url}","Method":"{method}","Authentication":{{"ConnectionArn":"plain"}}{more}}}"#
    );
    attempt("http:invoke", Pattern::RequestResponse, &parameters)
}

/// The failure of an attempt that has to fail.
pub(crate) async fn failure(adapter: &Http, attempt: &Attempt) -> Failure {
    match adapter.submit(attempt).await {
        Submission::Failed(failure) => failure,
        other => panic!("it was to fail: {other:?}"),
    }
}

/// The result of an attempt that has to succeed.
pub(crate) async fn finished(adapter: &Http, attempt: &Attempt) -> serde_json::Value {
    match adapter.submit(attempt).await {
        Submission::Finished(output) => serde_json::from_str(output.text()).unwrap(),
        other => panic!("it was to succeed: {other:?}"),
    }
}
