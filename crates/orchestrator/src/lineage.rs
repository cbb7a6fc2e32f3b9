//! Which state an event of a history belongs to.
//!
//! A history is one list in which the branches of Parallel and Map states mingle. Each event names the one that led to
//! it, and following that from event to event tells in which state, inside which iteration and which outer states
//! something happened.

use std::collections::BTreeMap;

/// What an event means to the tree of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A state is entered (no index), or an iteration of the Map state of that name begins.
    Enter(&'a str, Option<u64>),
    /// A state is left, or an iteration ends.
    Leave(&'a str, Option<u64>),
    /// Something happens in the state.
    Within,
}

/// A state that is entered, or an iteration that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope<T> {
    /// The event with which it was entered.
    pub entry: u64,
    /// The state's name.
    pub name: String,
    /// The iteration's index, if it is one.
    pub index: Option<u64>,
    /// The entry of what it is inside of; 0 if it is at the top.
    pub parent: u64,
    /// How many it is inside of.
    pub depth: usize,
    /// What the reader of the history keeps about it.
    pub note: T,
}

/// What an event changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<'a, T> {
    /// This scope is new.
    Entered(&'a mut Scope<T>),
    /// The first one is left as the event says; the rest, inside of it, are over because of that.
    Left(Vec<Scope<T>>),
    /// It happened in this scope.
    Within(&'a mut Scope<T>),
    /// It happened outside of all states, or in one whose beginning wasn't seen.
    Outside,
}

/// The tree of states, as far as a history has been read. Its size follows the number of events.
#[derive(Debug)]
pub struct Lineage<T> {
    /// For each event, by its id less one: the entry of the innermost scope that is open after it.
    after: Vec<u64>,
    open: BTreeMap<u64, Scope<T>>,
}

impl<T> Default for Lineage<T> {
    fn default() -> Self {
        Self { after: Vec::new(), open: BTreeMap::new() }
    }
}

impl<T: Default> Lineage<T> {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events have been read.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.after.len()
    }

    /// Takes what is still open, outer scopes first: for the end of the execution.
    pub fn close(&mut self) -> Vec<Scope<T>> {
        std::mem::take(&mut self.open).into_values().collect()
    }

    /// Reads the next event: its id, the one that led to it, and what it means. Ids that skip some are taken for
    /// events of nobody.
    pub fn read(&mut self, id: u64, previous: u64, step: Step<'_>) -> Change<'_, T> {
        let within = self.scope_after(previous);
        let after = match step {
            Step::Enter(..) => id,
            Step::Within => within,
            Step::Leave(name, index) => {
                let Some(entry) = self.enclosing(within, name, index) else {
                    self.remember(id, within);
                    return Change::Outside;
                };
                let left = self.leave(entry);
                self.remember(id, left.first().map_or(0, |scope| scope.parent));
                return Change::Left(left);
            }
        };
        self.remember(id, after);
        if let Step::Enter(name, index) = step {
            let depth = self.open.get(&within).map_or(0, |parent| parent.depth + 1);
            let scope =
                Scope { entry: id, name: name.to_owned(), index, parent: within, depth, note: T::default() };
            return Change::Entered(self.open.entry(id).insert_entry(scope).into_mut());
        }
        self.open.get_mut(&within).map_or(Change::Outside, Change::Within)
    }

    fn scope_after(&self, event: u64) -> u64 {
        let index = event.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.after.get(index)).copied().unwrap_or(0)
    }

    fn remember(&mut self, id: u64, scope: u64) {
        let Ok(index) = usize::try_from(id.saturating_sub(1)) else { return };
        if index >= self.after.len() {
            self.after.resize(index, 0);
            self.after.push(scope);
        }
    }

    /// The innermost scope of that name around and including one.
    fn enclosing(&self, mut entry: u64, name: &str, index: Option<u64>) -> Option<u64> {
        while let Some(scope) = self.open.get(&entry) {
            if scope.name == name && scope.index == index {
                return Some(entry);
            }
            entry = scope.parent;
        }
        None
    }

    /// Takes a scope out, and all that are inside of it: each is entered after what it is inside of.
    fn leave(&mut self, entry: u64) -> Vec<Scope<T>> {
        let mut left: Vec<Scope<T>> = self.open.remove(&entry).into_iter().collect();
        let inside: Vec<u64> = self.open.range(entry..).map(|(entry, _)| *entry).collect();
        for candidate in inside {
            let is_inside = |scope: &Scope<T>| left.iter().any(|outer| outer.entry == scope.parent);
            if self.open.get(&candidate).is_some_and(is_inside) {
                left.extend(self.open.remove(&candidate));
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads events (id, previous, step) and tells what each changed.
    fn read(events: &[(u64, u64, Step<'_>)]) -> Vec<String> {
        let mut lineage = Lineage::<()>::new();
        let label = |scope: &Scope<()>| match scope.index {
            Some(index) => format!("{}[{index}]", scope.name),
            None => scope.name.clone(),
        };
        let tell = |(id, previous, step): &(u64, u64, Step<'_>)| match lineage.read(*id, *previous, *step) {
            Change::Entered(scope) => format!("{} at {}", label(scope), scope.depth),
            Change::Left(scopes) => {
                format!("left {}", scopes.iter().map(label).collect::<Vec<_>>().join(" "))
            }
            Change::Within(scope) => format!("in {}", label(scope)),
            Change::Outside => "outside".to_owned(),
        };
        events.iter().map(tell).collect()
    }

    #[test]
    fn branches_that_mingle_are_told_apart() {
        let told = read(&[
            (1, 0, Step::Within),
            (2, 0, Step::Enter("P", None)),
            (3, 2, Step::Within),
            (4, 3, Step::Enter("A", None)),
            (5, 3, Step::Enter("B", None)),
            (6, 4, Step::Within),
            (7, 5, Step::Leave("B", None)),
            (8, 6, Step::Leave("A", None)),
            (9, 8, Step::Within),
            (10, 9, Step::Leave("P", None)),
            (11, 10, Step::Enter("After", None)),
        ]);
        let expect = [
            "outside",
            "P at 0",
            "in P",
            "A at 1",
            "B at 1",
            "in A",
            "left B",
            "left A",
            "in P",
            "left P",
            "After at 0",
        ];
        assert_eq!(told, expect);
    }

    #[test]
    fn what_a_failing_branch_takes_down_is_left_with_its_state() {
        let told = read(&[
            (1, 0, Step::Within),
            (2, 1, Step::Enter("M", None)),
            (3, 2, Step::Within),
            (4, 3, Step::Enter("M", Some(0))),
            (5, 3, Step::Enter("M", Some(1))),
            (6, 4, Step::Enter("T", None)),
            (7, 5, Step::Enter("T", None)),
            (8, 6, Step::Within),
            (9, 8, Step::Leave("M", Some(0))),
            (10, 9, Step::Within),
            (11, 10, Step::Leave("M", None)),
            (12, 11, Step::Leave("never", None)),
        ]);
        assert_eq!(told[8..], ["left M[0] T", "in M", "left M M[1] T", "outside"]);
    }
}
