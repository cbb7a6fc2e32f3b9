//! What can be configured about the conversation with workers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Section `dispatch` of the orchestrator's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Addresses (`host:port`) of all orchestrator replicas, this one included, that workers are told to connect to.
    /// Default none: workers stay with the addresses they are configured with.
    pub advertise: Vec<String>,
    /// The families that have workers. A task of another one, unless a worker of that family is connected, fails at once
    /// instead of waiting for one. Families whose workers registered resources of their own needn't be named. Default none:
    /// workers of any family may come. `newel dev` names those it runs.
    pub families: Vec<String>,
    /// How often, in milliseconds, a session that has nothing to say says so. Default 10,000.
    pub keepalive_millis: u32,
    /// Milliseconds that a worker has to introduce itself. Default 10,000.
    pub hello_millis: u64,
    /// Milliseconds that the attempts of a lost session wait for their worker to come back before other workers are
    /// asked. Default 5,000.
    pub reconnect_grace_millis: u64,
    /// Seconds after which the engine is asked about attempts that a worker held at its Hello and that nobody
    /// dispatched since. Default 30.
    pub claim_check_seconds: u64,
    /// How many sessions are open at once. Default 1,024.
    pub sessions: usize,
    /// Bytes of dispatches that wait in memory for one family. What doesn't fit is read again from the store when it can
    /// be sent. Default 64 MiB.
    pub queued_body_bytes: usize,
    /// How many dispatches are read again at once for one family. Default 16.
    pub body_reads: usize,
    /// How many dispatches may be on their way to one session before others are preferred. Default 1,024.
    pub session_outbox: usize,
    /// Messages of at most 1 MiB that wait for one session's transport. Default 8.
    pub session_messages: usize,
    /// How many reports of one session may be unsettled before no more are read from it. Default 1,024.
    pub session_reports: usize,
    /// Bytes of reports of one session that may be unsettled before no more are read from it. Default 64 MiB.
    pub session_report_bytes: usize,
    /// Bytes of unfinished payloads of one session. Also the longest payload that a worker can report. Default 64 MiB.
    pub session_chunk_bytes: usize,
    /// How many payloads of one session may be unfinished. Default 64.
    pub session_chunked_payloads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            advertise: Vec::new(),
            families: Vec::new(),
            keepalive_millis: 10_000,
            hello_millis: 10_000,
            reconnect_grace_millis: 5_000,
            claim_check_seconds: 30,
            sessions: 1_024,
            queued_body_bytes: 64 << 20,
            body_reads: 16,
            session_outbox: 1_024,
            session_messages: 8,
            session_reports: 1_024,
            session_report_bytes: 64 << 20,
            session_chunk_bytes: 64 << 20,
            session_chunked_payloads: 64,
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
            ("keepalive_millis", self.keepalive_millis as usize),
            ("hello_millis", usize::try_from(self.hello_millis).unwrap_or(usize::MAX)),
            ("sessions", self.sessions),
            ("body_reads", self.body_reads),
            ("session_outbox", self.session_outbox),
            ("session_messages", self.session_messages),
            ("session_reports", self.session_reports),
            ("session_report_bytes", self.session_report_bytes),
            ("session_chunk_bytes", self.session_chunk_bytes),
            ("session_chunked_payloads", self.session_chunked_payloads),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("dispatch.{key} must not be 0")),
            None => Ok(()),
        }
    }

    pub(crate) fn keepalive(&self) -> Duration {
        Duration::from_millis(u64::from(self.keepalive_millis))
    }

    pub(crate) const fn hello_timeout(&self) -> Duration {
        Duration::from_millis(self.hello_millis)
    }

    pub(crate) const fn reconnect_grace(&self) -> Duration {
        Duration::from_millis(self.reconnect_grace_millis)
    }

    pub(crate) const fn claim_check(&self) -> Duration {
        Duration::from_secs(self.claim_check_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_complete_unknown_keys_are_refused_and_zeros_are_named() {
        assert_eq!(toml::from_str::<Options>("").unwrap(), Options::default());
        assert_eq!(toml::from_str::<Options>("sessions = 3").unwrap().sessions, 3);
        assert!(toml::from_str::<Options>("session = 3").is_err());
        assert_eq!(Options::default().check(), Ok(()));
        // Nothing in memory, no waiting and no check are choices; no room for anything is a mistake.
        let free = Options { queued_body_bytes: 0, reconnect_grace_millis: 0, ..Options::default() };
        assert_eq!(free.check(), Ok(()));
        let stuck = Options { body_reads: 0, ..Options::default() };
        assert_eq!(stuck.check(), Err("dispatch.body_reads must not be 0".to_owned()));
    }
}
