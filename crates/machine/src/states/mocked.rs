//! Parallel and Map under test: what stands in for their branches or iterations is their result.

use newel_asl::error;
use newel_asl::plan::{Distributed, Map, Parallel, State};
use newel_value::{Payload, Value};

use super::branches::{Branches, items};
use super::distributed::{percentage, whole};
use crate::eval::{EvalResult, Scope};
use crate::execution::FramePath;
use crate::fault::{EvalError, StateError};
use crate::probe::{Probe, Stage};
use crate::transition::Extra;
use crate::turn::{Runner, Step};

/// How AWS refuses a test with more failed iterations than there are.
const TOO_MANY_FAILURES: &str =
    "Map iteration failure count must be less than or equal to the number of Map iterations";

impl Runner<'_, '_> {
    pub(super) fn mocked_branches(&mut self, path: &FramePath, state: &State, parallel: &Parallel) -> Step {
        let effective = self.effective_input(path, state)?;
        let input = self.template_or(path, parallel.parameters.as_ref(), &effective)?;
        self.note(Stage::AfterParameters, &input);
        self.conclude_mocked(path, state, &Branches::of_parallel(parallel))
    }

    pub(super) fn mocked_iterations(&mut self, path: &FramePath, state: &State, map: &Map) -> Step {
        let Some(probe) = self.probe else { return Ok(()) };
        let effective = self.effective_input(path, state)?;
        let items = self.items_under_test(path, state, map, &effective, probe)?;
        let count = u64::try_from(items.value().as_array().map_or(0, <[Value]>::len)).unwrap_or(u64::MAX);
        if let Some(selector) = &map.item_selector {
            let select = |(index, item): (u32, &Value)| {
                let extra = Extra { item: Some((index, item.clone())), ..Extra::default() };
                self.evaluate_with(path, effective.value(), extra, |scope| scope.template(selector))
            };
            let items = items.value().as_array().unwrap_or_default();
            let selected: Value = (0..).zip(items).map(select).collect::<Result<_, _>>()?;
            self.note(Stage::AfterItemSelector, &selected.into());
        }
        let limits = self.evaluate(path, effective.value(), |scope| Limits::of(scope, map))?;
        probe.limited(limits.concurrency, limits.tolerated_count, limits.tolerated_percentage);
        match probe.failed_iterations {
            Some(failed) if failed > count => {
                probe.makes_no_sense(TOO_MANY_FAILURES);
                Ok(())
            }
            Some(failed) if limits.exceeded_by(failed, count) => Err(StateError::new(
                error::EXCEED_TOLERATED_FAILURE_THRESHOLD,
                "The specified tolerated failure threshold was exceeded",
            )),
            Some(_) | None => self.conclude_mocked(path, state, &Branches::of_map(map)),
        }
    }

    /// The items of a Map: those that its reader is taken to have read, or those of its input.
    fn items_under_test(
        &self,
        path: &FramePath,
        state: &State,
        map: &Map,
        effective: &Payload,
        probe: &Probe,
    ) -> Result<Payload, StateError> {
        if let Some(Distributed { reader: Some(_), .. }) = map.distributed.as_deref() {
            return Ok(probe.read_items.clone().unwrap_or_default());
        }
        let items = self.evaluate(path, effective.value(), |scope| items(scope, state, map))?;
        self.note(Stage::AfterItemsPath, &items);
        Ok(items)
    }

    fn conclude_mocked(&mut self, path: &FramePath, state: &State, branches: &Branches<'_>) -> Step {
        match self.probe.and_then(|probe| probe.branches.as_ref()) {
            Some(mock) => self.conclude_result(path, state, branches, &mock.clone()?),
            None => Ok(()),
        }
    }
}

/// The limits of a Map, as its definition says them.
struct Limits {
    concurrency: u64,
    tolerated_count: Option<u64>,
    tolerated_percentage: Option<f64>,
}

impl Limits {
    fn of(scope: &Scope<'_>, map: &Map) -> EvalResult<Self> {
        let count = |name: &str, setting| {
            let number = whole(scope, &format!("{name}Path"), setting)?;
            u64::try_from(number).map_err(|_| EvalError::runtime(format!("{name} cannot be negative.")))
        };
        let tolerated = map.tolerated_failure_count.as_ref();
        let share = map.tolerated_failure_percentage.as_ref();
        Ok(Self {
            concurrency: count("MaxConcurrency", &map.max_concurrency)?,
            tolerated_count: tolerated.map(|setting| count("ToleratedFailureCount", setting)).transpose()?,
            tolerated_percentage: share.map(|setting| percentage(scope, setting)).transpose()?,
        })
    }

    /// Whether so many failures are more than is tolerated: by number or by share, and not at all if neither is said.
    #[expect(clippy::cast_precision_loss, reason = "items are fewer than 2^53")]
    fn exceeded_by(&self, failed: u64, of: u64) -> bool {
        let share = failed as f64 * 100.0 / (of.max(1) as f64);
        match (self.tolerated_count, self.tolerated_percentage) {
            (None, None) => failed > 0,
            (count, percentage) => {
                count.is_some_and(|tolerated| failed > tolerated)
                    || percentage.is_some_and(|tolerated| share > tolerated)
            }
        }
    }
}
