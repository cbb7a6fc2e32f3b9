//! Which answer a call gets: the calls of a state are counted over all executions that are played.

use std::collections::BTreeMap;

use newel_asl::plan::{Kind, Plan};
use newel_value::{Payload, Str, Value};

use crate::{Answer, Case, Problem};

/// The mocked states are those that something can be made up for.
pub(crate) fn check(plan: &Plan, case: &Case) -> Result<(), Problem> {
    for (state, responses) in &case.states {
        let location = responses.location.clone();
        let Some(found) = plan.root.find(state) else {
            return Err(Problem::NoState { state: state.clone(), location: case.location.clone() });
        };
        let reads = match &found.kind {
            Kind::Task(_) => continue,
            Kind::Map(map) => map.distributed.as_ref().is_some_and(|map| map.reader.is_some()),
            _ => false,
        };
        if !reads {
            return Err(Problem::NoTask { state: state.clone(), location });
        }
        let is_other = |items: &Payload| !matches!(items.value(), Value::Array(_) | Value::Object(_));
        let no_items = |answer: &Answer| answer.outcome.as_ref().is_ok_and(is_other);
        if let Some(((call, _), _)) = responses.answers.iter().find(|(_, answer)| no_items(answer)) {
            return Err(Problem::NotItems { state: state.clone(), call: *call, location });
        }
    }
    Ok(())
}

/// The answers of a case, and how far it has come in them.
#[derive(Debug)]
pub(crate) struct Calls<'a> {
    case: &'a Case,
    counts: BTreeMap<Str, u64>,
}

impl<'a> Calls<'a> {
    pub(crate) const fn new(case: &'a Case) -> Self {
        Self { case, counts: BTreeMap::new() }
    }

    /// The answer to the next call of a task.
    pub(crate) fn of_task(&mut self, state: &Str) -> Result<&'a Answer, Problem> {
        self.next(state, |state, location| Problem::NoMock { state, location })
    }

    /// The answer to the next reading of a Map's items.
    pub(crate) fn of_reader(&mut self, state: &Str) -> Result<&'a Answer, Problem> {
        self.next(state, |state, location| Problem::NoItems { state, location })
    }

    fn next(
        &mut self,
        state: &Str,
        unknown: impl FnOnce(Str, String) -> Problem,
    ) -> Result<&'a Answer, Problem> {
        let Some(responses) = self.case.states.get(state) else {
            return Err(unknown(state.clone(), self.case.location.clone()));
        };
        let count = self.counts.entry(state.clone()).or_default();
        let call = *count;
        *count += 1;
        responses.answer(call).ok_or_else(|| Problem::NoAnswer {
            state: state.clone(),
            call,
            location: responses.location.clone(),
        })
    }

    /// How often each state was called.
    pub(crate) fn into_counts(self) -> BTreeMap<Str, u64> {
        self.counts
    }
}
