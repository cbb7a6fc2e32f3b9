//! What the guard lets through, with names that mean what an attacker wants.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use newel_worker_http::Resolve;

use crate::support::{Server, adapter, adapter_with, answer, failure, finished, http_task, options};

/// A resolver that answers each question of a name with the next of its addresses, and the last one ever after.
#[derive(Debug)]
struct Rebinding {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Rebinding {
    fn new(answers: &[&[SocketAddr]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[asked].iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
    }
}

fn at(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 0)
}

#[tokio::test]
async fn a_name_of_loopback_is_not_reached() {
    let inside = Server::plain(|_| answer(200, "{}")).await;
    let mut options = options();
    options.http.plain_http = true;
    for address in ["127.0.0.1", "::ffff:127.0.0.1"] {
        let adapter = adapter_with(&options, Rebinding::new(&[&[at(address)]])).await;
        let url = format!("http://rebind.test:{}/", inside.port());
        let failure = failure(&adapter, &http_task("GET", &url, "")).await;
        assert_eq!(failure.error, "States.Http.Socket");
        assert!(failure.cause.contains("rebind.test is at 127.0.0.1, which is loopback"), "{failure:?}");
    }
    assert!(inside.got().is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_what_was_vetted_is_reached() {
    let allowed = Server::plain(|_| answer(200, "{}")).await;
    let mut options = options();
    options.http.plain_http = true;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    // Whoever resolved it a second time would go to 127.0.0.2.
    let resolver = Rebinding::new(&[&[at("127.0.0.1")], &[at("127.0.0.2")]]);
    let adapter = adapter_with(&options, Arc::<Rebinding>::clone(&resolver)).await;
    let url = format!("http://rebind.test:{}/", allowed.port());
    assert_eq!(finished(&adapter, &http_task("GET", &url, "")).await["StatusCode"], 200);
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    let failure = failure(&adapter, &http_task("GET", &url, "")).await;
    assert!(failure.cause.contains("127.0.0.2"), "{failure:?}");
    assert_eq!(allowed.got().len(), 1);
}

#[tokio::test]
async fn addresses_that_may_not_be_reached_are_passed_over() {
    let allowed = Server::plain(|_| answer(200, "{}")).await;
    let mut options = options();
    options.http.plain_http = true;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let resolver = Rebinding::new(&[&[at("169.254.169.254"), at("10.0.0.1"), at("127.0.0.1")]]);
    let adapter = adapter_with(&options, resolver).await;
    let url = format!("http://mixed.test:{}/", allowed.port());
    assert_eq!(finished(&adapter, &http_task("GET", &url, "")).await["StatusCode"], 200);
}

#[tokio::test]
async fn a_redirect_to_a_name_that_changed_is_vetted_again() {
    let allowed = Server::plain(|got| {
        assert_eq!(got.path, "/first");
        let mut redirect = answer(302, "")?;
        redirect.headers_mut().insert("Location", "/second".parse().unwrap());
        Some(redirect)
    })
    .await;
    let mut options = options();
    options.http.plain_http = true;
    options.http.max_redirects = 5;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let resolver = Rebinding::new(&[&[at("127.0.0.1")], &[at("127.0.0.2")]]);
    let adapter = adapter_with(&options, resolver).await;
    let url = format!("http://rebind.test:{}/first", allowed.port());
    let failure = failure(&adapter, &http_task("GET", &url, "")).await;
    assert!(failure.cause.contains("127.0.0.2"), "{failure:?}");
    assert_eq!(allowed.got().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_secret_along() {
    let other = Server::plain(|_| answer(200, "{}")).await;
    let location = format!("http://localhost:{}/there", other.port());
    let first = Server::plain(move |_| {
        let mut redirect = answer(307, "")?;
        redirect.headers_mut().insert("Location", location.parse().unwrap());
        Some(redirect)
    })
    .await;
    let mut options = options();
    options.http.plain_http = true;
    options.http.max_redirects = 1;
    options.http.allow = vec!["127.0.0.1".to_owned()];
    let secret = newel_worker::SourceOptions { value: Some("s3cret".into()), ..Default::default() };
    let connection = options.http.connections.get_mut("plain").unwrap();
    connection.headers.insert("X-Secret".into(), secret.clone());
    connection.query.insert("key".into(), secret);
    let adapter = adapter(&options).await;
    let url = format!("http://127.0.0.1:{}/", first.port());
    finished(&adapter, &http_task("GET", &url, r#","Headers":{"X-Session":"mine"}"#)).await;
    let [sent, followed] = [&first.got()[0], &other.got()[0]].map(Clone::clone);
    assert_eq!((&sent.headers["x-secret"], &*sent.query["key"]), (&"s3cret".parse().unwrap(), "s3cret"));
    assert_eq!(followed.raw_query, "");
    assert!(!followed.headers.contains_key("x-secret") && !followed.headers.contains_key("x-session"));
    assert!(followed.headers.contains_key("user-agent"));
}

#[tokio::test]
async fn without_leave_nothing_goes_unencrypted() {
    let adapter = adapter(&options()).await;
    for url in ["http://example.com/", "ftp://example.com/", "https://user:secret@example.com/", "https://"] {
        let failure = failure(&adapter, &http_task("GET", url, "")).await;
        assert_eq!(failure.error, "States.Runtime", "{url}");
    }
}
