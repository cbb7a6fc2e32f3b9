//! The logs of a job's containers, as far as they can be had: one that can't be is `error` and `cause` in its place.

use newel_value::{ObjectBuilder, Value};

use crate::client::Fault;
use crate::kubernetes::cluster::{Ask, Cluster};
use crate::kubernetes::job_ref::Scope;
use crate::kubernetes::{fault_failure, result};
use crate::parameters::{Pairs, encoded, query};
use crate::reply::MAX_BODY;

/// Pods of one job whose logs are asked for.
const MAX_PODS: usize = 50;
/// Bytes of the list of pods.
const MAX_LIST: usize = 8 << 20;

/// Whether `LogOptions` ask for logs.
pub(super) fn wanted(options: &Value) -> bool {
    options.get("RetrieveLogs").and_then(Value::as_bool).unwrap_or(false)
}

/// `{pods: {<pod>: {containers: {<container>: {log}}}}}`, for the pods of a job.
pub(super) async fn collect(cluster: &Cluster<'_>, scope: &Scope, job: &str) -> Value {
    let pods = match pods(cluster, scope, job).await {
        Ok(pods) => pods,
        Err(failure) => return failed(&failure),
    };
    let parameters = query(scope.logs.get("LogParameters")).unwrap_or_default();
    let raw = scope.logs.get("RawLogs").and_then(Value::as_bool).unwrap_or(false);
    // A result has room for so much, all logs together.
    let mut room = MAX_BODY;
    let mut found = ObjectBuilder::default();
    for (pod, containers) in pods {
        let mut logs = ObjectBuilder::default();
        for container in containers {
            let log = one(cluster, scope, &pod, &container, &parameters, room).await;
            if let Ok(text) = &log {
                room = room.saturating_sub(text.len());
            }
            let entry = match log {
                Ok(text) => entry(text, raw),
                Err(failure) => failed(&failure),
            };
            logs.insert(container, entry);
        }
        found.insert(pod, single("containers", logs.build().into()));
    }
    single("pods", found.build().into())
}

/// The pods of a job, by name, and their containers.
async fn pods(
    cluster: &Cluster<'_>,
    scope: &Scope,
    job: &str,
) -> Result<Vec<(String, Vec<String>)>, newel_worker::Failure> {
    let selector = ("labelSelector".to_owned(), format!("job-name={job}"));
    let limit = ("limit".to_owned(), MAX_PODS.to_string());
    let path = format!("/api/v1/namespaces/{}/pods", encoded(&scope.namespace));
    let reply = cluster.send(Ask::get(path, vec![selector, limit], MAX_LIST)).await;
    let reply = reply.map_err(|fault| fault_failure(&fault))?;
    let list = result(&reply)?;
    let items = list.pointer("/ResponseBody/items").and_then(Value::as_array).unwrap_or_default();
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let pod = |pod: &Value| {
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array).unwrap_or_default();
        Some((name(pod.get("metadata")?)?, containers.iter().filter_map(name).collect()))
    };
    Ok(items.iter().take(MAX_PODS).filter_map(pod).collect())
}

async fn one(
    cluster: &Cluster<'_>,
    scope: &Scope,
    pod: &str,
    container: &str,
    parameters: &Pairs,
    room: usize,
) -> Result<String, newel_worker::Failure> {
    let mut query = vec![("container".to_owned(), container.to_owned())];
    query.extend(parameters.iter().filter(|(name, _)| !["container", "follow"].contains(&&**name)).cloned());
    let path = format!("/api/v1/namespaces/{}/pods/{}/log", encoded(&scope.namespace), encoded(pod));
    let reply = match cluster.send(Ask::get(path, query, room)).await {
        Ok(reply) => reply,
        Err(fault @ Fault::TooLong(_)) => {
            let cause =
                format!("{fault}, all that a result has room for: set LogOptions.LogParameters.limitBytes");
            return Err(newel_worker::Failure::new("States.DataLimitExceeded", cause));
        }
        Err(fault) => return Err(fault_failure(&fault)),
    };
    result(&reply)?;
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}

fn entry(text: String, raw: bool) -> Value {
    let parsed = if raw { None } else { Value::parse(&text).ok() };
    single("log", parsed.unwrap_or_else(|| text.into()))
}

fn failed(failure: &newel_worker::Failure) -> Value {
    let mut entry = ObjectBuilder::default();
    entry.insert("error", &*failure.error);
    entry.insert("cause", &*failure.cause);
    entry.build().into()
}

fn single(name: &str, value: Value) -> Value {
    let mut object = ObjectBuilder::default();
    object.insert(name, value);
    object.build().into()
}
