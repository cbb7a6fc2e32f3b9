//! What a map run needs of the execution that it belongs to, and what is the same wherever one is worked on: how the inputs of
//! its children are made (`inputs`), what its children are (`children`), what it makes of their ends (`results`, `failures`).
//!
//! The items of a distributed Map are worked on by executions of their own, begun a few at a time, long after the turn that
//! began the run. So what their inputs are made of goes with the run: [`ItemScope`].

mod children;
mod failures;
mod inputs;
mod results;

use std::cell::RefCell;
use std::sync::Arc;

use newel_asl::plan::{State, Transformation};
use newel_asl::timestamp::Timestamp;
use newel_value::{Object, Payload, Str, Value};
use serde::{Deserialize, Serialize};

use crate::eval::{Context, Data, Scope};
use crate::event::Fault;
use crate::execution::{Frame, FramePath, Info};
use crate::frames::Frames;
use crate::redrive::Redrives;
use crate::transition::{Extra, state_error};

pub use children::{ChildNames, child_info, child_plan};
pub use failures::{Tolerance, threshold_exceeded, transfer_fault};
pub use inputs::{Item, Recipe};
pub use results::{StateResult, kept_of_child, pending_child, results_bucket, results_folder, where_written};

/// Which map run of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapRunKey {
    /// The frame in whose Map state it is.
    pub frame: FramePath,
    /// Its ARN.
    pub arn: Str,
}

/// The map run that a Map state waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// Its ARN.
    pub arn: Str,
    /// Whether it is still to say how it ended.
    pub open: bool,
    /// How often it has been redriven.
    pub redrives: u64,
    /// Whether, having failed, it can be redriven; if not, a redrive of the execution begins another.
    pub redrivable: bool,
}

/// How a map run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum MapRunReport {
    /// With the state's result.
    Succeeded(Payload),
    /// By an error.
    Failed(Fault),
}

/// A map run to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRunOrder {
    /// Which.
    pub key: MapRunKey,
    /// The Map state.
    pub state: Str,
    /// `Label`, or what stands for it.
    pub label: Str,
    /// What children are: Express executions, or else Standard ones.
    pub express: bool,
    /// What it works on.
    pub items: MapItems,
    /// How it goes about it.
    pub settings: MapSettings,
    /// What the children's inputs are made of.
    pub scope: ItemScope,
}

/// Where the items of a map run are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MapItems {
    /// Here: an array, or an object whose members they are.
    State(Payload),
    /// Outside.
    Reader {
        /// `Resource`
        resource: Str,
        /// `Parameters`
        parameters: Value,
        /// `ReaderConfig` but for `MaxItems`.
        config: Object,
        /// `MaxItems`; 0 means all.
        max_items: u64,
    },
}

/// The settings of a map run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapSettings {
    /// `MaxConcurrency`; 0 means no limit of the user's.
    pub max_concurrency: u64,
    /// `ToleratedFailureCount`
    pub tolerated_failure_count: Option<u64>,
    /// `ToleratedFailurePercentage`
    pub tolerated_failure_percentage: Option<f64>,
    /// `ItemBatcher`
    pub batch: Option<Batch>,
    /// `ResultWriter`'s `Resource` and `Parameters`.
    pub destination: Option<(Str, Value)>,
    /// What is kept of children that succeed.
    pub transformation: Transformation,
    /// Whether files of results have a line for each record, and not an array of them.
    #[serde(default)]
    pub json_lines: bool,
}

/// How many items a child gets at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// `MaxItemsPerBatch`
    pub max_items: Option<u64>,
    /// `MaxInputBytesPerBatch`
    pub max_bytes: Option<u64>,
    /// `BatchInput`
    pub input: Option<Value>,
}

/// What the inputs of a map run's children are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemScope {
    /// The execution that the run belongs to.
    pub info: Arc<Info>,
    /// The Map state's frame, with all variables that it sees.
    pub frame: Frame,
    /// The state's effective input.
    pub input: Payload,
    /// How often the execution had been redriven.
    pub redrives: Redrives,
}

impl ItemScope {
    /// What `ItemSelector` makes of an item, or the item itself.
    ///
    /// # Errors
    /// What the map run fails with.
    pub fn select(
        &self,
        state: &State,
        index: u32,
        item: &Item,
        (random, now): (&dyn Fn() -> u64, Timestamp),
    ) -> Result<Value, Fault> {
        let newel_asl::plan::Kind::Map(map) = &state.kind else { return Ok(item.whole()) };
        let Some(selector) = &map.item_selector else { return Ok(item.whole()) };
        let extra = Extra {
            retries: true,
            item: Some((index, item.clone())),
            redrives: (self.redrives.count, self.redrives.last),
            ..Extra::default()
        };
        let frames = Frames::default();
        let context = Context::new(&self.info, &frames, &self.frame, extra);
        let budget = RefCell::new(newel_jsonata::Budget::default());
        let data = Data::input(self.input.value());
        let scope =
            Scope { data, context: &context, frames: &frames, frame: &self.frame, random, now, budget };
        scope.template(selector).map_err(|failure| state_error(&self.frame, failure).fault)
    }
}
