//! Child executions whose end somebody waits for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use newel_engine::TaskId;
use newel_value::Str;
use parking_lot::Mutex;

/// Attempts by the child they wait for.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// How many children are watched: most executions that end are nobody's.
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_child: HashMap<Str, Vec<TaskId>>,
    child_of: HashMap<TaskId, Str>,
}

impl Watched {
    /// From now on the child's end counts. To be called before the child is looked at.
    pub(crate) fn watch(&self, task: TaskId, child: &Str) {
        let mut state = self.state.lock();
        if state.child_of.insert(task.clone(), child.clone()).is_none() {
            state.by_child.entry(child.clone()).or_default().push(task);
        }
        self.count.store(state.by_child.len(), Ordering::Release);
    }

    /// Who waits for a child that has ended. They stay until they are forgotten: it may go on after a redrive.
    pub(crate) fn ended(&self, child: &str) -> Vec<TaskId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        self.state.lock().by_child.get(child).cloned().unwrap_or_default()
    }

    /// Nobody waits any more.
    pub(crate) fn forget(&self, task: &TaskId) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut state = self.state.lock();
        let Some(child) = state.child_of.remove(task) else { return };
        if let Some(tasks) = state.by_child.get_mut(&child) {
            tasks.retain(|other| other != task);
            if tasks.is_empty() {
                state.by_child.remove(&child);
            }
        }
        self.count.store(state.by_child.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_waiter_of_a_child_hears_of_its_end_until_forgotten() {
        let task = |n| TaskId::from_parts([n; 16], "".into(), 2, 0);
        let watched = Watched::default();
        assert_eq!(watched.ended("child"), []);
        watched.watch(task(1), &"child".into());
        watched.watch(task(2), &"child".into());
        watched.watch(task(1), &"child".into());
        assert_eq!(watched.ended("child"), [task(1), task(2)]);
        watched.forget(&task(1));
        assert_eq!(watched.ended("child"), [task(2)]);
        watched.forget(&task(2));
        watched.forget(&task(2));
        assert_eq!(watched.ended("child"), []);
        assert_eq!(watched.count.load(Ordering::Relaxed), 0);
    }
}
