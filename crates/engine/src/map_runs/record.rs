//! How a map run is stored.
//!
//! The record is small and written with every batch; what never changes has a row of its own, and so has each batch of results.

use newel_asl::plan::Transformation;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Fault, FramePath, Item, ItemScope, MapItems, MapRunOrder, MapSettings, Tolerance};
use newel_store::Id;
use newel_value::{Payload, Str};
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use crate::activation::Loaded;
use crate::test_cases::TestCase;

/// The row with what of a run never changes.
pub(super) const PLAN_ROW: &str = "\u{1}plan";
/// The row with how a run ended, for as long as its execution hasn't heard of it.
pub(super) const OUTPUT_ROW: &str = "\u{1}output";
/// What the rows with pages of items begin with.
pub(super) const PAGES: &str = "\u{3}";
/// What the rows with results begin with.
pub(super) const RESULTS: &str = "\u{2}";

/// What an execution has as a child of a map run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// The run.
    pub(crate) run: Id,
    /// Its ARN.
    pub(crate) run_arn: Str,
    /// The child's number in it.
    pub(crate) index: u32,
    /// How many items it works on.
    pub(crate) items: u32,
    /// The state machine whose definition has the Map.
    pub(crate) machine: Id,
    /// The Map state.
    pub(crate) state: Str,
    /// The label in its ARN.
    pub(crate) label: Str,
    /// What the run keeps of it.
    pub(crate) keep: Transformation,
}

/// A life of a run, or its abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Life {
    /// It is to be worked on: 0 is the beginning, n the n-th redrive.
    Run(u64),
    /// It is to end.
    Abort(u64),
}

/// The status of a map run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapRunStatus {
    /// `RUNNING`
    Running,
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `ABORTED`
    Aborted,
}

impl MapRunStatus {
    /// AWS's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// A child that is open as far as the run knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenChild {
    /// Its number.
    pub(super) index: u32,
    /// Its first item.
    pub(super) first: u64,
    /// How many items it works on.
    pub(super) count: u32,
    /// How often it will have been redriven when it closes.
    pub(super) redrives: u64,
}

/// What a run will end in once its open children are closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    /// In an error.
    Failed(Fault),
    /// Because nobody waits for it any more.
    Aborted,
}

/// How far the redrive of children has come: through the lists of those that failed, timed out and were aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RedriveCursor {
    /// Which list.
    pub(super) list: u8,
    /// The last child that was looked at.
    pub(super) after: (Timestamp, Id),
}

/// How far the reading of items that are elsewhere has come. The pages themselves have rows of their own, and the last of them
/// says where the next one begins: both are the user's data, which this record is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// The pages that are kept: those with items of children that may not have begun, and the last.
    pub(super) pages: Vec<PageMark>,
    /// The number of the next page.
    pub(super) next: u64,
    /// Whether no page comes any more.
    pub(super) ended: bool,
}

/// A page that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PageMark {
    /// Its number, which its row is named by.
    pub(super) number: u64,
    /// The position of its first item.
    pub(super) first: u64,
    /// The position after its last item.
    pub(super) end: u64,
}

impl PageMark {
    pub(super) fn path(self) -> Str {
        format!("{PAGES}{:016x}", self.number).into()
    }
}

/// How far the writing of results to somewhere else has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Writing {
    /// What is being written.
    pub(super) stage: Stage,
    /// The sizes of the files that are written: with results, of failures, of children that never began.
    pub(super) sizes: [Vec<u64>; 3],
}

/// What of the results is written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Children of a status, as the number of a list, from one on.
    List(u8, Option<(Timestamp, Id)>),
    /// Children that never began: so many of those that were counted, then the rest from an item on, as that child.
    Pending(u32, u64, u32),
    /// The manifest.
    Manifest,
    /// Nothing: all is written, or it can't be.
    Done,
}

impl Default for Stage {
    fn default() -> Self {
        Self::List(0, None)
    }
}

/// A map run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MapRunRecord {
    pub(crate) arn: Str,
    pub(crate) execution_arn: Str,
    /// `…:stateMachine:NAME/LABEL`
    pub(crate) machine_arn: Str,
    pub(crate) status: MapRunStatus,
    pub(crate) started_at: Timestamp,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) max_concurrency: u64,
    pub(crate) tolerated_failure_count: Option<u64>,
    pub(crate) tolerated_failure_percentage: Option<f64>,
    pub(crate) redrives: u64,
    pub(crate) redriven_at: Option<Timestamp>,
    /// Items and children.
    pub(crate) items: Counts,
    pub(crate) children: Counts,
    /// The execution, and the frame in it, that waits.
    pub(super) execution: Id,
    pub(super) frame: FramePath,
    pub(super) machine: Id,
    pub(super) revision: Id,
    pub(super) state: Str,
    pub(super) label: Str,
    pub(super) express: bool,
    pub(super) batched: Option<u64>,
    /// How many items there are, as far as is known.
    pub(super) total: u64,
    /// The first item that no child has.
    pub(super) next_item: u64,
    /// The number of the next child.
    pub(super) next_child: u32,
    pub(super) open: Vec<OpenChild>,
    /// Children that were counted as open and never begun, for the run ended.
    pub(super) never_begun: Vec<OpenChild>,
    pub(super) redrive: Option<RedriveCursor>,
    pub(super) ending: Option<Ending>,
    /// Bytes of the results so far; `None` once they are more than a result may have, and none are kept.
    pub(super) result_bytes: Option<u64>,
    /// How many rows of results there are.
    pub(super) result_rows: u64,
    /// Whether its execution has heard how this life ended, or doesn't want to.
    pub(super) told: bool,
    /// Where items are elsewhere: how far they are read.
    #[serde(default)]
    pub(super) reading: Option<Reading>,
    /// Where results go elsewhere: how far they are written, once that has begun.
    #[serde(default)]
    pub(super) writing: Option<Writing>,
    /// The test case that answers tasks of its children.
    #[serde(default)]
    pub(super) test_case: Option<Box<TestCase>>,
    /// Whether the ARNs of its children are those of Express executions. Runs that an earlier release began have others.
    #[serde(default)]
    pub(super) express_arns: bool,
}

/// How a life of a run ended, for its execution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum MapReport {
    Succeeded(Payload),
    Failed(Fault),
}

/// What of a run never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RunPlan {
    pub(super) items: MapItems,
    pub(super) settings: MapSettings,
    pub(super) scope: ItemScope,
}

impl MapRunRecord {
    pub(super) fn new(loaded: &Loaded, order: &MapRunOrder, now: Timestamp) -> Self {
        let info = &loaded.execution.info;
        let machine = info.machine_arn.split('/').next().unwrap_or_default();
        let total = match &order.items {
            MapItems::State(items) => Item::count_of(items.value()),
            MapItems::Reader { .. } => 0,
        };
        Self {
            arn: order.key.arn.clone(),
            execution_arn: info.arn.clone(),
            machine_arn: format!("{machine}/{}", order.label).into(),
            status: MapRunStatus::Running,
            started_at: now,
            stopped_at: None,
            max_concurrency: order.settings.max_concurrency,
            tolerated_failure_count: order.settings.tolerated_failure_count,
            tolerated_failure_percentage: order.settings.tolerated_failure_percentage,
            redrives: 0,
            redriven_at: None,
            items: Counts::default(),
            children: Counts::default(),
            execution: loaded.id,
            frame: order.key.frame.clone(),
            machine: loaded.definition_machine(),
            revision: loaded.revision,
            state: order.state.clone(),
            label: order.label.clone(),
            express: order.express,
            batched: order.settings.batch.as_ref().map(|batch| batch.max_items.unwrap_or(u64::MAX)),
            total: u64::try_from(total).unwrap_or(u64::MAX),
            next_item: 0,
            next_child: 0,
            open: Vec::new(),
            never_begun: Vec::new(),
            redrive: None,
            ending: None,
            result_bytes: Some(0),
            result_rows: 0,
            told: false,
            reading: matches!(order.items, MapItems::Reader { .. }).then(Reading::default),
            writing: None,
            test_case: loaded.test_case.as_ref().map(|case| Box::new(case.of_children(&info.arn))),
            express_arns: order.express,
        }
    }

    /// How many children may still be begun now; `limit` is what the service lets run at once.
    pub(super) fn room(&self, limit: u64) -> usize {
        let most = if self.max_concurrency == 0 { limit } else { self.max_concurrency.min(limit) };
        usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(self.open.len())
    }

    /// Whether all items are known.
    pub(super) fn all_read(&self) -> bool {
        self.reading.as_ref().is_none_or(|reading| reading.ended)
    }

    /// Whether nothing is left to begin.
    pub(super) fn is_exhausted(&self) -> bool {
        self.all_read()
            && self.next_item >= self.total
            && self.redrive.is_none()
            && self.never_begun.is_empty()
    }

    /// Whether more items have failed than are tolerated.
    pub(super) fn exceeds_tolerance(&self) -> bool {
        let tolerance =
            Tolerance { count: self.tolerated_failure_count, percentage: self.tolerated_failure_percentage };
        tolerance.is_exceeded(self.items.failed + self.items.timed_out, self.all_read().then_some(self.total))
    }
}
