//! Where a configured value comes from: it stands there, or is in a file, in the environment, or in AWS Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use newel_integrations::WireRequest;
use newel_runtime::{Secret, SecretFile};
use newel_value::{Object, Value};
use newel_worker::aws::{Access, Aws, CallError};
use newel_worker::{Identity, ManagedSecret, Modelled, Repeat, Service as _, SourceOptions};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::parameters::Pairs;

/// How long a secret that was read in Secrets Manager is good for: one that was rotated is used that much later.
const KEPT: Duration = Duration::from_secs(300);
/// How long the former value serves before Secrets Manager, which couldn't be reached, is asked again.
const FORMER: Duration = Duration::from_secs(30);

/// Why there is no value; for the operator's log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It isn't there, may not be read or can't be used.
    #[error("{0}")]
    Unusable(String),
    /// Secrets Manager, or the service that lends the worker its identity, can't be reached.
    #[error("{0}")]
    Unreachable(String),
}

impl From<String> for Unread {
    fn from(problem: String) -> Self {
        Self::Unusable(problem)
    }
}

/// Where a value comes from. It is looked up at every use, so it can be rotated.
#[derive(Debug)]
pub(crate) enum Source {
    Value(String),
    /// A secret that was read elsewhere.
    Held(Secret),
    File(SecretFile),
    Environment(String),
    Managed(Managed),
}

impl Source {
    pub(crate) fn new(options: &SourceOptions) -> Self {
        let SourceOptions { value, file, env, secret, key } = options;
        match (file, env, secret) {
            (Some(path), ..) => Self::File(SecretFile::new(path)),
            (_, Some(name), _) => Self::Environment(name.clone()),
            (_, _, Some(secret)) => Self::Managed(Managed {
                secret: secret.clone(),
                key: key.clone(),
                kept: Mutex::const_new(None),
            }),
            _ => Self::Value(value.clone().unwrap_or_default()),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn current(&self, secrets: &Secrets) -> Result<Secret, Unread> {
        match self {
            Self::Value(value) => Ok(Secret::new(value.as_str())),
            Self::Held(secret) => Ok(secret.clone()),
            Self::File(file) => file.current().map_err(|error| error.to_string().into()),
            Self::Environment(name) => {
                let value = std::env::var(name);
                value
                    .map(Secret::new)
                    .map_err(|_| format!("the environment variable {name} isn't set").into())
            }
            Self::Managed(managed) => managed.current(async || secrets.read(&managed.secret).await).await,
        }
    }
}

/// Names and where their values come from.
pub(crate) type Sources = Vec<(String, Source)>;

pub(crate) fn sources(options: &BTreeMap<String, SourceOptions>) -> Sources {
    options.iter().map(|(name, source)| (name.clone(), Source::new(source))).collect()
}

/// The pairs that sources stand for at the time of the call.
///
/// # Errors
/// Why one of them can't be had.
pub(crate) async fn current(sources: &Sources, secrets: &Secrets) -> Result<Pairs, Unread> {
    let mut pairs = Pairs::with_capacity(sources.len());
    for (name, source) in sources {
        pairs.push((name.clone(), source.current(secrets).await?.expose().to_owned()));
    }
    Ok(pairs)
}

/// A secret in Secrets Manager, or a member of one that is a JSON object.
pub(crate) struct Managed {
    secret: ManagedSecret,
    key: Option<String>,
    /// What was read last, and until when it serves. Whoever asks while it is read waits for the same answer.
    kept: Mutex<Option<(Instant, Secret)>>,
}

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secret, key, .. } = self;
        f.debug_struct("Managed").field("secret", secret).field("key", key).finish_non_exhaustive()
    }
}

impl Managed {
    /// The value, read again when it is old. What was read before serves while Secrets Manager can't be reached.
    async fn current(&self, read: impl AsyncFnOnce() -> Result<Secret, Unread>) -> Result<Secret, Unread> {
        let mut kept = self.kept.lock().await;
        if let Some((_, value)) = kept.as_ref().filter(|(until, _)| Instant::now() < *until) {
            return Ok(value.clone());
        }
        match read().await {
            Ok(text) => {
                let value = self.value(text.expose())?;
                *kept = Some((Instant::now() + KEPT, value.clone()));
                Ok(value)
            }
            Err(Unread::Unreachable(problem)) => {
                let Some((until, value)) = kept.as_mut() else { return Err(Unread::Unreachable(problem)) };
                tracing::warn!(secret = %self.secret, problem, "a secret can't be read again: its former value serves");
                *until = Instant::now() + FORMER;
                Ok(value.clone())
            }
            Err(unusable @ Unread::Unusable(_)) => {
                *kept = None;
                Err(unusable)
            }
        }
    }

    fn value(&self, text: &str) -> Result<Secret, String> {
        let Some(key) = &self.key else { return Ok(Secret::new(text)) };
        let member = Value::parse(text).ok().and_then(|object| object.get(key).cloned());
        match member {
            Some(Value::String(text)) => Ok(Secret::new(&*text)),
            Some(number @ Value::Number(_)) => Ok(Secret::new(number.to_json())),
            _ => Err(format!("the secret {} has no text {key:?}", self.secret)),
        }
    }
}

/// Reads secrets in Secrets Manager, under the worker's own identity: they are the operator's, not a task's.
#[derive(Debug)]
pub(crate) struct Secrets {
    aws: Arc<Aws>,
    service: Modelled,
}

impl Secrets {
    pub(crate) const fn new(aws: Arc<Aws>, service: Modelled) -> Self {
        Self { aws, service }
    }

    async fn read(&self, secret: &ManagedSecret) -> Result<Secret, Unread> {
        let identity = Identity {
            account: secret.account().into(),
            region: secret.region().into(),
            machine_role: "".into(),
            task_role: None,
        };
        let caller = self.aws.caller(&identity, "connections").await.map_err(|access| match access {
            Access::Denied(failure) => Unread::Unusable(failure.cause),
            Access::Unreachable(cause) => Unread::Unreachable(cause),
        })?;
        let body = [("SecretId", secret.arn())].into_iter().collect::<Object>().into();
        let request = WireRequest { service: "secretsmanager", operation: "GetSecretValue", body };
        let answer = self.service.send(&self.service.client(&caller), &request, Repeat::Freely).await;
        let (answer, _) = answer.map_err(|error| {
            let problem = format!("GetSecretValue of {secret} failed: {}", error.cause());
            match error {
                CallError::Refused { throttled: false, error } if error.status < 500 => {
                    Unread::Unusable(problem)
                }
                _ => Unread::Unreachable(problem),
            }
        })?;
        let text = answer.get("SecretString").and_then(Value::as_str).map(Secret::new);
        text.ok_or_else(|| Unread::Unusable(format!("the secret {secret} holds no text")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(key: Option<&str>) -> Managed {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s".to_owned();
        let secret = ManagedSecret::try_from(arn).unwrap();
        Managed { secret, key: key.map(str::to_owned), kept: Mutex::const_new(None) }
    }

    async fn finds(managed: &Managed, answer: Result<&str, Unread>) -> Result<String, String> {
        let found = managed.current(async || answer.map(Secret::new)).await;
        found.map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    /// Isn't asked.
    async fn keeps(managed: &Managed) -> String {
        managed.current(async || panic!("asked again")).await.unwrap().expose().to_owned()
    }

    fn unreachable() -> Result<&'static str, Unread> {
        Err(Unread::Unreachable("no answer".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_again_when_it_is_old() {
        let managed = managed(None);
        assert_eq!(finds(&managed, Ok("first")).await.unwrap(), "first");
        tokio::time::advance(KEPT - Duration::from_secs(1)).await;
        assert_eq!(keeps(&managed).await, "first");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(finds(&managed, Ok("second")).await.unwrap(), "second");
    }

    #[tokio::test(start_paused = true)]
    async fn the_former_value_serves_while_secrets_manager_cannot_be_reached() {
        let managed = managed(None);
        assert_eq!(finds(&managed, unreachable()).await.unwrap_err(), "no answer");
        assert_eq!(finds(&managed, Ok("first")).await.unwrap(), "first");
        for _ in 0..3 {
            tokio::time::advance(KEPT).await;
            assert_eq!(finds(&managed, unreachable()).await.unwrap(), "first");
            assert_eq!(keeps(&managed).await, "first");
        }
        tokio::time::advance(FORMER).await;
        assert_eq!(finds(&managed, Ok("second")).await.unwrap(), "second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_is_gone_is_not_used_any_longer() {
        let managed = managed(Some("password"));
        assert_eq!(finds(&managed, Ok(r#"{"password":"first"}"#)).await.unwrap(), "first");
        tokio::time::advance(KEPT).await;
        let gone = Err(Unread::Unusable("deleted".to_owned()));
        assert_eq!(finds(&managed, gone).await.unwrap_err(), "deleted");
        assert_eq!(finds(&managed, unreachable()).await.unwrap_err(), "no answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_without_its_member_is_none() {
        let managed = managed(Some("password"));
        let problem = finds(&managed, Ok(r#"{"user":"u"}"#)).await.unwrap_err();
        assert!(problem.ends_with(r#"has no text "password""#), "{problem}");
        assert_eq!(finds(&managed, Ok(r#"{"password":7}"#)).await.unwrap(), "7");
    }
}
