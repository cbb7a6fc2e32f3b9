//! Remembers what was said to be durable.

use std::collections::BTreeMap;

use newel_engine::{Committed, Observer};
use newel_machine::Event;
use parking_lot::Mutex;

/// All events that any life of the engine told of, by execution ARN.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<BTreeMap<String, Vec<Event>>>);

impl Told {
    pub(crate) fn take(&self) -> BTreeMap<String, Vec<Event>> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Observer for Told {
    fn committed(&self, turn: &Committed<'_>) {
        let Committed { info, events, .. } = turn;
        self.0.lock().entry(info.arn.to_string()).or_default().extend(events.iter().cloned());
    }
}
