//! A state under test: what its stages give is noted, and what stands in for the world around it is at hand.
//!
//! The interpreter runs such a state as it runs any other. Where it passes a stage it says so with one call of
//! [`Runner::note`], which does nothing when no state is under test.

use std::cell::RefCell;
use std::collections::BTreeMap;

use newel_asl::plan::{Catcher, QueryLanguage, Retrier};
use newel_value::{Object, Payload, Str, Value};

use crate::event::Fault;
use crate::fault::StateError;
use crate::turn::Runner;

/// A stage of a state's data, in the order in which they are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// After `InputPath`.
    AfterInputPath,
    /// After `Parameters`.
    AfterParameters,
    /// After `Arguments`.
    AfterArguments,
    /// After `ItemsPath`.
    AfterItemsPath,
    /// After `ItemsPointer` of an `ItemReader`.
    AfterItemsPointer,
    /// After `ItemSelector`, one element an item.
    AfterItemSelector,
    /// After `ItemBatcher`, one element a batch.
    AfterItemBatcher,
    /// What the state's work gave.
    Result,
    /// After `ResultSelector`.
    AfterResultSelector,
    /// After `ResultPath`.
    AfterResultPath,
}

impl Stage {
    /// What a stage that all states pass is called in a language, if it has a name there.
    const fn in_language(self, language: QueryLanguage) -> Option<Self> {
        match (language, self) {
            (QueryLanguage::Jsonata, Self::AfterParameters) => Some(Self::AfterArguments),
            (
                QueryLanguage::Jsonata,
                Self::AfterInputPath
                | Self::AfterItemsPath
                | Self::AfterResultSelector
                | Self::AfterResultPath,
            ) => None,
            (QueryLanguage::JsonPath | QueryLanguage::Jsonata, stage) => Some(stage),
        }
    }

    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AfterInputPath,
        Self::AfterParameters,
        Self::AfterArguments,
        Self::AfterItemsPath,
        Self::AfterItemsPointer,
        Self::AfterItemSelector,
        Self::AfterItemBatcher,
        Self::Result,
        Self::AfterResultSelector,
        Self::AfterResultPath,
    ];

    /// Its name in the API's `InspectionData`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfterInputPath => "afterInputPath",
            Self::AfterParameters => "afterParameters",
            Self::AfterArguments => "afterArguments",
            Self::AfterItemsPath => "afterItemsPath",
            Self::AfterItemsPointer => "afterItemsPointer",
            Self::AfterItemSelector => "afterItemSelector",
            Self::AfterItemBatcher => "afterItemBatcher",
            Self::Result => "result",
            Self::AfterResultSelector => "afterResultSelector",
            Self::AfterResultPath => "afterResultPath",
        }
    }
}

/// What surrounds a state under test, and what is noted of it.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The state's language: stages of the other's have no name.
    pub(crate) language: QueryLanguage,
    /// The variables that it finds.
    pub(crate) variables: Object,
    /// The context object that it sees; `Task` and `Map` are added where they aren't there.
    pub(crate) context: Option<Value>,
    /// How often it was retried before.
    pub(crate) retries: u32,
    /// What the branches of a Parallel or the iterations of a Map gave.
    pub(crate) branches: Option<Result<Payload, Fault>>,
    /// What the reader of a Map read.
    pub(crate) read_items: Option<Payload>,
    /// How many iterations of a Map failed.
    pub(crate) failed_iterations: Option<u64>,
    pub(crate) notes: RefCell<Notes>,
}

/// What is noted of a state under test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) stages: BTreeMap<Stage, Payload>,
    pub(crate) max_concurrency: Option<u64>,
    pub(crate) tolerated_failure_count: Option<u64>,
    pub(crate) tolerated_failure_percentage: Option<f64>,
    pub(crate) failure: Option<Failure>,
    pub(crate) left: Option<Left>,
    /// Why the test itself makes no sense.
    pub(crate) senseless: Option<&'static str>,
}

/// How the state failed, and who would care for it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) retrier: Option<u64>,
    pub(crate) catcher: Option<u64>,
}

/// How the state was left.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) output: Payload,
    pub(crate) variables: Object,
    pub(crate) next: Option<Str>,
}

impl Probe {
    /// Whether the state has been left.
    pub(crate) fn is_over(&self) -> bool {
        self.notes.borrow().left.is_some()
    }

    /// Notes that the state failed.
    pub(crate) fn failed(&self, retriers: &[Retrier], catchers: &[Catcher], error: &StateError) {
        let retrier = (0..).zip(retriers).find(|(_, r)| error.is_matched_by(&r.error_equals));
        let catcher = (0..).zip(catchers).find(|(_, c)| error.is_matched_by(&c.error_equals));
        let (retrier, catcher) = (retrier.map(|(index, _)| index), catcher.map(|(index, _)| index));
        self.notes.borrow_mut().failure = Some(Failure { fault: error.fault.clone(), retrier, catcher });
    }

    /// Notes the limits of a Map.
    pub(crate) fn limited(&self, concurrency: u64, count: Option<u64>, percentage: Option<f64>) {
        let mut notes = self.notes.borrow_mut();
        notes.max_concurrency = Some(concurrency);
        notes.tolerated_failure_count = count;
        notes.tolerated_failure_percentage = percentage;
    }

    /// Notes that the test itself makes no sense.
    pub(crate) fn makes_no_sense(&self, why: &'static str) {
        self.notes.borrow_mut().senseless = Some(why);
    }

    /// Notes that the state was left.
    pub(crate) fn left(&self, output: &Payload, variables: &Object, next: Option<&Str>) {
        let left = Left { output: output.clone(), variables: variables.clone(), next: next.cloned() };
        self.notes.borrow_mut().left = Some(left);
    }
}

impl Runner<'_, '_> {
    /// Takes a note back: AWS tells nothing of an input that has no part in the result.
    pub(crate) fn forget(&self, stage: Stage) {
        if let Some(probe) = self.probe {
            probe.notes.borrow_mut().stages.remove(&stage);
        }
    }

    /// Notes what a stage of the state under test gave, if one is.
    pub(crate) fn note(&self, stage: Stage, value: &Payload) {
        let Some(probe) = self.probe else { return };
        if let Some(stage) = stage.in_language(probe.language) {
            probe.notes.borrow_mut().stages.insert(stage, value.clone());
        }
    }
}
