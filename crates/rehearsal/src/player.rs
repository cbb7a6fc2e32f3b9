//! One execution of a rehearsal: the one that is rehearsed, or a child of a map run.

use std::collections::HashMap;
use std::sync::Arc;

use newel_asl::Timestamp;
use newel_asl::plan::{Call, Kind, Plan};
use newel_machine::{Execution, Info, TaskKey, TokenIssuer};
use newel_value::{Payload, Str};

use crate::record::Reading;
use crate::run::Moment;

/// An execution, what it runs, and what it waits for.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) execution: Execution,
    pub(crate) plan: Plan,
    /// What its events are told by.
    pub(crate) reading: Reading,
    /// The map run that it is a child of, and its number there.
    pub(crate) child_of: Option<(Str, u32)>,
    /// When its open calls will be answered.
    pub(crate) calls: HashMap<TaskKey, Moment>,
    /// When time is what it waits for.
    pub(crate) due: Option<Timestamp>,
}

impl Player {
    pub(crate) fn new(info: Info, plan: Plan, reading: Reading, child_of: Option<(Str, u32)>) -> Self {
        let execution = Execution::new(Arc::new(info));
        Self { execution, plan, reading, child_of, calls: HashMap::new(), due: None }
    }

    /// What makes its task tokens.
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens { child: self.child_of.as_ref().map(|_| self.execution.info.name.clone()) }
    }

    /// Whether a Task state calls a function that is named by its own ARN.
    pub(crate) fn calls_function(&self, state: &str) -> bool {
        self.plan.root.find(state).is_some_and(|state| match &state.kind {
            Kind::Task(task) => task.call == Call::Function,
            _ => false,
        })
    }
}

/// What is fixed of the execution that is rehearsed.
pub(crate) fn info(machine: &str, input: Payload, started_at: Timestamp) -> Info {
    let within = |what: &str| format!("arn:aws:states:us-east-1:000000000000:{what}");
    Info {
        arn: within(&format!("execution:{machine}:rehearsal")).into(),
        name: "rehearsal".into(),
        machine_arn: within(&format!("stateMachine:{machine}")).into(),
        machine_name: machine.into(),
        role_arn: "arn:aws:iam::000000000000:role/rehearsal".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        started_at,
        input,
        alias_arn: None,
        version_arn: None,
    }
}

/// Tokens that say which attempt they are of.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The child's name, if it is a child's.
    child: Option<Str>,
}

impl TokenIssuer for Tokens {
    fn issue(&self, task: &TaskKey, _secret: [u8; 16]) -> Str {
        let attempt = format!("{}-{}-{}", task.frame, task.entry, task.attempt);
        match &self.child {
            Some(child) => format!("token-{child}-{attempt}").into(),
            None => format!("token-{attempt}").into(),
        }
    }
}
