//! Every limit of the service, in one place. The defaults are AWS's quotas; an operator may raise each.

use serde::{Deserialize, Serialize};

/// Limits of definitions, payloads and histories
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a definition. Default 1,048,576.
    pub definition_bytes: usize,
    /// Bytes of UTF-8 of an input, output or state result. Default 262,144.
    pub payload_bytes: usize,
    /// Events in a Standard execution's history. Default 25,000.
    pub history_events: u64,
    /// Bytes of one variable. Default 262,144.
    pub variable_bytes: usize,
    /// Bytes of all variables of one `Assign`. Default 262,144.
    pub assign_bytes: usize,
    /// Bytes of all variables of an execution. Default 10,485,760.
    pub variables_bytes: usize,
    /// Iterations of an inline Map that run at once, whatever its `MaxConcurrency` says. Default 40.
    pub inline_map_concurrency: u64,
    /// Children of a map run that run at once, whatever its `MaxConcurrency` says. Default 10,000.
    pub map_run_concurrency: u64,
    /// Open map runs of an account in a region; more wait until others end. Default 1,000.
    pub open_map_runs: u64,
    /// How often a map run may be redriven. Default 1,000.
    pub map_run_redrives: u64,
    /// Seconds a Standard execution may be open. Default 31,536,000 (a year).
    pub execution_seconds: u64,
    /// Seconds an Express execution may be open. Default 300.
    pub express_seconds: u64,
    /// Seconds after its end for which an execution can be redriven. Default 1,209,600 (14 days).
    pub redrive_seconds: u64,
    /// Open executions of an account in a region. Default 1,000,000.
    pub open_executions: u64,
    /// State machines of an account in a region. Default 100,000.
    pub state_machines: u64,
    /// Versions of a state machine. Default 1,000.
    pub versions: u64,
    /// Aliases of a state machine. Default 100.
    pub aliases: usize,
    /// Activities of an account in a region. Default 100,000.
    pub activities: u64,
    /// Calls that may wait for tasks of one activity at once. Default 1,000.
    pub activity_pollers: usize,
    /// Bytes of an API request. Default 1,048,576.
    pub request_bytes: usize,
    /// Tags of a resource. Default 50.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            definition_bytes: 1_048_576,
            payload_bytes: 262_144,
            history_events: 25_000,
            variable_bytes: 262_144,
            assign_bytes: 262_144,
            variables_bytes: 10_485_760,
            inline_map_concurrency: 40,
            map_run_concurrency: 10_000,
            open_map_runs: 1_000,
            map_run_redrives: 1_000,
            execution_seconds: 31_536_000,
            express_seconds: 300,
            redrive_seconds: 1_209_600,
            open_executions: 1_000_000,
            state_machines: 100_000,
            versions: 1_000,
            aliases: 100,
            activities: 100_000,
            activity_pollers: 1_000,
            request_bytes: 1_048_576,
            tags: 50,
        }
    }
}
