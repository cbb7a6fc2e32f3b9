//! `eks:runJob`: a Kubernetes Job, started, watched and deleted.
//!
//! The job carries the submission's token as a label, so that a submission whose answer was lost finds its job again.

use bytes::Bytes;
use http::{Method, StatusCode};
use newel_value::{Object, ObjectBuilder, Payload, Value};
use newel_worker::aws::Aws;
use newel_worker::{
    Attempt, CallFailure, ExternalRef, Failure, JobState, Pattern, Reconciled, Started, Submission, WatchKey,
};

use crate::client::{Client, Fault, Reply};
use crate::kubernetes::cluster::{Address, Ask, Cluster, Clusters};
use crate::kubernetes::job_ref::{JobRef, Scope};
use crate::kubernetes::{client_failure, fault_failure, logs, payload, result};
use crate::parameters::{Parameters, encoded, invalid};

/// The label of a job that holds its submission's token.
const MARKER: &str = "newel.attempt";
/// Bytes of one job, and of a list of as many as are described at once.
const MAX_JOB: usize = 2 << 20;
const MAX_LIST: usize = 32 << 20;
/// How many jobs one list shows: their tokens have to fit a URL.
pub(crate) const DESCRIBE_LIMIT: usize = 50;
/// The longest cause of a failure that has the job's logs in it.
const MAX_CAUSE: usize = 32 * 1024;

/// The parameters of one run.
#[derive(Debug)]
struct Run {
    scope: Scope,
    /// The job as the user wrote it.
    job: Object,
}

impl Run {
    fn read(parameters: &Value) -> Result<Self, Failure> {
        let given = Parameters::new(parameters)?;
        let address = Address::read(given)?;
        let namespace = given.optional_text("Namespace")?.unwrap_or("default").to_owned();
        let job = match given.get("Job") {
            Some(Value::String(text)) => {
                Value::parse(text).map_err(|error| invalid(format_args!("the Job isn't JSON: {error}")))?
            }
            Some(other) => other.clone(),
            None => return Err(invalid("the field 'Job' is missing")),
        };
        let Value::Object(job) = job else { return Err(invalid("the Job must be an object")) };
        let logs = given.get("LogOptions").cloned().unwrap_or_default();
        Ok(Self { scope: Scope { address, namespace, logs }, job })
    }

    /// The name that the job is to have; without one the server makes it up.
    fn name(&self) -> Option<&str> {
        self.job.get("metadata")?.get("name")?.as_str()
    }

    fn path(&self) -> String {
        jobs_path(&self.scope.namespace)
    }
}

fn jobs_path(namespace: &str) -> String {
    format!("/apis/batch/v1/namespaces/{}/jobs", encoded(namespace))
}

fn job_path(namespace: &str, name: &str) -> String {
    format!("{}/{}", jobs_path(namespace), encoded(name))
}

/// The job with the token as a label.
fn marked(job: &Object, token: &str) -> Object {
    let members = |object: Option<&Value>| object.and_then(Value::as_object).cloned().unwrap_or_default();
    let metadata = members(job.get("metadata"));
    let mut labels = members(metadata.get("labels")).to_builder();
    labels.insert(MARKER, token);
    let mut metadata = metadata.to_builder();
    metadata.insert("labels", labels.build());
    let mut job = job.to_builder();
    job.insert("metadata", metadata.build());
    job.build()
}

/// The token that a job carries.
fn token_of(job: &Value) -> &str {
    let labels = job.get("metadata").and_then(|metadata| metadata.get("labels"));
    labels.and_then(|labels| labels.get(MARKER)).and_then(Value::as_str).unwrap_or_default()
}

/// The job as results show it: without the marker, and without labels if there are no others.
fn unmarked(job: &Value) -> Value {
    let Value::Object(job) = job else { return job.clone() };
    let Some(Value::Object(metadata)) = job.get("metadata") else { return job.clone().into() };
    let mut shown = metadata.to_builder();
    if let Some(Value::Object(labels)) = metadata.get("labels") {
        let mut labels = labels.to_builder();
        labels.remove(MARKER);
        let labels = labels.build();
        if labels.is_empty() {
            shown.remove("labels");
        } else {
            shown.insert("labels", labels);
        }
    }
    // Says for each field who set it last, the marker among them.
    if let Some(fields) = metadata.get("managedFields") {
        shown.insert("managedFields", without_field(fields, &format!("f:{MARKER}")));
    }
    let mut job = job.to_builder();
    job.insert("metadata", shown.build());
    job.build().into()
}

fn without_field(value: &Value, field: &str) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| &***name != field);
            kept.map(|(name, value)| (name.to_string(), without_field(value, field)))
                .collect::<Object>()
                .into()
        }
        Value::Array(items) => items.iter().map(|item| without_field(item, field)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether a job is over, and well.
fn ended(job: &Value) -> Option<bool> {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array).unwrap_or_default();
    let text = |condition: &Value, name: &str| condition.get(name).and_then(Value::as_str).map(str::to_owned);
    let holds = |condition: &&Value| text(condition, "status").as_deref() == Some("True");
    conditions.iter().filter(holds).find_map(|condition| match text(condition, "type")?.as_str() {
        "Complete" => Some(true),
        "Failed" => Some(false),
        _ => None,
    })
}

/// What a read of a job or of jobs came to if not to an answer of success.
fn read_failure(answer: Result<Reply, Fault>) -> Result<Reply, CallFailure> {
    let reply = answer.map_err(|fault| match fault {
        Fault::Refused(_) | Fault::TooLong(_) => CallFailure::Refused(fault_failure(&fault)),
        Fault::Unsent(cause) | Fault::Unanswered(cause) => CallFailure::Transient(cause),
    })?;
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS => Err(CallFailure::Throttled),
        status if status.is_server_error() => {
            Err(CallFailure::Transient(format!("the cluster answered {status}")))
        }
        status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(reply),
        _ => Err(result(&reply).map_or_else(CallFailure::Refused, |_| CallFailure::Throttled)),
    }
}

/// A job or a list in an answer.
fn object(reply: &Reply) -> Result<Value, CallFailure> {
    let text = std::str::from_utf8(&reply.body).ok();
    let value = text.and_then(|text| Value::parse(text).ok()).filter(|value| value.as_object().is_some());
    value.ok_or_else(|| CallFailure::Transient("the cluster's answer isn't JSON".to_owned()))
}

impl Clusters {
    /// Starts a job.
    ///
    /// # Errors
    /// When nothing was sent on its behalf.
    pub(crate) async fn run_job(
        &self,
        client: &Client,
        aws: &Aws,
        attempt: &Attempt,
        parameters: &Value,
    ) -> Result<Submission, Failure> {
        let run = Run::read(parameters)?;
        let cluster =
            self.open(client, aws, &attempt.identity, attempt.execution_name(), &run.scope.address).await?;
        let body = if self.markers { marked(&run.job, &attempt.submit_token) } else { run.job.clone() };
        let ask = Ask {
            method: Method::POST,
            path: run.path(),
            query: Vec::new(),
            body: Some(("application/json", Bytes::from(Value::from(body).to_json()))),
            limit: MAX_JOB,
        };
        let reply = match cluster.send(ask).await {
            Ok(reply) => reply,
            Err(Fault::Unanswered(cause)) => return Ok(Submission::Unknown { answer: None, cause }),
            // It took effect.
            Err(fault @ Fault::TooLong(_)) => {
                return Ok(Submission::Unknown { answer: None, cause: fault.to_string() });
            }
            Err(fault) => return Ok(Submission::Failed(fault_failure(&fault))),
        };
        if reply.status.is_server_error() {
            let cause = format!("the cluster answered {}", reply.status);
            return Ok(Submission::Unknown { answer: result(&reply).err(), cause });
        }
        if let Err(failure) = result(&reply) {
            return Ok(Submission::Failed(failure));
        }
        let Ok(job) = object(&reply) else {
            return Ok(Submission::Unknown {
                answer: None,
                cause: "the cluster's answer isn't JSON".to_owned(),
            });
        };
        let output = payload(reply.envelope(unmarked(&job)));
        Ok(match attempt.pattern {
            Pattern::RequestResponse => Submission::Finished(output),
            Pattern::Job | Pattern::Callback => Submission::Started(started(&run.scope, &job, output)),
        })
    }

    /// Looks for the job that an earlier submission may have started.
    ///
    /// # Errors
    /// When the parameters are unusable.
    pub(crate) async fn find_job(
        &self,
        client: &Client,
        aws: &Aws,
        attempt: &Attempt,
        parameters: &Value,
    ) -> Result<Reconciled, Failure> {
        let run = Run::read(parameters)?;
        let cluster =
            self.open(client, aws, &attempt.identity, attempt.execution_name(), &run.scope.address).await?;
        let job = match self.look(&cluster, &run, &attempt.submit_token).await {
            Ok(Some(job)) => job,
            Ok(None) => return Ok(Reconciled::NotStarted),
            Err(CallFailure::Refused(failure)) => return Ok(Reconciled::Unknown { cause: failure.cause }),
            Err(other) => return Ok(Reconciled::Later { cause: other.to_string() }),
        };
        if token_of(&job) != &*attempt.submit_token {
            return Ok(Reconciled::Unknown { cause: "the job of that name may be another's".to_owned() });
        }
        // As the start call's answer had it.
        let mut envelope = ObjectBuilder::default();
        envelope.insert("ResponseBody", unmarked(&job));
        envelope.insert("StatusCode", i64::from(StatusCode::CREATED.as_u16()));
        envelope.insert("StatusText", "Created");
        let output = payload(envelope.build().into());
        Ok(match attempt.pattern {
            Pattern::RequestResponse => Reconciled::Finished(output),
            Pattern::Job | Pattern::Callback => Reconciled::Adopted(started(&run.scope, &job, output)),
        })
    }

    /// The job of a submission: by its marker, or by its name if jobs aren't marked.
    async fn look(
        &self,
        cluster: &Cluster<'_>,
        run: &Run,
        token: &str,
    ) -> Result<Option<Value>, CallFailure> {
        if self.markers {
            let found = list(cluster, &run.scope, &[token]).await?;
            return Ok(found.into_iter().next());
        }
        let Some(name) = run.name() else {
            let cause = "the submission carried nothing to find it by";
            return Err(CallFailure::Refused(client_failure(cause)));
        };
        read(cluster, &run.scope, name).await
    }

    /// Where jobs of one scope are.
    ///
    /// # Errors
    /// When the cluster can't be asked.
    pub(crate) async fn describe(
        &self,
        client: &Client,
        aws: &Aws,
        watch: &WatchKey,
        jobs: &[ExternalRef],
    ) -> Result<Vec<JobState>, CallFailure> {
        let unreadable = || CallFailure::Refused(invalid("the job's reference can't be read"));
        let parsed: Vec<(JobRef, Scope)> = jobs.iter().filter_map(JobRef::parse).collect();
        if parsed.len() != jobs.len() {
            return Err(unreadable());
        }
        let scope = Scope::parse(&watch.group).ok_or_else(unreadable)?;
        let opened = self.open(client, aws, &watch.identity, "newel-watch", &scope.address).await;
        let cluster = opened.map_err(CallFailure::Refused)?;
        let wanted: Vec<&JobRef> = parsed.iter().map(|(job, _)| job).collect();
        let found = find(&cluster, &scope, &wanted).await?;
        let mut states = Vec::with_capacity(jobs.len());
        for (job, found) in wanted.iter().zip(found) {
            states.push(match found {
                None => JobState::Missing,
                Some(found) => state(&cluster, &scope, job, &found).await,
            });
        }
        Ok(states)
    }

    /// Deletes a job that isn't over, and its pods.
    ///
    /// # Errors
    /// When the cluster confirms nothing.
    pub(crate) async fn delete(
        &self,
        client: &Client,
        aws: &Aws,
        attempt: &Attempt,
        job: &ExternalRef,
    ) -> Result<(), CallFailure> {
        let Some((job, scope)) = JobRef::parse(job) else { return Ok(()) };
        let opened =
            self.open(client, aws, &attempt.identity, attempt.execution_name(), &scope.address).await;
        let cluster = opened.map_err(CallFailure::Refused)?;
        let Some(found) = read(&cluster, &scope, &job.name).await? else { return Ok(()) };
        if !is(&found, &job) || ended(&found).is_some() {
            return Ok(());
        }
        let mut options = ObjectBuilder::default();
        options.insert("apiVersion", "v1").insert("kind", "DeleteOptions");
        options.insert("propagationPolicy", "Background");
        // Only this job, and none that took its name meanwhile.
        if let Some(uid) = found.pointer("/metadata/uid") {
            let mut preconditions = ObjectBuilder::default();
            preconditions.insert("uid", uid.clone());
            options.insert("preconditions", preconditions.build());
        }
        let ask = Ask {
            method: Method::DELETE,
            path: job_path(&scope.namespace, &job.name),
            query: Vec::new(),
            body: Some(("application/json", Bytes::from(Value::from(options.build()).to_json()))),
            limit: MAX_JOB,
        };
        match cluster.send(ask).await {
            Ok(reply) if reply.status == StatusCode::CONFLICT => Ok(()),
            answer => read_failure(answer).map(|_| ()),
        }
    }
}

/// A job that was started.
fn started(scope: &Scope, job: &Value, output: Payload) -> Started {
    let name = job.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let reference = scope.reference(&JobRef { name, token: token_of(job).to_owned() });
    Started { external_ref: reference, output }
}

/// The jobs, in the order of `wanted`: several with one list, if they are marked.
async fn find(
    cluster: &Cluster<'_>,
    scope: &Scope,
    wanted: &[&JobRef],
) -> Result<Vec<Option<Value>>, CallFailure> {
    let tokens: Vec<&str> = wanted.iter().map(|job| &*job.token).filter(|token| !token.is_empty()).collect();
    let listed = match &tokens[..] {
        [] | [_] => Vec::new(),
        tokens => list(cluster, scope, tokens).await?,
    };
    let mut found = Vec::with_capacity(wanted.len());
    for job in wanted {
        let one = if tokens.len() > 1 && !job.token.is_empty() {
            listed.iter().find(|one| is(one, job)).cloned()
        } else {
            read(cluster, scope, &job.name).await?.filter(|one| is(one, job))
        };
        found.push(one);
    }
    Ok(found)
}

/// Whether this is the job that was started, and not one that took its name.
fn is(found: &Value, job: &JobRef) -> bool {
    let name = found.pointer("/metadata/name").and_then(Value::as_str);
    name == Some(&*job.name) && token_of(found) == job.token
}

/// One job by its name.
async fn read(cluster: &Cluster<'_>, scope: &Scope, name: &str) -> Result<Option<Value>, CallFailure> {
    let ask = Ask::get(job_path(&scope.namespace, name), Vec::new(), MAX_JOB);
    let reply = read_failure(cluster.send(ask).await)?;
    if reply.status == StatusCode::NOT_FOUND { Ok(None) } else { object(&reply).map(Some) }
}

/// The jobs that carry one of these tokens.
async fn list(cluster: &Cluster<'_>, scope: &Scope, tokens: &[&str]) -> Result<Vec<Value>, CallFailure> {
    let selector = format!("{MARKER} in ({})", tokens.join(","));
    let query = vec![("labelSelector".to_owned(), selector)];
    let reply = read_failure(cluster.send(Ask::get(jobs_path(&scope.namespace), query, MAX_LIST)).await)?;
    if reply.status == StatusCode::NOT_FOUND {
        return Ok(Vec::new());
    }
    let list = object(&reply)?;
    Ok(list.get("items").and_then(Value::as_array).unwrap_or_default().to_vec())
}

/// What a job that is there says of itself.
async fn state(cluster: &Cluster<'_>, scope: &Scope, job: &JobRef, found: &Value) -> JobState {
    let Some(well) = ended(found) else { return JobState::Running };
    let shown = unmarked(found);
    let with_logs = match &shown {
        Value::Object(shown) if logs::wanted(&scope.logs) => {
            let mut shown = shown.to_builder();
            shown.insert("logs", logs::collect(cluster, scope, &job.name).await);
            shown.build().into()
        }
        _ => shown.clone(),
    };
    if well {
        return JobState::Succeeded(payload(with_logs));
    }
    let mut cause = with_logs.to_json();
    if cause.len() > MAX_CAUSE {
        cause = shown.to_json();
    }
    JobState::Failed(Failure::task_failed(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::parse(text).unwrap()
    }

    #[test]
    fn the_marker_never_shows() {
        let job = json(r#"{"kind":"Job","metadata":{"name":"a"},"spec":{}}"#);
        let carried = marked(job.as_object().unwrap(), "t-1");
        let mut carried = Value::from(carried);
        assert_eq!(token_of(&carried), "t-1");
        assert_eq!(unmarked(&carried), job);
        carried = json(
            r#"{"metadata":{"labels":{"newel.attempt":"t","app":"x"},"managedFields":[{"fieldsV1":{"f:metadata":
                {"f:labels":{"f:newel.attempt":{},"f:app":{}}}}}]}}"#,
        );
        assert_eq!(
            unmarked(&carried).to_json(),
            r#"{"metadata":{"labels":{"app":"x"},"managedFields":[{"fieldsV1":{"f:metadata":{"f:labels":{"f:app":{}}}}}]}}"#
        );
    }

    #[test]
    fn conditions_tell_the_end() {
        let check = |conditions: &str, expect: Option<bool>| {
            assert_eq!(ended(&json(&format!(r#"{{"status":{{"conditions":{conditions}}}}}"#))), expect);
        };
        check("[]", None);
        check(r#"[{"type":"Suspended","status":"True"}]"#, None);
        check(r#"[{"type":"Complete","status":"False"}]"#, None);
        check(
            r#"[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]"#,
            Some(true),
        );
        check(r#"[{"type":"FailureTarget","status":"True"},{"type":"Failed","status":"True"}]"#, Some(false));
        assert_eq!(ended(&json("{}")), None);
    }
}
