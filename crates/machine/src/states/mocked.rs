//! Parallel and Map under test: what stands in for their branches or iterations is their result.

use newel_asl::plan::{Distributed, Map, Parallel, State};
use newel_value::{ObjectBuilder, Payload, Value};

use super::branches::{Branches, items};
use super::distributed::{batch, count, tolerance};
use crate::eval::{EvalResult, Scope};
use crate::execution::FramePath;
use crate::fault::StateError;
use crate::map_run::{Batch, Item, Tolerance, threshold_exceeded};
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
        let items = Item::of(items.value(), 0, usize::MAX);
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let inputs = self.selected(path, map, &effective, items)?;
        if let Some(batcher) = map.distributed.as_deref().and_then(|distributed| distributed.batcher.as_ref())
        {
            let batch = self.evaluate(path, effective.value(), |scope| batch(scope, batcher))?;
            self.note(Stage::AfterItemBatcher, &batches(&batch, &inputs).into());
        }
        let (concurrency, tolerance) = self.evaluate(path, effective.value(), |scope| limits(scope, map))?;
        probe.limited(concurrency, tolerance.count, tolerance.percentage);
        match probe.failed_iterations {
            Some(failed) if failed > count => {
                probe.makes_no_sense(TOO_MANY_FAILURES);
                Ok(())
            }
            Some(failed) if tolerance.is_exceeded(failed, Some(count)) => Err(threshold_exceeded().into()),
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
        if let Some(Distributed { reader: Some(reader), .. }) = map.distributed.as_deref() {
            let read = probe.read_items.clone().unwrap_or_default();
            let Some(pointer) = reader.config.get("ItemsPointer").and_then(Value::as_str) else {
                return Ok(read);
            };
            let items = Payload::from(read.value().pointer(pointer).cloned().unwrap_or_default());
            self.note(Stage::AfterItemsPointer, &items);
            return Ok(items);
        }
        let items = self.evaluate(path, effective.value(), |scope| items(scope, state, map))?;
        self.note(Stage::AfterItemsPath, &items);
        Ok(items)
    }

    /// What the iterations get: what `ItemSelector` makes of the items, or the items themselves.
    fn selected(
        &self,
        path: &FramePath,
        map: &Map,
        effective: &Payload,
        items: Vec<Item>,
    ) -> Result<Vec<Value>, StateError> {
        let Some(selector) = &map.item_selector else {
            return Ok(items.iter().map(Item::whole).collect());
        };
        let select = |(index, item): (u32, Item)| {
            let extra = Extra { item: Some((index, item)), ..Extra::default() };
            self.evaluate_with(path, effective.value(), extra, |scope| scope.template(selector))
        };
        let selected: Vec<Value> = (0..).zip(items).map(select).collect::<Result<_, _>>()?;
        self.note(Stage::AfterItemSelector, &Payload::from(Value::from(selected.clone())));
        Ok(selected)
    }

    fn conclude_mocked(&mut self, path: &FramePath, state: &State, branches: &Branches<'_>) -> Step {
        match self.probe.and_then(|probe| probe.branches.as_ref()) {
            Some(mock) => self.conclude_result(path, state, branches, &mock.clone()?),
            None => Ok(()),
        }
    }
}

/// The inputs of the children that get so many items each.
fn batches(batch: &Batch, items: &[Value]) -> Value {
    let input = |items: &[Value]| -> Value {
        let mut input = ObjectBuilder::with_capacity(2);
        input.insert_some("BatchInput", batch.input.clone());
        input.insert("Items", items.iter().cloned().collect::<Value>());
        input.build().into()
    };
    let most = batch.max_items.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let bytes = batch.max_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    let (mut made, mut begin) = (Vec::new(), 0);
    for end in 1..=items.len() {
        let next = items.get(begin..=end).map(|items| input(items).to_json().len());
        if end - begin >= most || next.is_none_or(|next| next > bytes) {
            made.push(input(&items[begin..end]));
            begin = end;
        }
    }
    made.into()
}

/// How many iterations of a Map may run at once, and how many may fail, as its definition says them.
fn limits(scope: &Scope<'_>, map: &Map) -> EvalResult<(u64, Tolerance)> {
    let tolerance = tolerance(scope, map)?;
    Ok((count(scope, "MaxConcurrencyPath", &map.max_concurrency)?, tolerance))
}
