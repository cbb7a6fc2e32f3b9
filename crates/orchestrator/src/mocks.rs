//! The mock configuration: test cases of a file in the format of Step Functions Local, read again when it changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use newel_engine::{MockAnswer, MockedCall, TestCases};
use newel_rehearsal::{Case, Mocks, Responses};
use newel_value::Str;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// Section `[mocks]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MockOptions {
    /// A mock configuration of Step Functions Local: executions that are started as `ARN#CASE` have their tasks answered by
    /// that case. Read again when it changes. Default: none.
    pub file: Option<PathBuf>,
}

/// By the names of state machines.
type Machines = BTreeMap<Str, Mocks>;
/// What tells one content of a file from the next without reading it.
type Version = (Option<SystemTime>, u64);

/// The file, and what it said when it was last read.
#[derive(Debug)]
pub(crate) struct MockFile {
    path: PathBuf,
    read: RwLock<(Version, Arc<Machines>)>,
}

impl MockFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or is no mock configuration; the text says where.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let version = version(path)?;
        let machines = Arc::new(machines(path)?);
        Ok(Self { path: path.to_owned(), read: RwLock::new((version, machines)) })
    }

    /// What the file says now.
    fn current(&self) -> anyhow::Result<Arc<Machines>> {
        // One at a time: what was read earlier must not take the place of what was read later.
        let mut read = self.read.write();
        let now = version(&self.path)?;
        if read.0 != now {
            *read = (now, Arc::new(machines(&self.path)?));
        }
        Ok(Arc::clone(&read.1))
    }

    /// What the file said when it was last read: an execution under way isn't held up by one that is being written.
    fn known(&self) -> Arc<Machines> {
        Arc::clone(&self.read.read().1)
    }
}

fn version(path: &Path) -> anyhow::Result<Version> {
    let metadata = fs::metadata(path).with_context(|| unreadable(path))?;
    Ok((metadata.modified().ok(), metadata.len()))
}

fn machines(path: &Path) -> anyhow::Result<Machines> {
    let text = fs::read_to_string(path).with_context(|| unreadable(path))?;
    Mocks::of_machines(&text).with_context(|| format!("{} is no mock configuration", path.display()))
}

fn unreadable(path: &Path) -> String {
    format!("the mock configuration {} can't be read", path.display())
}

fn names<'a>(of: impl Iterator<Item = &'a Str>) -> String {
    of.map(|name| &**name).collect::<Vec<_>>().join(", ")
}

/// A case of a state machine.
fn case<'m>(machines: &'m Machines, machine: &str, case: &str) -> Result<&'m Case, String> {
    let of = machines.get(machine).ok_or_else(|| {
        format!("The mock configuration has no state machine '{machine}'; it has: {}", names(machines.keys()))
    })?;
    of.cases.get(case).ok_or_else(|| {
        let has = names(of.cases.keys());
        format!(
            "The mock configuration has no test case '{case}' of the state machine '{machine}'; it has: {has}"
        )
    })
}

impl TestCases for MockFile {
    fn check(&self, machine: &str, name: &str) -> Result<(), String> {
        let machines = self.current().map_err(|error| format!("{error:#}"))?;
        case(&machines, machine, name).map(|_| ())
    }

    fn answers(&self, machine: &str, name: &str, state: &str) -> bool {
        // One of a case that is gone is answered too: the answer says that it is gone.
        case(&self.known(), machine, name).map_or(true, |case| case.states.contains_key(state))
    }

    fn answer(&self, call: &MockedCall, state: &str, resource: &str) -> Result<MockAnswer, String> {
        let machines = self.known();
        let case = case(&machines, &call.machine, &call.case)?;
        let responses: &Responses = case
            .states
            .get(state)
            .ok_or_else(|| format!("{} doesn't have the state any more", case.location))?;
        let answer = responses
            .answer(call.number)
            .ok_or_else(|| format!("{} doesn't have the number", responses.location))?;
        let outcome = answer.of_call(is_function(resource));
        Ok(MockAnswer { outcome, delay_millis: answer.delay_millis })
    }
}

/// Whether a Resource is a Lambda function's own ARN.
fn is_function(resource: &str) -> bool {
    resource.split(':').nth(2) == Some("lambda")
}
