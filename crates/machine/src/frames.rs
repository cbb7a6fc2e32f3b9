//! The frames of an execution, and what they are looked up by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use newel_asl::timestamp::Timestamp;

use crate::event::EventId;
use crate::execution::{Attempt, Frame, FramePath, Phase};

/// The frames with what is looked up by: derived from them, never stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    by_path: BTreeMap<FramePath, Frame>,
    due: BTreeSet<(Timestamp, FramePath)>,
    ready: BTreeSet<(Place, FramePath)>,
    children: HashMap<FramePath, Children>,
}

/// A frame's place among those that are ready: the event that made it so, then its index, for the branches of a
/// Parallel begin with one event. That is the order in which frames become ready, so it needn't be stored.
type Place = (EventId, u32);

/// The branches or iterations of a frame's current state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    /// Path by index.
    pub(crate) by_index: BTreeMap<u32, FramePath>,
    /// How many of them have finished.
    pub(crate) finished: u32,
}

impl Frames {
    pub(crate) fn get(&self, path: &str) -> Option<&Frame> {
        self.by_path.get(path)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FramePath, &Frame)> {
        self.by_path.iter()
    }

    pub(crate) fn insert(&mut self, path: FramePath, frame: Frame) {
        self.remove(&path);
        if let Some(parent) = &frame.parent {
            let children = self.children.entry(parent.clone()).or_default();
            children.by_index.insert(frame.index, path.clone());
            children.finished += u32::from(frame.is_finished());
        }
        self.link(&path, frame.due(), frame.place());
        self.by_path.insert(path, frame);
    }

    pub(crate) fn remove(&mut self, path: &str) -> Option<Frame> {
        let (path, frame) = self.by_path.remove_entry(path)?;
        self.unlink(&path, frame.due(), frame.place());
        if let Some(parent) = &frame.parent
            && let Some(children) = self.children.get_mut(parent)
        {
            children.by_index.remove(&frame.index);
            children.finished -= u32::from(frame.is_finished());
            if children.by_index.is_empty() {
                self.children.remove(parent);
            }
        }
        Some(frame)
    }

    /// Changes a frame and keeps what is derived from it in step. Its parent and index stay what they are.
    pub(crate) fn update<T>(&mut self, path: &FramePath, change: impl FnOnce(&mut Frame) -> T) -> Option<T> {
        let frame = self.by_path.get_mut(path)?;
        let (due, place, finished) = (frame.due(), frame.place(), frame.is_finished());
        let answer = change(frame);
        let (due_now, place_now, finished_now) = (frame.due(), frame.place(), frame.is_finished());
        if finished != finished_now
            && let Some(children) = frame.parent.as_ref().and_then(|parent| self.children.get_mut(parent))
        {
            children.finished = children.finished - u32::from(finished) + u32::from(finished_now);
        }
        if (due, place) != (due_now, place_now) {
            self.unlink(path, due, place);
            self.link(path, due_now, place_now);
        }
        Some(answer)
    }

    fn link(&mut self, path: &FramePath, due: Option<Timestamp>, place: Option<Place>) {
        self.due.extend(due.map(|at| (at, path.clone())));
        self.ready.extend(place.map(|place| (place, path.clone())));
    }

    fn unlink(&mut self, path: &FramePath, due: Option<Timestamp>, place: Option<Place>) {
        if let Some(at) = due {
            self.due.remove(&(at, path.clone()));
        }
        if let Some(place) = place {
            self.ready.remove(&(place, path.clone()));
        }
    }

    pub(crate) fn children(&self, parent: &str) -> Option<&Children> {
        self.children.get(parent)
    }

    /// The frame whose turn it is.
    pub(crate) fn next_ready(&self) -> Option<&FramePath> {
        self.ready.first().map(|(_, path)| path)
    }

    /// When the first frame is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Frames that are due, earliest first, but no more than `most`.
    pub(crate) fn due_until(&self, now: Timestamp, most: usize) -> Vec<FramePath> {
        self.due.iter().take_while(|(at, _)| *at <= now).take(most).map(|(_, path)| path.clone()).collect()
    }

    pub(crate) fn paths(&self) -> Vec<FramePath> {
        self.by_path.keys().cloned().collect()
    }
}

impl Frame {
    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. })
    }

    fn place(&self) -> Option<Place> {
        match &self.phase {
            Phase::Ready | Phase::Task(Attempt { started: false, fetched: false, .. }) => {
                Some((self.previous, self.index))
            }
            Phase::Task(_)
            | Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Parallel
            | Phase::Map(_)
            | Phase::MapRun(_)
            | Phase::Finished { .. } => None,
        }
    }

    /// When time is what this frame waits for: the earliest of its instants.
    fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Waiting { until } | Phase::Backoff { until } => Some(*until),
            Phase::Task(attempt) => [attempt.deadline, attempt.heartbeat_due].into_iter().flatten().min(),
            Phase::Ready | Phase::Parallel | Phase::Map(_) | Phase::MapRun(_) | Phase::Finished { .. } => {
                None
            }
        }
    }
}

/// The path of a branch or iteration.
pub(crate) fn child_path(parent: &str, state: &str, index: u32) -> FramePath {
    let state = state.replace('~', "~0").replace('/', "~1");
    format!("{parent}/{state}.{index}").into()
}
