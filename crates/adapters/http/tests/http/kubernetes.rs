//! `eks:runJob` keeps the contract, and `eks:call` and it speak to a cluster as AWS's do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use newel_worker::contract::{self, Bench, Ending, Fault, attempt};
use newel_worker::{Adapter, Attempt, ExternalRef, JobState, Pattern, Submission, WatchKey};
use newel_worker_http::Http;
use serde_json::{Value, json};

use crate::fake_cluster::{Cluster, ENDING};
use crate::support::{adapter, failure, finished, options};

/// A cluster, the adapter that may reach it, and the parameters that name it.
struct Over {
    cluster: Cluster,
    adapter: Arc<Http>,
    next: AtomicUsize,
}

impl Over {
    async fn start() -> Self {
        let cluster = Cluster::start().await;
        let mut options = options();
        options.http.allow = vec!["127.0.0.1".to_owned()];
        Self { cluster, adapter: Arc::new(adapter(&options).await), next: AtomicUsize::new(1) }
    }

    fn parameters(&self, more: Value) -> Value {
        let mut parameters = json!({
            "ClusterName": "main",
            "CertificateAuthority": STANDARD.encode(&self.cluster.server.certificate),
            "Endpoint": format!("https://127.0.0.1:{}", self.cluster.server.port()),
        });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    }

    fn run_job(&self, pattern: Pattern, ending: &str, more: Value) -> Attempt {
        let name = format!("job-a{}", self.next.fetch_add(1, Ordering::Relaxed));
        let metadata = json!({"name": name, "annotations": {ENDING: ending}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"backoffLimit": 0}});
        let mut parameters = self.parameters(json!({"Job": job}));
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attempt("eks:runJob", pattern, &parameters.to_string())
    }

    async fn started(&self, attempt: &Attempt) -> (ExternalRef, Value) {
        match self.adapter.submit(attempt).await {
            Submission::Started(started) => {
                (started.external_ref, serde_json::from_str(started.output.text()).unwrap())
            }
            other => panic!("it was to start: {other:?}"),
        }
    }

    async fn state(&self, attempt: &Attempt, job: &ExternalRef) -> JobState {
        let key = WatchKey {
            identity: attempt.identity.clone(),
            resource: Arc::clone(&attempt.resource),
            group: self.adapter.describe_group(job),
        };
        self.adapter.describe(&key, std::slice::from_ref(job)).await.unwrap().remove(0)
    }
}

#[async_trait]
impl Bench for Over {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::<Http>::clone(&self.adapter)
    }

    fn attempt(&self, pattern: Pattern, ending: Ending) -> Attempt {
        let ending = if ending == Ending::Success { "success" } else { "failure" };
        self.run_job(pattern, ending, json!({}))
    }

    async fn effects(&self, attempt: &Attempt) -> usize {
        self.cluster.state.lock().made.get(&*attempt.submit_token).copied().unwrap_or(0)
    }

    fn break_next_start(&self, fault: Fault) {
        self.cluster.state.lock().fault = Some(fault);
    }

    fn pass_time(&self) {
        self.cluster.end_jobs();
    }

    fn has_jobs(&self) -> bool {
        true
    }

    fn can_tell(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    contract::check(&Over::start().await).await;
}

#[tokio::test]
async fn a_finished_job_comes_with_its_logs() {
    let over = Over::start().await;
    let logs = json!({"LogOptions": {"RetrieveLogs": true, "LogParameters": {"tailLines": ["6"]}}});
    for (ending, raw) in [("success", false), ("success", true), ("failure", false)] {
        let mut logs = logs.clone();
        logs["LogOptions"]["RawLogs"] = json!(raw);
        let attempt = over.run_job(Pattern::Job, ending, logs);
        let (job, output) = over.started(&attempt).await;
        assert_eq!((&output["StatusCode"], &output["StatusText"]), (&json!(201), &json!("Created")));
        assert_eq!(output["ResponseBody"]["kind"], "Job");
        assert!(!output.to_string().contains("newel"), "{output}");
        over.cluster.end_jobs();
        let text = match over.state(&attempt, &job).await {
            JobState::Succeeded(output) if ending == "success" => output.text().to_owned(),
            JobState::Failed(failure) if ending == "failure" => {
                assert_eq!(failure.error, "States.TaskFailed");
                failure.cause
            }
            other => panic!("{ending}: {other:?}"),
        };
        let shown: Value = serde_json::from_str(&text).unwrap();
        let containers = &shown["logs"]["pods"]["pod-1"]["containers"];
        let expect = if raw { json!(r#"{"pi": 3}"#) } else { json!({"pi": 3}) };
        assert_eq!(containers["main"]["log"], expect);
        assert_eq!(containers["broken"]["error"], "EKS.400");
        assert!(containers["broken"]["cause"].as_str().unwrap().contains("BadRequest"));
    }
    let asked: Vec<_> =
        over.cluster.server.got().into_iter().filter(|got| got.path.ends_with("/log")).collect();
    assert!(asked.iter().all(|got| got.query["tailLines"] == "6"), "{asked:?}");
}

#[tokio::test]
async fn a_cancel_deletes_this_very_job_in_the_background() {
    let over = Over::start().await;
    let attempt = over.run_job(Pattern::Job, "success", json!({}));
    let (job, _) = over.started(&attempt).await;
    assert_eq!(over.adapter.cancel(&attempt, &job).await, Ok(()));
    let deleted = over.cluster.server.got().into_iter().find(|got| got.method == "DELETE").unwrap();
    let options: Value = serde_json::from_str(&deleted.body).unwrap();
    assert_eq!(options["propagationPolicy"], "Background");
    assert_eq!(options["preconditions"]["uid"], "uid-1");
    assert_eq!(over.state(&attempt, &job).await, JobState::Missing);
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let over = Over::start().await;
    let attempt = over.run_job(Pattern::Job, "success", json!({}));
    over.started(&attempt).await;
    let again = Attempt { submit_token: "another-token".into(), ..attempt };
    let refused = failure(&over.adapter, &again).await;
    assert_eq!(refused.error, "EKS.409");
    let cause: Value = serde_json::from_str(&refused.cause).unwrap();
    assert_eq!((&cause["StatusCode"], &cause["StatusText"]), (&json!(409), &json!("Conflict")));
    assert_eq!(cause["ResponseBody"]["reason"], "AlreadyExists");
}

#[tokio::test]
async fn any_request_can_be_made() {
    let over = Over::start().await;
    let path = "/api/v1/namespaces/default/pods";
    let more = json!({"Method": "GET", "Path": path, "QueryParameters": {"labelSelector": ["job-name=a"]}});
    let call = |more: &Value| {
        attempt("eks:call", Pattern::RequestResponse, &over.parameters(more.clone()).to_string())
    };
    let result = finished(&over.adapter, &call(&more)).await;
    assert_eq!(
        result.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["ResponseBody", "StatusCode", "StatusText"]
    );
    assert_eq!(result["ResponseBody"]["kind"], "PodList");
    assert_eq!(over.cluster.server.got()[0].raw_query, "labelSelector=job-name%3Da");
    let missing = failure(&over.adapter, &call(&json!({"Method": "GET", "Path": "/nothing"}))).await;
    assert_eq!(missing.error, "EKS.404");
    let patch = json!({"Method": "PATCH", "Path": "/nothing", "RequestBody": {"a": null}});
    failure(&over.adapter, &call(&patch)).await;
    let got = over.cluster.server.got().pop().unwrap();
    assert_eq!(got.headers["content-type"], "application/merge-patch+json");
    assert_eq!(got.body, r#"{"a":null}"#);
}

#[tokio::test]
async fn nobody_but_the_clusters_own_authority_is_trusted() {
    let (over, other) = (Over::start().await, Cluster::start().await);
    let mut parameters = over.parameters(json!({"Method": "POST", "Path": "/x"}));
    parameters["CertificateAuthority"] = json!(STANDARD.encode(&other.server.certificate));
    let refused =
        failure(&over.adapter, &attempt("eks:call", Pattern::RequestResponse, &parameters.to_string())).await;
    assert_eq!(refused.error, "EKS.SdkClientException");
    parameters["CertificateAuthority"] = json!("bm90IFBFTQ==");
    let refused =
        failure(&over.adapter, &attempt("eks:call", Pattern::RequestResponse, &parameters.to_string())).await;
    assert_eq!(refused.error, "States.Runtime");
    assert!(over.cluster.server.got().is_empty());
}
