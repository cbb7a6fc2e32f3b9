//! A Kubernetes API server as far as jobs and their pods go.

use std::collections::BTreeMap;
use std::sync::Arc;

use newel_worker::contract::Fault;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{Answer, Got, Server, answer};

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const PODS: &str = "/api/v1/namespaces/default/pods";
/// The annotation by which a test says how its job is to end.
pub(crate) const ENDING: &str = "test/ending";

#[derive(Default)]
pub(crate) struct State {
    pub(crate) jobs: BTreeMap<String, Value>,
    /// How many jobs were made with each marker.
    pub(crate) made: BTreeMap<String, usize>,
    pub(crate) fault: Option<Fault>,
    next: u64,
}

/// The server and what it has.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::tls(&["127.0.0.1"], move |got| shared.lock().answer(got)).await;
        Self { server, state }
    }

    /// Ends every job as it was to end.
    pub(crate) fn end_jobs(&self) {
        for job in self.state.lock().jobs.values_mut() {
            let failed = job["metadata"]["annotations"][ENDING] == "failure";
            let kind = if failed { "Failed" } else { "Complete" };
            job["status"] = json!({"conditions": [{"type": kind, "status": "True"}]});
        }
    }
}

fn status(code: u16, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code});
    answer(code, status.to_string())
}

impl State {
    fn answer(&mut self, got: &Got) -> Answer {
        let token =
            got.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !token.starts_with("Bearer k8s-aws-v1.") {
            return status(401, "Unauthorized");
        }
        let name = got.path.strip_prefix(JOBS).map(|rest| rest.trim_start_matches('/'));
        match (&*got.method, name) {
            ("POST", Some("")) => self.make(&got.body),
            ("GET", Some("")) => self.list(got),
            ("GET", Some(name)) => match self.jobs.get(name) {
                Some(job) => answer(200, job.to_string()),
                None => status(404, "NotFound"),
            },
            ("DELETE", Some(name)) => match self.jobs.remove(name) {
                Some(_) => answer(200, json!({"kind": "Status", "status": "Success"}).to_string()),
                None => status(404, "NotFound"),
            },
            _ if got.path == PODS => {
                let spec = json!({"containers": [{"name": "main"}, {"name": "broken"}]});
                let pod = json!({"metadata": {"name": "pod-1"}, "spec": spec});
                answer(200, json!({"kind": "PodList", "items": [pod]}).to_string())
            }
            _ if got.path == format!("{PODS}/pod-1/log") => match &*got.query["container"] {
                "main" => answer(200, r#"{"pi": 3}"#),
                _ => status(400, "BadRequest"),
            },
            _ => status(404, "NotFound"),
        }
    }

    fn make(&mut self, body: &str) -> Answer {
        let fault = self.fault.take();
        match fault {
            Some(Fault::Reset) => return None,
            Some(Fault::Throttled) => return status(429, "TooManyRequests"),
            Some(Fault::ServerError) => return status(500, "InternalError"),
            Some(Fault::Denied) => return status(403, "Forbidden"),
            Some(Fault::LostAnswer) | None => {}
        }
        let mut job: Value = serde_json::from_str(body).unwrap();
        self.next += 1;
        let generated =
            format!("{}{}", job["metadata"]["generateName"].as_str().unwrap_or("job-"), self.next);
        let name = job["metadata"]["name"].as_str().map_or(generated, str::to_owned);
        if self.jobs.contains_key(&name) {
            return status(409, "AlreadyExists");
        }
        job["metadata"]["name"] = json!(name);
        job["metadata"]["uid"] = json!(format!("uid-{}", self.next));
        if let Some(token) = job["metadata"]["labels"]["newel.attempt"].as_str() {
            *self.made.entry(token.to_owned()).or_default() += 1;
        }
        let shown = job.to_string();
        self.jobs.insert(name, job);
        if fault == Some(Fault::LostAnswer) { None } else { answer(201, shown) }
    }

    fn list(&self, got: &Got) -> Answer {
        let selector = &got.query["labelSelector"];
        let tokens =
            selector.strip_prefix("newel.attempt in (").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let wanted: Vec<&str> = tokens.split(',').collect();
        let fits = |job: &&Value| {
            job["metadata"]["labels"]["newel.attempt"].as_str().is_some_and(|token| wanted.contains(&token))
        };
        let items: Vec<&Value> = self.jobs.values().filter(fits).collect();
        answer(200, json!({"kind": "JobList", "items": items}).to_string())
    }
}
