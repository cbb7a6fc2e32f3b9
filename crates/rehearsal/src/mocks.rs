//! Files of mocks: this tool's own form, and the mock configuration of Step Functions Local
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html>).

use std::collections::BTreeMap;

use newel_value::{Object, Payload, Str, Value};

use crate::Expectation;

/// The cases of a file.
#[derive(Clone, Debug, Default)]
pub struct Mocks {
    /// By name; one that has none in the file is called [`Mocks::ONLY`].
    pub cases: BTreeMap<Str, Case>,
}

/// One case: what an execution is given and answered.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// The execution's input, if the file says one.
    pub input: Option<Payload>,
    /// The answers of the tasks, by their states' names.
    pub states: BTreeMap<Str, Responses>,
    /// What is to come of it, if the file says so.
    pub expectation: Option<Expectation>,
    /// Where it stands in the file.
    pub location: String,
}

/// The answers of one task, call by call.
#[derive(Clone, Debug)]
pub struct Responses {
    /// Each with the calls that it answers, from 0, both ends taken; in order and without overlap.
    pub answers: Vec<((u64, u64), Answer)>,
    /// Where they stand in the file.
    pub location: String,
}

/// What becomes of one call of a task.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its result, or its error.
    pub outcome: Result<Payload, newel_machine::Fault>,
    /// How long it takes.
    pub delay_millis: i64,
}

impl Answer {
    /// What becomes of a call that it answers. A function that is named by its own ARN gives the payload of its answer alone, and
    /// mocks may have the whole answer of the API.
    ///
    /// # Errors
    /// The call's, if it fails.
    pub fn of_call(&self, is_function: bool) -> Result<Payload, newel_machine::Fault> {
        let result = self.outcome.clone()?;
        let answer = result.value();
        match answer.get("Payload").filter(|_| is_function && answer.get("StatusCode").is_some()) {
            Some(payload) => Ok(payload.clone().into()),
            None => Ok(result),
        }
    }
}

impl Responses {
    /// The answer to a call, counted from 0.
    #[must_use]
    pub fn answer(&self, call: u64) -> Option<&Answer> {
        self.answers
            .iter()
            .find(|((first, last), _)| (*first..=*last).contains(&call))
            .map(|(_, answer)| answer)
    }
}

/// What is wrong with a file of mocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {message}")]
pub struct Fault {
    /// Where: a path into the file, `/Cases/Happy/States/Charge`.
    pub location: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

fn fault<T>(location: &str, message: impl Into<String>) -> Result<T, Fault> {
    let location = if location.is_empty() { "/" } else { location };
    Err(Fault { location: location.to_owned(), message: message.into() })
}

/// An object of the file and where it stands.
#[derive(Clone, Copy, Debug)]
struct Node<'a> {
    object: &'a Object,
    location: &'a str,
}

impl<'a> Node<'a> {
    fn new(value: &'a Value, location: &'a str) -> Result<Self, Fault> {
        match value {
            Value::Object(object) => Ok(Self { object, location }),
            _ => fault(location, "must be an object"),
        }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    /// Refuses members that are none of these.
    fn known(&self, names: &[&str]) -> Result<(), Fault> {
        match self.object.keys().find(|key| !names.contains(&&***key)) {
            Some(key) => {
                fault(self.location, format!("has no member {key}; there are: {}", names.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// A text that may be absent.
    fn text(&self, name: &str) -> Result<Option<Str>, Fault> {
        match self.object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => fault(&self.at(name), "must be a string"),
        }
    }

    /// Each member read with its place.
    fn each<T>(
        &self,
        name: &str,
        mut read: impl FnMut(&Str, &Value, &str) -> Result<T, Fault>,
    ) -> Result<BTreeMap<Str, T>, Fault> {
        let Some(value) = self.object.get(name) else { return Ok(BTreeMap::new()) };
        let location = self.at(name);
        let node = Node::new(value, &location)?;
        let members = node.object.iter();
        members.map(|(key, value)| Ok((key.clone(), read(key, value, &node.at(key))?))).collect()
    }
}

impl Mocks {
    /// The name of a file's case that has none.
    pub const ONLY: &'static str = "default";

    /// Reads a file.
    ///
    /// In this tool's own form it has `Cases` (or one case's members by themselves) and maybe `Responses` that cases refer to by
    /// name. With `StateMachines` and `MockedResponses` it is a mock configuration of Step Functions Local; then `machine`
    /// says whose cases are meant, unless there is only one.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, machine: Option<&str>) -> Result<Self, Fault> {
        let value = parsed(text)?;
        let root = Node::new(&value, "")?;
        if root.object.contains_key("StateMachines") { chosen(local(&root)?, machine) } else { own(&root) }
    }

    /// Reads a mock configuration of Step Functions Local: the cases of each state machine, by its name.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn of_machines(text: &str) -> Result<BTreeMap<Str, Self>, Fault> {
        let value = parsed(text)?;
        let machines = local(&Node::new(&value, "")?)?;
        Ok(machines.into_iter().map(|(name, cases)| (name, Self { cases })).collect())
    }
}

fn parsed(text: &str) -> Result<Value, Fault> {
    Value::parse(text).or_else(|error| {
        fault("", format!("is no JSON: {error} (line {}, column {})", error.line(), error.column()))
    })
}

/// This tool's own form.
fn own(root: &Node<'_>) -> Result<Mocks, Fault> {
    let named = root.each("Responses", |_, value, location| responses(value, location))?;
    let case = |value: &Value, location: &str| {
        let node = Node::new(value, location)?;
        node.known(&["Comment", "Input", "States", "Expect"])?;
        own_case(&node, &named)
    };
    if root.object.contains_key("Cases") {
        root.known(&["Comment", "Responses", "Cases"])?;
        return Ok(Mocks { cases: root.each("Cases", |_, value, location| case(value, location))? });
    }
    root.known(&["Comment", "Responses", "Input", "States", "Expect"])?;
    let only = own_case(root, &named)?;
    Ok(Mocks { cases: [(Mocks::ONLY.into(), only)].into() })
}

fn own_case(node: &Node<'_>, named: &BTreeMap<Str, Responses>) -> Result<Case, Fault> {
    let states = node.each("States", |_, value, location| match value {
        Value::String(name) => referred(named, name, location),
        _ => responses(value, location),
    })?;
    let expectation = node.object.get("Expect").map(|value| {
        let location = node.at("Expect");
        expectation(&Node::new(value, &location)?)
    });
    Ok(Case {
        input: node.object.get("Input").map(|value| value.clone().into()),
        states,
        expectation: expectation.transpose()?,
        location: node.location.to_owned(),
    })
}

/// The cases of the state machines of a mock configuration.
type Machines = BTreeMap<Str, BTreeMap<Str, Case>>;

/// The mock configuration of Step Functions Local. What is named may have no answers at all, as in files that programs write:
/// it is a call that lacks one.
fn local(root: &Node<'_>) -> Result<Machines, Fault> {
    root.known(&["StateMachines", "MockedResponses"])?;
    let named = root.each("MockedResponses", |_, value, location| match value {
        Value::Object(none) if none.is_empty() => {
            Ok(Responses { answers: Vec::new(), location: location.to_owned() })
        }
        _ => responses(value, location),
    })?;
    root.each("StateMachines", |_, value, location| {
        let node = Node::new(value, location)?;
        node.known(&["TestCases"])?;
        node.each("TestCases", |_, value, location| {
            let states = Node::new(value, location)?;
            let states = states.object.iter().map(|(state, value)| match value {
                Value::String(name) => {
                    let location = states.at(state);
                    Ok((state.clone(), referred(&named, name, &location)?))
                }
                _ => fault(&states.at(state), "must be the name of one of MockedResponses"),
            });
            let states = states.collect::<Result<_, _>>()?;
            Ok(Case { states, location: location.to_owned(), ..Case::default() })
        })
    })
}

/// The cases of the state machine that is meant.
fn chosen(mut machines: Machines, machine: Option<&str>) -> Result<Mocks, Fault> {
    let names: Vec<&str> = machines.keys().map(|name| &**name).collect();
    let chosen: Str = match (machine, &names[..]) {
        (Some(name), names) if names.contains(&name) => name.into(),
        (_, [only]) => (*only).into(),
        (_, names) => {
            let names = names.join(", ");
            return fault("/StateMachines", format!("say which state machine is meant; there are: {names}"));
        }
    };
    Ok(Mocks { cases: machines.remove(&chosen).unwrap_or_default() })
}

fn referred(named: &BTreeMap<Str, Responses>, name: &str, location: &str) -> Result<Responses, Fault> {
    match named.get(name) {
        Some(responses) => Ok(responses.clone()),
        None => fault(location, format!("refers to the response {name}, which the file doesn't have")),
    }
}

/// One answer to every call, or answers by the number of the call.
fn responses(value: &Value, location: &str) -> Result<Responses, Fault> {
    let node = Node::new(value, location)?;
    if node.object.contains_key("Return") || node.object.contains_key("Throw") {
        let answers = vec![((0, u64::MAX), answer(&node)?)];
        return Ok(Responses { answers, location: location.to_owned() });
    }
    if node.object.is_empty() {
        return fault(
            location,
            "must have Return or Throw, or answers by the number of the call: \"0\", \"1-2\"",
        );
    }
    let mut answers = Vec::with_capacity(node.object.len());
    for (calls, value) in node.object.iter() {
        let location = node.at(calls);
        let Some(range) = range(calls) else {
            return fault(
                &location,
                "a call is numbered from 0: \"0\", \"1-2\", or \"3-\" for all from there",
            );
        };
        answers.push((range, answer(&Node::new(value, &location)?)?));
    }
    answers.sort_by_key(|(range, _)| *range);
    if let Some([(_, _), ((first, _), _)]) = answers.windows(2).find(|pair| pair[0].0.1 >= pair[1].0.0) {
        return fault(location, format!("call {first} is answered twice"));
    }
    Ok(Responses { answers, location: location.to_owned() })
}

/// `0`, `1-2`, `3-`.
fn range(calls: &str) -> Option<(u64, u64)> {
    match calls.split_once('-') {
        None => calls.parse().ok().map(|call| (call, call)),
        Some((first, "")) => Some((first.parse().ok()?, u64::MAX)),
        Some((first, last)) => {
            let range: (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (range.0 <= range.1).then_some(range)
        }
    }
}

fn answer(node: &Node<'_>) -> Result<Answer, Fault> {
    node.known(&["Return", "Throw", "DelaySeconds"])?;
    let outcome = match (node.object.get("Return"), node.object.get("Throw")) {
        (Some(result), None) => Ok(Payload::from(result.clone())),
        (None, Some(error)) => {
            let location = node.at("Throw");
            let error = Node::new(error, &location)?;
            error.known(&["Error", "Cause"])?;
            Err(newel_machine::Fault { error: error.text("Error")?, cause: error.text("Cause")? })
        }
        (Some(_), Some(_)) | (None, None) => {
            return fault(node.location, "must have one of Return and Throw");
        }
    };
    let delay_millis = match node.object.get("DelaySeconds").map(Value::as_f64) {
        None => 0,
        #[expect(clippy::cast_possible_truncation, reason = "bounded by 100 years")]
        Some(Some(seconds)) if (0.0..=3_155_760_000.0).contains(&seconds) => (seconds * 1_000.0) as i64,
        Some(_) => return fault(&node.at("DelaySeconds"), "must be a number of seconds, up to 100 years"),
    };
    Ok(Answer { outcome, delay_millis })
}

/// The statuses that can be expected.
const STATUSES: [&str; 3] = ["SUCCEEDED", "FAILED", "TIMED_OUT"];

fn expectation(node: &Node<'_>) -> Result<Expectation, Fault> {
    node.known(&["Status", "Output", "Error", "Cause", "Path", "Calls"])?;
    let status = node.text("Status")?;
    if status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
        return fault(&node.at("Status"), format!("must be one of {}", STATUSES.join(", ")));
    }
    let path = match node.object.get("Path") {
        None => None,
        Some(Value::Array(names)) => {
            let names: Option<Vec<Str>> = names.iter().map(|name| name.as_str().map(Str::from)).collect();
            match names {
                Some(names) => Some(names),
                None => return fault(&node.at("Path"), "must be an array of states' names"),
            }
        }
        Some(_) => return fault(&node.at("Path"), "must be an array of states' names"),
    };
    let calls = node.each("Calls", |_, value, location| {
        match value.as_i64().and_then(|count| u64::try_from(count).ok()) {
            Some(count) => Ok(count),
            None => fault(location, "must be how often the state's task is called"),
        }
    })?;
    Ok(Expectation {
        status,
        output: node.object.get("Output").cloned(),
        error: node.text("Error")?,
        cause: node.text("Cause")?,
        path,
        calls,
    })
}
