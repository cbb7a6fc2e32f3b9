//! A shard: who owns it, which of its executions are being worked on, and what waits for them.
//!
//! An execution is worked on by one activation at a time, so its turns are in order; activations of different executions
//! run beside each other, and the committer keeps the order of their commits.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use lru::LruCache;
use newel_store::{Epoch, Id, ShardId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Error;
use crate::activation::Loaded;
use crate::mail::{Mail, Mailbox};

/// A shard of this process.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    state: Mutex<State>,
    /// Somebody took the shard, lost it, or has found what stands in it.
    changed: Notify,
    /// How much may wait for one execution.
    mailbox: usize,
}

#[derive(Debug)]
struct State {
    /// Under which this process writes; `None` while the shard isn't its own.
    epoch: Option<Epoch>,
    /// Whether what stands in the shard has been found under that epoch.
    found: bool,
    active: HashMap<Id, Mailbox>,
    idle: LruCache<Id, Box<Loaded>>,
    /// Executions that began while what stands in the shard was still being found: recovery must leave them alone.
    begun: HashSet<Id>,
}

impl State {
    /// Keeps an open execution in memory, as long as what is in memory is what is stored.
    fn keep(&mut self, id: Id, loaded: Option<Box<Loaded>>) {
        if let Some(loaded) = loaded
            && self.epoch == Some(loaded.epoch)
            && loaded.execution.outcome.is_none()
        {
            self.idle.put(id, loaded);
        }
    }
}

/// What to do with a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// An activation is under way and will see it.
    Queued,
    /// Somebody must start one.
    Activate,
    /// It was refused and answered.
    Refused,
}

impl Shard {
    pub(crate) fn new(id: ShardId, mailbox: usize, idle: usize) -> Self {
        let idle = LruCache::new(NonZeroUsize::new(idle).unwrap_or(NonZeroUsize::MIN));
        let state = State { epoch: None, found: false, active: HashMap::new(), idle, begun: HashSet::new() };
        Self { id, state: Mutex::new(state), changed: Notify::new(), mailbox }
    }

    /// The epoch under which this process may write now.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.state.lock().epoch
    }

    /// This process owns the shard from now on; what stands in it is still to be found.
    pub(crate) fn own(&self, epoch: Epoch) {
        let mut state = self.state.lock();
        (state.epoch, state.found) = (Some(epoch), false);
        state.begun.clear();
    }

    /// What stands in the shard has been found under that epoch.
    pub(crate) fn recovered(&self, epoch: Epoch) {
        let mut state = self.state.lock();
        if state.epoch == Some(epoch) {
            state.found = true;
            state.begun = HashSet::new();
            self.changed.notify_waiters();
        }
    }

    /// The epoch under which executions may be loaded and go on, once what stands in the shard has been found; `None`
    /// when the shard isn't this process's.
    pub(crate) async fn opened(&self) -> Option<Epoch> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state.lock();
                let epoch = state.epoch?;
                if state.found {
                    return Some(epoch);
                }
            }
            changed.await;
        }
    }

    /// Forgets everything in memory of the shard, unless that has happened since `epoch` already. Says whether it did.
    pub(crate) fn disown(&self, epoch: Epoch) -> bool {
        let mut state = self.state.lock();
        if state.epoch != Some(epoch) {
            return false;
        }
        state.epoch = None;
        state.idle.clear();
        self.changed.notify_waiters();
        true
    }

    /// Does something unless the shard has been lost since that epoch, and keeps it from being lost meanwhile. Says whether it did.
    pub(crate) fn while_owned(&self, epoch: Epoch, act: impl FnOnce()) -> bool {
        let state = self.state.lock();
        let owned = state.epoch == Some(epoch);
        if owned {
            act();
        }
        owned
    }

    /// Puts mail where the execution's activation finds it.
    pub(crate) fn deliver(&self, id: Id, mail: Mail) -> Delivery {
        let mut state = self.state.lock();
        if let Some(mailbox) = state.active.get_mut(&id) {
            let Err(refused) = mailbox.put(mail, self.mailbox) else { return Delivery::Queued };
            drop(state);
            refused.answer(Err(Error::unavailable("too much is waiting for this execution; try again")));
            return Delivery::Refused;
        }
        state.active.insert(id, Mailbox::from(mail));
        Delivery::Activate
    }

    /// Counts a new execution as being worked on before anything can be delivered to it. Gives the epoch to write under.
    pub(crate) fn begin(&self, id: Id) -> Option<Epoch> {
        let mut state = self.state.lock();
        let epoch = state.epoch?;
        state.active.insert(id, Mailbox::default());
        if !state.found {
            state.begun.insert(id);
        }
        Some(epoch)
    }

    /// Whether an execution began while what stands in the shard was being found.
    pub(crate) fn began_meanwhile(&self, id: Id) -> bool {
        self.state.lock().begun.contains(&id)
    }

    /// Keeps an execution in memory for a while that is being worked on and has to wait.
    pub(crate) fn set_aside(&self, id: Id, loaded: Box<Loaded>) {
        self.state.lock().keep(id, Some(loaded));
    }

    /// Whether mail waits for an execution that is being worked on.
    pub(crate) fn has_mail(&self, id: Id) -> bool {
        self.state.lock().active.get(&id).is_some_and(|mailbox| !mailbox.is_empty())
    }

    /// An execution as it was left in memory.
    pub(crate) fn take_idle(&self, id: Id) -> Option<Box<Loaded>> {
        self.state.lock().idle.pop(&id)
    }

    /// What waits for an execution, as much as goes into one turn. If nothing does and `done`, the activation ends here:
    /// its execution is kept in memory for a while, and the next delivery starts another.
    pub(crate) fn take_mail(
        &self,
        id: Id,
        done: bool,
        loaded: &mut Option<Box<Loaded>>,
    ) -> Option<Vec<Mail>> {
        let mut state = self.state.lock();
        let mail = state.active.get_mut(&id).map(Mailbox::take).unwrap_or_default();
        if mail.is_empty() && done {
            state.active.remove(&id);
            state.keep(id, loaded.take());
            return None;
        }
        Some(mail)
    }

    /// Ends an activation if nothing waits for its execution, which is then kept in memory for a while.
    pub(crate) fn end_if_quiet(&self, id: Id, loaded: &mut Option<Box<Loaded>>) -> bool {
        let mut state = self.state.lock();
        if state.active.get(&id).is_some_and(|mailbox| !mailbox.is_empty()) {
            return false;
        }
        state.active.remove(&id);
        state.keep(id, loaded.take());
        true
    }

    /// Ends an activation that can't go on, and gives back what waited for it.
    pub(crate) fn give_up(&self, id: Id) -> Vec<Mail> {
        let mailbox = self.state.lock().active.remove(&id);
        mailbox.map(Mailbox::into_all).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use newel_asl::Timestamp;
    use newel_machine::Input;

    use super::*;

    const SHARD: ShardId = ShardId(3);

    fn id(n: u64) -> Id {
        Id::new(SHARD, Timestamp::from_millis(1), n)
    }

    #[tokio::test]
    async fn executions_are_loaded_only_once_the_shard_has_been_read() {
        let shard = Shard::new(SHARD, 9, 9);
        assert_eq!(shard.opened().await, None, "nobody's");
        shard.own(Epoch(1));
        let waiting = shard.opened();
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending(), "still being read");
        shard.recovered(Epoch(9));
        assert!(futures::poll!(&mut waiting).is_pending(), "that was another owner");
        shard.recovered(Epoch(1));
        assert_eq!(waiting.await, Some(Epoch(1)));
        assert!(!shard.disown(Epoch(9)) && shard.disown(Epoch(1)) && !shard.disown(Epoch(1)));
        assert_eq!(shard.opened().await, None, "lost");
        shard.own(Epoch(2));
        let waiting = shard.opened();
        tokio::pin!(waiting);
        assert!(
            futures::poll!(&mut waiting).is_pending(),
            "what was read under the first epoch doesn't count"
        );
        assert!(shard.disown(Epoch(2)));
        assert_eq!(waiting.await, None, "lost before it was read");
    }

    #[test]
    fn what_begins_during_recovery_is_told_apart() {
        let shard = Shard::new(SHARD, 9, 9);
        assert_eq!(shard.begin(id(1)), None);
        shard.own(Epoch(1));
        assert_eq!(shard.begin(id(2)), Some(Epoch(1)));
        assert!(shard.began_meanwhile(id(2)) && !shard.began_meanwhile(id(1)));
        shard.recovered(Epoch(1));
        assert_eq!(shard.begin(id(3)), Some(Epoch(1)));
        assert!(!shard.began_meanwhile(id(2)) && !shard.began_meanwhile(id(3)));
    }

    #[test]
    fn one_activation_at_a_time_sees_all_mail() {
        let shard = Shard::new(SHARD, 9, 9);
        shard.own(Epoch(1));
        let clock = || Mail::note(Input::Clock);
        assert_eq!(shard.deliver(id(1), clock()), Delivery::Activate);
        assert_eq!(shard.deliver(id(1), Mail::note(Input::Start)), Delivery::Queued);
        assert_eq!(shard.take_mail(id(1), true, &mut None).map(|mail| mail.len()), Some(2));
        assert_eq!(
            shard.take_mail(id(1), false, &mut None).map(|mail| mail.len()),
            Some(0),
            "it goes on by itself"
        );
        assert_eq!(shard.deliver(id(1), clock()), Delivery::Queued);
        assert!(!shard.end_if_quiet(id(1), &mut None));
        assert_eq!(shard.give_up(id(1)).len(), 1);
        assert_eq!(shard.deliver(id(1), clock()), Delivery::Activate, "the one before has ended");
        assert!(shard.take_mail(id(1), true, &mut None).is_some());
        assert!(shard.take_mail(id(1), true, &mut None).is_none());
        assert_eq!(shard.deliver(id(1), clock()), Delivery::Activate);
    }
}
