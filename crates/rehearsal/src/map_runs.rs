//! Map runs: what of a distributed Map's children is to happen next. What they run and what becomes of them is the machine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use newel_asl::plan::{Plan, State};
use newel_asl::{Limits, Timestamp};
use newel_machine::{
    ChildNames, Execution, Fault, Item, MapItems, MapRunOrder, MapRunReport, Outcome, Recipe, StateResult,
    Tolerance, child_plan, kept_of_child, threshold_exceeded, where_written,
};
use newel_value::{Payload, Str, Value};

use crate::Problem;

/// The most items of a map run.
pub(crate) const MOST_ITEMS: usize = 100_000;

/// What is open or over, and what is left.
#[derive(Debug)]
pub(crate) struct MapRun {
    pub(crate) order: MapRunOrder,
    /// The execution that it belongs to.
    pub(crate) parent: u64,
    /// How deep its children's states are.
    pub(crate) depth: usize,
    /// What its children run.
    pub(crate) plan: Plan,
    /// Whether it counts among those that are open; until then it waits for others.
    pub(crate) begun: bool,
    state: Arc<State>,
    machine_arn: Str,
    /// None until they are read.
    items: Option<Vec<Item>>,
    next_item: usize,
    next_child: u32,
    open: BTreeMap<u32, Open>,
    /// Items of children that failed or timed out.
    failed: u64,
    /// What is kept of children, by their numbers; none once it is more than a result may have.
    kept: Option<BTreeMap<u32, Payload>>,
    kept_bytes: u64,
    ending: Option<Ending>,
    stopping: bool,
}

/// A child that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    player: u64,
    items: u32,
}

/// What a run ends in once no child is open.
#[derive(Clone, Debug)]
enum Ending {
    Failed(Fault),
    /// Nobody waits for it.
    Aborted,
}

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Next {
    /// A child of that number begins, of so many items.
    Begin { index: u32, items: u32, input: Payload },
    /// These executions are stopped.
    Stop(Vec<u64>),
    /// It is over, with a report if somebody waits for it.
    End(Option<MapRunReport>),
    /// Something else must happen before.
    Wait,
}

/// What surrounds a run.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) random: &'a dyn Fn() -> u64,
    pub(crate) now: Timestamp,
}

impl MapRun {
    /// A run that is ordered by an execution running `plan`, unless that doesn't have the state.
    pub(crate) fn new(
        order: MapRunOrder,
        (parent, depth): (u64, usize),
        plan: &Plan,
        limits: &Limits,
    ) -> Option<Self> {
        let (state, ..) = plan.distributed_map(&order.state)?;
        let machine = order.scope.info.machine_arn.split('/').next().unwrap_or_default();
        Some(Self {
            state: Arc::clone(state),
            plan: child_plan(plan, &order.state, limits)?,
            machine_arn: format!("{machine}/{}", order.label).into(),
            order,
            parent,
            depth,
            begun: false,
            items: None,
            next_item: 0,
            next_child: 0,
            open: BTreeMap::new(),
            failed: 0,
            kept: Some(BTreeMap::new()),
            kept_bytes: 0,
            ending: None,
            stopping: false,
        })
    }

    pub(crate) fn names(&self) -> ChildNames<'_> {
        let (run_arn, machine_arn) = (&self.order.key.arn, &self.machine_arn);
        ChildNames { run_arn, machine_arn, express: self.order.express }
    }

    /// Takes the items that are in the state's data. Says whether there are any: else they are to be read.
    pub(crate) fn take_own_items(&mut self) -> Result<bool, Problem> {
        let MapItems::State(items) = &self.order.items else { return Ok(false) };
        let items = items.clone();
        self.take_items(items.value(), usize::MAX, None).map(|()| true)
    }

    /// Takes the items that were read, or that they couldn't be.
    pub(crate) fn take_read(&mut self, read: Result<Payload, Fault>) -> Result<(), Problem> {
        let MapItems::Reader { parameters, max_items, .. } = &self.order.items else { return Ok(()) };
        let most =
            if *max_items == 0 { usize::MAX } else { usize::try_from(*max_items).unwrap_or(usize::MAX) };
        let source = source(parameters);
        match read {
            Ok(items) => self.take_items(items.value(), most, source.as_ref()),
            Err(fault) => {
                self.fail(fault);
                Ok(())
            }
        }
    }

    fn take_items(&mut self, all: &Value, most: usize, source: Option<&Str>) -> Result<(), Problem> {
        let items = Item::count_of(all).min(most);
        if items > MOST_ITEMS {
            return Err(Problem::TooManyItems { state: self.order.state.clone(), items });
        }
        let from = |item| Item { source: source.cloned(), ..item };
        self.items = Some(Item::of(all, 0, items).into_iter().map(from).collect());
        Ok(())
    }

    /// Nobody waits for it any more.
    pub(crate) fn abort(&mut self) {
        self.ending.get_or_insert(Ending::Aborted);
    }

    fn fail(&mut self, fault: Fault) {
        self.ending.get_or_insert(Ending::Failed(fault));
    }

    /// A child has begun.
    pub(crate) fn opened(&mut self, index: u32, items: u32, player: u64) {
        self.open.insert(index, Open { player, items });
    }

    /// A child has closed.
    pub(crate) fn closed(&mut self, index: u32, child: &Execution, limits: &Limits, now: Timestamp) {
        let Some(open) = self.open.remove(&index) else { return };
        if matches!(child.outcome, Some(Outcome::Failed(_) | Outcome::TimedOut(_))) {
            self.failed += u64::from(open.items);
        }
        if self.order.settings.destination.is_some() {
            // It would be written elsewhere.
            return;
        }
        let transformation = self.order.settings.transformation;
        let Some(result) = kept_of_child(child, Some(now), transformation) else { return };
        let grown = self.result(limits).grown(self.kept_bytes, [&result]);
        match (grown, &mut self.kept) {
            (Some(bytes), Some(kept)) => {
                kept.insert(index, result);
                self.kept_bytes = bytes;
            }
            _ => self.kept = None,
        }
    }

    fn result(&self, limits: &Limits) -> StateResult<'_> {
        let transformation = self.order.settings.transformation;
        StateResult { state: &self.order.state, transformation, limit: limits.payload_bytes }
    }

    /// What is to happen now. What it says is done before it is asked again.
    pub(crate) fn next(&mut self, around: Surroundings<'_>) -> Next {
        if self.exceeds_tolerance() {
            self.fail(threshold_exceeded());
        }
        if self.ending.is_none() && self.begun && self.has_room(around.limits) {
            match self.next_child(around) {
                Ok(Some(next)) => return next,
                Ok(None) => {}
                Err(fault) => self.fail(fault),
            }
        }
        if self.ending.is_some() && !self.open.is_empty() && !self.stopping {
            self.stopping = true;
            return Next::Stop(self.open.values().map(|open| open.player).collect());
        }
        let exhausted = self.items.as_ref().is_some_and(|items| self.next_item >= items.len());
        if self.open.is_empty() && (exhausted || self.ending.is_some()) {
            return Next::End(self.report(around.limits));
        }
        Next::Wait
    }

    fn exceeds_tolerance(&self) -> bool {
        let settings = &self.order.settings;
        let tolerance = Tolerance {
            count: settings.tolerated_failure_count,
            percentage: settings.tolerated_failure_percentage,
        };
        let total = self.items.as_ref().map(|items| u64::try_from(items.len()).unwrap_or(u64::MAX));
        tolerance.is_exceeded(self.failed, total)
    }

    fn has_room(&self, limits: &Limits) -> bool {
        let (own, limit) = (self.order.settings.max_concurrency, limits.map_run_concurrency);
        let most = if own == 0 { limit } else { own.min(limit) };
        u64::try_from(self.open.len()).unwrap_or(u64::MAX) < most
    }

    fn next_child(&mut self, around: Surroundings<'_>) -> Result<Option<Next>, Fault> {
        let left = self.items.as_ref().and_then(|items| items.get(self.next_item..)).unwrap_or_default();
        let recipe = Recipe {
            settings: &self.order.settings,
            scope: &self.order.scope,
            state: &self.state,
            limits: around.limits,
            random: around.random,
            now: around.now,
        };
        let first = u64::try_from(self.next_item).unwrap_or(u64::MAX);
        let Some((items, input)) = recipe.next(left, first, true)? else { return Ok(None) };
        let index = self.next_child;
        self.next_child += 1;
        self.next_item += usize::try_from(items).unwrap_or(usize::MAX);
        Ok(Some(Next::Begin { index, items, input }))
    }

    fn report(&self, limits: &Limits) -> Option<MapRunReport> {
        let result = match (&self.ending, &self.order.settings.destination, &self.kept) {
            (Some(Ending::Aborted), ..) => return None,
            (Some(Ending::Failed(fault)), ..) => Err(fault.clone()),
            (None, Some(_), _) => Ok(where_written(&self.order.settings, &self.order.key.arn)),
            (None, None, Some(kept)) => self.result(limits).of(kept.values()),
            (None, None, None) => Err(self.result(limits).too_large()),
        };
        Some(match result {
            Ok(output) => MapRunReport::Succeeded(output),
            Err(fault) => MapRunReport::Failed(fault),
        })
    }
}

/// Where items are read, as the context object has it: the file that a reader names, or its bucket.
fn source(parameters: &Value) -> Option<Str> {
    let text = |name| parameters.get(name).and_then(Value::as_str);
    let bucket = text("Bucket")?;
    Some(text("Key").map_or_else(|| format!("S3://{bucket}"), |key| format!("S3://{bucket}/{key}")).into())
}
