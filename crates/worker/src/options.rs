//! What can be configured about a worker.

mod events;
mod http;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use events::EventQueueOptions;
pub(crate) use events::Queue;
pub use http::{
    AuthKind, ClientAuth, ConnectionOptions, HttpOptions, ManagedSecret, OauthOptions, SourceOptions,
};

/// A worker's configuration: section `worker` of the configuration file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// gRPC addresses of orchestrator replicas, at least one: `http://host:port`, or `https://…` for TLS. The others
    /// are learnt from these.
    pub orchestrators: Vec<String>,
    /// File with the family's bearer token; read again at every connection, so it can be rotated.
    pub token_file: Option<PathBuf>,
    /// PEM file with the certificates that may sign an `https` orchestrator's, instead of the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// A name for this process, unique among the family's workers. Host name and a random suffix if empty.
    pub worker_id: String,
    /// Where the gRPC health service listens, if anywhere.
    pub health_address: Option<SocketAddr>,
    /// How many submits and reconciles one orchestrator may have under way here.
    pub submit_credits: u32,
    /// Bytes of parameters that one orchestrator may have under way here.
    pub submit_credit_bytes: u64,
    /// How many calls are made at a time.
    pub max_concurrent_calls: usize,
    /// The longest parameters taken, in bytes.
    pub max_payload_bytes: usize,
    /// Bytes of unacknowledged results at which polling pauses.
    pub max_unacknowledged_bytes: usize,
    /// Seconds after which a report is repeated that isn't acknowledged.
    pub report_repeat_seconds: u64,
    /// Seconds that submits under way are given to finish when the worker is told to stop.
    pub drain_seconds: u64,
    /// Whether submissions to services without idempotency tokens are marked (a Batch tag, a Glue argument), so that a
    /// submission whose answer was lost can be found again. Without, such an attempt fails.
    pub markers: bool,
    /// Seconds for which a listing isn't trusted to show a new job, where a service's listing lags.
    pub listing_lag_seconds: u64,
    /// How often jobs are looked at.
    pub poll: PollOptions,
    /// Queues of events that tell of jobs' ends.
    pub events: EventQueueOptions,
    /// How AWS is called.
    pub aws: AwsOptions,
    /// How HTTP APIs and clusters are called: of the family `http` alone.
    pub http: HttpOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            orchestrators: vec!["http://127.0.0.1:8084".to_owned()],
            token_file: None,
            tls_ca_file: None,
            worker_id: String::new(),
            health_address: None,
            submit_credits: 256,
            submit_credit_bytes: 32 << 20,
            max_concurrent_calls: 64,
            max_payload_bytes: 16 << 20,
            max_unacknowledged_bytes: 64 << 20,
            report_repeat_seconds: 10,
            drain_seconds: 20,
            markers: true,
            listing_lag_seconds: 15,
            poll: PollOptions::default(),
            events: EventQueueOptions::default(),
            aws: AwsOptions::default(),
            http: HttpOptions::default(),
        }
    }
}

impl Options {
    /// The first thing wrong with it.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("submit_credits", u64::from(self.submit_credits)),
            ("submit_credit_bytes", self.submit_credit_bytes),
            ("max_concurrent_calls", self.max_concurrent_calls as u64),
            ("max_payload_bytes", self.max_payload_bytes as u64),
            ("max_unacknowledged_bytes", self.max_unacknowledged_bytes as u64),
            ("report_repeat_seconds", self.report_repeat_seconds),
            ("poll.young_millis", self.poll.young_millis),
            ("aws.call_timeout_seconds", self.aws.call_timeout_seconds),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("worker.{key} must not be 0"));
        }
        if self.orchestrators.is_empty() {
            return Err("worker.orchestrators names nobody".to_owned());
        }
        if self.poll.old_millis < self.poll.young_millis
            || self.poll.old_age_seconds < self.poll.young_age_seconds
        {
            return Err("worker.poll: what is old is looked at more often than what is young".to_owned());
        }
        if !(self.poll.calls_per_second > 0.0 && self.poll.burst >= 1.0) {
            return Err("worker.poll: calls_per_second and burst leave room for no call".to_owned());
        }
        self.events.check()?;
        self.http.check()
    }

    pub(crate) fn report_repeat(&self) -> Duration {
        Duration::from_secs(self.report_repeat_seconds)
    }

    /// See [`Options::listing_lag_seconds`].
    #[must_use]
    pub fn listing_lag(&self) -> Duration {
        Duration::from_secs(self.listing_lag_seconds)
    }
}

/// How often jobs under watch are looked at: young ones every `young_millis`, old ones every `old_millis`, and between
/// the two ages in proportion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PollOptions {
    /// The interval of young jobs, in milliseconds. No identity and group is asked about more often.
    pub young_millis: u64,
    /// Until which age, in seconds, a job is young.
    pub young_age_seconds: u64,
    /// The interval of old jobs, in milliseconds.
    pub old_millis: u64,
    /// From which age, in seconds, a job is old.
    pub old_age_seconds: u64,
    /// Describe calls a second for each identity (account, region, roles), in the long run.
    pub calls_per_second: f64,
    /// Describe calls at once for each identity.
    pub burst: f64,
    /// Seconds for which a job may be unknown to its service before its attempt fails.
    pub missing_grace_seconds: u64,
    /// Seconds for which a service may refuse to describe jobs before their attempts fail.
    pub refused_grace_seconds: u64,
}

impl Default for PollOptions {
    fn default() -> Self {
        Self {
            young_millis: 4_000,
            young_age_seconds: 120,
            old_millis: 45_000,
            old_age_seconds: 1_200,
            calls_per_second: 5.0,
            burst: 10.0,
            missing_grace_seconds: 120,
            refused_grace_seconds: 300,
        }
    }
}

/// Which roles calls are made under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssumeRole {
    /// Calls are made under the state machine's role, and a task's `Credentials.RoleArn` is assumed from that: as AWS
    /// does it.
    Always,
    /// Calls are made with the worker's own credentials, except that a task's `Credentials.RoleArn` is assumed from them.
    #[default]
    CredentialsOnly,
    /// Calls are made with the worker's own credentials, whatever roles are named.
    Never,
}

/// How AWS is called.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwsOptions {
    /// Where all services are, instead of AWS's own endpoints. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` do
    /// the same.
    pub endpoint_url: Option<String>,
    /// Which roles are assumed.
    pub assume_role: AssumeRole,
    /// The roles that an account's state machines and their tasks may name, by account; a trailing `*` stands for
    /// anything. Empty: any role. Otherwise an account without an entry may name none.
    pub allowed_roles: BTreeMap<String, Vec<String>>,
    /// For emulators: calls are signed with an access key id that is the execution's account.
    pub dev_account_credentials: bool,
    /// Seconds that a call may take, its repetitions included.
    pub call_timeout_seconds: u64,
    /// How often a call is made at most, as far as repeating it does no harm.
    pub max_attempts: u32,
}

impl Default for AwsOptions {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            assume_role: AssumeRole::default(),
            allowed_roles: BTreeMap::new(),
            dev_account_credentials: false,
            call_timeout_seconds: 30,
            max_attempts: 3,
        }
    }
}

impl AwsOptions {
    /// Whether an account's state machines may name a role.
    pub(crate) fn allows(&self, account: &str, role: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => role.starts_with(prefix),
            None => pattern == role,
        };
        self.allowed_roles.is_empty()
            || self.allowed_roles.get(account).is_some_and(|patterns| patterns.iter().any(fits))
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_timeout_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_zeros_are_not() {
        assert_eq!(Options::default().check(), Ok(()));
        let refuse = |change: fn(&mut Options), names: &str| {
            let mut options = Options::default();
            change(&mut options);
            let message = options.check().unwrap_err();
            assert!(message.contains(names), "{message}");
        };
        refuse(|o| o.submit_credits = 0, "submit_credits");
        refuse(|o| o.orchestrators.clear(), "orchestrators");
        refuse(|o| o.poll.old_millis = 1, "poll");
        refuse(|o| o.poll.burst = 0.5, "burst");
        refuse(|o| o.poll.calls_per_second = f64::NAN, "calls_per_second");
    }

    #[test]
    fn roles_are_allowed_by_account() {
        let mut aws = AwsOptions::default();
        assert!(aws.allows("111111111111", "arn:aws:iam::222222222222:role/any"));
        aws.allowed_roles.insert(
            "111111111111".into(),
            vec!["arn:aws:iam::111111111111:role/flow-*".into(), "arn:aws:iam::222222222222:role/x".into()],
        );
        let check =
            |account: &str, role: &str, expect: bool| assert_eq!(aws.allows(account, role), expect, "{role}");
        check("111111111111", "arn:aws:iam::111111111111:role/flow-a", true);
        check("111111111111", "arn:aws:iam::222222222222:role/x", true);
        check("111111111111", "arn:aws:iam::222222222222:role/xy", false);
        check("333333333333", "arn:aws:iam::111111111111:role/flow-a", false);
    }
}
