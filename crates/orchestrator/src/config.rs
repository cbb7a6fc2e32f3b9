//! Everything that can be set, in one struct: a section a part.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use newel_api::{Bounds, Throttling};
use newel_asl::Limits;
use newel_runtime::Telemetry;
use newel_sinks::{EventOptions, LogOptions, MetricOptions};
use newel_store::SqliteOptions;
use serde::{Deserialize, Serialize};

use crate::mocks::MockOptions;

/// The orchestrator's configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The port of the AWS JSON API.
    pub http: Http,
    /// The port of gRPC clients and workers.
    pub grpc: Grpc,
    /// What a connection and a call may cost, on both ports.
    pub transport: Bounds,
    /// Whose things are meant when a call doesn't say.
    pub identity: Identity,
    /// Who may call.
    pub auth: Auth,
    /// Where everything is kept.
    pub store: Store,
    /// The limits of definitions, payloads and executions: AWS's unless raised.
    pub limits: Limits,
    /// The keys that what is stored is encrypted under.
    pub encryption: newel_vault::Options,
    /// How often callers may call: as often as they like unless it is enabled.
    pub throttling: Throttling,
    /// How executions are run.
    pub engine: newel_engine::Options,
    /// The conversation with workers.
    pub dispatch: newel_dispatch::Options,
    /// Tasks that call Step Functions itself.
    pub nested: newel_nested::Options,
    /// The models of AWS's services.
    pub catalog: CatalogFile,
    /// What definitions may name.
    pub integrations: IntegrationOptions,
    /// Made-up answers of tasks, for tests.
    pub mocks: MockOptions,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
    /// Where the logs of executions go.
    pub logs: LogOptions,
    /// Where the status-change events of executions go.
    pub events: EventOptions,
    /// Where the metrics of executions go, besides `/metrics`.
    pub metrics: MetricOptions,
}

/// Section `[http]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where the AWS JSON API is served; port 0 takes a free one. Default 127.0.0.1:8083.
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: loopback(8083) }
    }
}

/// Section `[grpc]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    /// Where gRPC is served; port 0 takes a free one. Default 127.0.0.1:8084.
    pub listen: SocketAddr,
}

impl Default for Grpc {
    fn default() -> Self {
        Self { listen: loopback(8084) }
    }
}

/// Section `[identity]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The account of calls that name none, 12 digits. Default 000000000000. While no access keys are configured, an
    /// access key id of 12 digits is the account of the call.
    pub account: String,
    /// The region of calls that name none. Default us-east-1.
    pub region: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { account: "000000000000".to_owned(), region: "us-east-1".to_owned() }
    }
}

/// Section `[auth]`. A port is served on loopback addresses only unless it asks its callers who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// TOML file of `[[access_keys]]` tables with `access_key_id`, `secret_access_key` and `account`, and if wanted
    /// `regions`, `session_token` and `expires_at`. With it requests to the AWS JSON API must be signed.
    pub access_keys_file: Option<PathBuf>,
    /// File with the bearer token of gRPC clients. Read again when it changes.
    pub client_token_file: Option<PathBuf>,
    /// The only account that clients with that token may act for. Without it they may act for every account.
    pub client_token_account: Option<String>,
    /// The only region that clients with that token may act in. Without it they may act in every region.
    pub client_token_region: Option<String>,
    /// Directory with a file for each worker family (`batch`, `ecs` ...) that holds its bearer token. Read again when
    /// they change.
    pub worker_tokens_dir: Option<PathBuf>,
}

/// Section `[store]`: the SQLite database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The directory that the database is in; made if it isn't there. Default newel-data.
    pub path: PathBuf,
    /// Logical shards of a new database. A database that is there keeps its own number. Default 16.
    pub shards: u16,
    /// How many reads run at once. Default 4.
    pub readers: usize,
    /// Free bytes of the volume below which new work is refused. Default 64 MiB.
    pub reserve_bytes: u64,
    /// The most that the database may grow to, in bytes. Default: as much as there is.
    pub max_bytes: Option<u64>,
}

impl Default for Store {
    fn default() -> Self {
        let SqliteOptions { shards, readers, reserve_bytes, max_bytes, .. } = SqliteOptions::default();
        Self { path: "newel-data".into(), shards, readers, reserve_bytes, max_bytes }
    }
}

impl Store {
    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions {
            shards: self.shards,
            readers: self.readers,
            reserve_bytes: self.reserve_bytes,
            max_bytes: self.max_bytes,
            ..SqliteOptions::default()
        }
    }
}

/// Section `[catalog]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogFile {
    /// The packed models of AWS's services. Default: the file that `NEWEL_CATALOG` names, else `aws-catalog.bin` beside
    /// the program, else `/usr/share/newel/aws-catalog.bin`.
    pub path: Option<PathBuf>,
}

/// Section `[integrations]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationOptions {
    /// Refuses, in AWS's words, what AWS doesn't offer: `.sync` on `aws-sdk` resources. Tasks of definitions that were taken
    /// before fail with `States.Runtime`. Default false.
    pub strict: bool,
}

impl Config {
    /// The first thing wrong with it that can be told without touching anything.
    ///
    /// # Errors
    /// A text that names the key.
    pub fn check(&self) -> Result<(), String> {
        let account = &self.identity.account;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("identity.account {account:?} isn't 12 digits"));
        }
        let region = &self.identity.region;
        if !newel_asl::arn::is_region(region) {
            return Err(format!("identity.region {region:?} is no region"));
        }
        let positive = [
            ("store.shards", usize::from(self.store.shards)),
            ("store.readers", self.store.readers),
            ("transport.connections", self.transport.connections),
            ("transport.calls", self.transport.calls),
            ("engine.turns", self.engine.turns),
            ("engine.mailbox", self.engine.mailbox),
            ("engine.commit_batch", self.engine.commit_batch),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} must not be 0"));
        }
        self.throttling.check()?;
        self.logs.check()?;
        self.events.check()?;
        self.metrics.check()?;
        self.dispatch.check()
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

#[cfg(test)]
mod tests {
    use newel_runtime::config::Sources;

    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let config = Sources::new().defaults(text).and_then(Sources::resolve::<Config>);
        config.map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_sound_and_what_is_printed_reads_back() {
        let config = load("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.check(), Ok(()));
        assert_eq!(load(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let check = |text: &str, expect: &str| {
            let error = load(text).and_then(|config| config.check()).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check("[http]\nlisen = '127.0.0.1:1'", "unknown key `http.lisen`");
        check("[storage]\npath = 'x'", "unknown key `storage`");
        check("[http]\nlisten = 'here'", "http.listen");
        check("[identity]\naccount = '12'", "identity.account");
        check("[identity]\nregion = 'US East'", "identity.region");
        check("[store]\nshards = 0", "store.shards");
        check("[dispatch]\nsessions = 0", "dispatch.sessions");
        check("[events]\nwebhook_url = 'hook'", "events.webhook_url");
        check("[logs]\nfile_bytes = 0", "logs.file_bytes");
        check("[metrics]\ninterval_seconds = 0", "metrics.interval_seconds");
    }
}
