//! Whose credentials a call is made with.
//!
//! The worker's own identity is the SDK's default chain (environment, profile, web identity, pod identity). From it the
//! state machine's role is assumed, and from that the task's `Credentials.RoleArn`, as far as
//! [`AssumeRole`](crate::AssumeRole) says so.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use newel_aws_client::{Caller, chain, is_throttle};
use parking_lot::Mutex;

use super::lru::Lru;
use crate::adapter::Failure;
use crate::attempt::Identity;
use crate::options::{AssumeRole, AwsOptions};

/// Identities whose credentials are kept.
const CAPACITY: usize = 1_024;
/// Where credentials are asked for if neither the environment nor a profile says.
const FALLBACK_REGION: Region = Region::from_static("us-east-1");
/// Credentials are replaced this long before they expire: longer than any call may take.
const REFRESH: Duration = Duration::from_secs(300);

/// How long a connection is kept for the next call: less than AWS endpoints keep it, so that a start call isn't sent over
/// one that is being closed, which would leave its outcome unknown.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// Why a call can't be made under an identity.
#[derive(Debug)]
pub enum Access {
    /// It may not.
    Denied(Failure),
    /// Whether it may couldn't be asked.
    Unreachable(String),
}

/// The way to AWS: configurations whose credentials are those of an identity.
#[derive(Debug)]
pub struct Aws {
    base: SdkConfig,
    options: AwsOptions,
    identities: Mutex<Lru<Identity, Arc<Configured>>>,
}

/// An identity's configuration, with what its credentials come from.
#[derive(Debug)]
struct Configured {
    caller: Caller,
    machine: Option<Arc<Assumed>>,
    task: Option<Arc<Assumed>>,
}

impl Aws {
    /// Loads the worker's own identity and endpoints from where the SDK looks for them.
    pub async fn load(options: AwsOptions) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_timeout(options.call_timeout())
            .build();
        // Calls name their own region; this one is for finding credentials. Beyond these places the SDK would ask the
        // machine's metadata service, and wait for it where there is none.
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(FALLBACK_REGION);
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .http_client(pooled())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(options.max_attempts.max(1)));
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        Self { base: loader.load().await, options, identities: Mutex::new(Lru::new(CAPACITY)) }
    }

    /// How often a call is made at most.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.options.max_attempts.max(1)
    }

    /// Who makes calls under an identity, and whose credentials are there and valid. An assumed role's session
    /// is named for the execution that first needs it; later ones share it while it lasts.
    ///
    /// # Errors
    /// [`Access`] when a role isn't allowed or can't be assumed.
    pub async fn caller(&self, identity: &Identity, execution_name: &str) -> Result<Caller, Access> {
        self.check_allowed(identity)?;
        let known = self.identities.lock().get(identity);
        let configured = match known {
            Some(configured) => configured,
            None => {
                let made = Arc::new(self.configure(identity, &session_name(execution_name)).await);
                self.identities.lock().get_or_insert(identity.clone(), made)
            }
        };
        configured.authorize(identity).await?;
        Ok(configured.caller.clone())
    }

    fn check_allowed(&self, identity: &Identity) -> Result<(), Access> {
        let roles = std::iter::once(&identity.machine_role).chain(&identity.task_role);
        for role in roles.filter(|role| !role.is_empty()) {
            if !self.options.allows(&identity.account, role) {
                let cause = format!("The role {role} is not allowed for account {}.", identity.account);
                return Err(Access::Denied(Failure::task_failed(cause)));
            }
        }
        Ok(())
    }

    async fn configure(&self, identity: &Identity, session: &str) -> Configured {
        let region = Region::new(identity.region.to_string());
        let mut own = self.base.clone().into_builder().region(region);
        if self.options.dev_account_credentials {
            let keys = Credentials::new(&*identity.account, "newel", None, None, "NewelDevAccount");
            own = own.credentials_provider(SharedCredentialsProvider::new(keys));
        }
        let mut config = own.build();
        let mode = self.options.assume_role;
        let mut machine = None;
        if mode == AssumeRole::Always && !identity.machine_role.is_empty() {
            let assumed = Assumed::new(&config, &identity.machine_role, session).await;
            config = assumed.wear(&config);
            machine = Some(assumed);
        }
        let mut task = None;
        if let Some(role) = identity.task_role.as_ref().filter(|_| mode != AssumeRole::Never) {
            let assumed = Assumed::new(&config, role, session).await;
            config = assumed.wear(&config);
            task = Some(assumed);
        }
        Configured { caller: Caller::new(config), machine, task }
    }
}

/// One pool of connections for every client made from the configurations. A client without it makes its own, and with it
/// a handshake for each call. Otherwise as the SDK's own: TLS by rustls, a proxy as the environment says.
fn pooled() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env())
            .pool_idle_timeout(IDLE_CONNECTION);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    })
}

impl Configured {
    /// Makes sure that the roles' credentials are there, so that a failure to assume one is told from a failed call.
    async fn authorize(&self, identity: &Identity) -> Result<(), Access> {
        let machine_role = &identity.machine_role;
        if let Some(machine) = &self.machine {
            let denied = || {
                format!("The worker is not authorized to assume the state machine's role, {machine_role}.")
            };
            machine.current().await.map_err(|error| access(&error, denied))?;
        }
        if let (Some(task), Some(role)) = (&self.task, &identity.task_role) {
            let denied = || {
                format!("The role {machine_role} is not authorized to assume the task state's role, {role}.")
            };
            task.current().await.map_err(|error| access(&error, denied))?;
        }
        Ok(())
    }
}

/// A refusal of STS is a refusal; a throttle, an internal error or no answer at all says nothing about the role.
fn access(error: &CredentialsError, denied: impl FnOnce() -> String) -> Access {
    tracing::warn!(error = %DisplayErrorContext(error), "a role couldn't be assumed");
    let misconfigured = matches!(error, CredentialsError::InvalidConfiguration(_));
    if misconfigured || chain(error).filter_map(|error| error.downcast_ref()).any(is_refusal) {
        Access::Denied(Failure::task_failed(denied()))
    } else {
        Access::Unreachable("the security token service can't be reached".to_owned())
    }
}

fn is_refusal(error: &SdkError<AssumeRoleError>) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    let status = answer.raw().status().as_u16();
    (400..500).contains(&status) && !is_throttle(answer.err().code().unwrap_or_default(), status)
}

/// A role session's name: what STS takes of the execution's name.
fn session_name(execution: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "_=,.@-".contains(c) { c } else { '-' };
    let name: String = execution.chars().map(fit).take(64).collect();
    if name.len() < 2 { format!("newel-{name}") } else { name }
}

/// A role's credentials, asked for once and kept until shortly before they expire.
struct Assumed {
    source: AssumeRoleProvider,
    current: tokio::sync::Mutex<Option<Credentials>>,
}

impl Assumed {
    async fn new(from: &SdkConfig, role: &str, session: &str) -> Arc<Self> {
        let mut builder = AssumeRoleProvider::builder(role).session_name(session).configure(from);
        if let Some(region) = from.region() {
            builder = builder.region(region.clone());
        }
        Arc::new(Self { source: builder.build().await, current: tokio::sync::Mutex::new(None) })
    }

    /// The configuration with this role's credentials.
    fn wear(self: &Arc<Self>, config: &SdkConfig) -> SdkConfig {
        let provider = SharedCredentialsProvider::new(Wearing(Arc::clone(self)));
        config.clone().into_builder().credentials_provider(provider).build()
    }

    /// Valid credentials: those there are, if they can't be replaced yet. Whoever asks while they are fetched waits for the same answer.
    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut current = self.current.lock().await;
        let fresh_until = SystemTime::now() + REFRESH;
        let fresh =
            |credentials: &&Credentials| credentials.expiry().is_none_or(|expiry| expiry > fresh_until);
        if let Some(credentials) = current.as_ref().filter(fresh) {
            return Ok(credentials.clone());
        }
        match self.source.provide_credentials().await {
            Ok(credentials) => Ok(current.insert(credentials).clone()),
            Err(error) => {
                let now = SystemTime::now();
                let valid = |old: &&Credentials| old.expiry().is_some_and(|expiry| expiry > now);
                current.as_ref().filter(valid).cloned().ok_or(error)
            }
        }
    }
}

impl fmt::Debug for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assumed").finish_non_exhaustive()
    }
}

/// Gives a shared role's credentials to the SDK.
#[derive(Debug)]
struct Wearing(Arc<Assumed>);

impl ProvideCredentials for Wearing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_sts_allows() {
        let check = |execution: &str, expect: &str| assert_eq!(session_name(execution), expect);
        check("run-1", "run-1");
        check("äb c/d", "-b-c-d");
        check("", "newel-");
        check("x", "newel-x");
        assert_eq!(session_name(&"y".repeat(80)).len(), 64);
    }
}
