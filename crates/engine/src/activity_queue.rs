//! The queues of activities: tasks that wait for a worker, and workers that wait for a task.
//!
//! A queue belongs to its activity and is in memory only: what is in it stands in the outboxes of the executions that wait, and is
//! found there again when their shards are taken. It holds ids, not inputs, so its size is bounded by the attempts that are open.
//! Until shards are spread over processes, all queues are in the one process; then a queue is where its activity's shard is, and
//! the owners of executions send it their orders.
//!
//! First come, first served on both sides. Whoever has hung up is passed over.

use std::collections::{BTreeMap, HashMap, VecDeque};

use newel_value::Str;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::request::ActivityTask;
use crate::task::TaskId;

/// All queues, by activity.
#[derive(Debug, Default)]
pub(crate) struct ActivityQueues(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Str, Queue>,
    /// Where each task is: its activity and place. What is being given out has its entry still, so that it isn't queued twice.
    places: HashMap<TaskId, (Str, u64)>,
    /// The next place and the next waiter's number.
    next: u64,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: BTreeMap<u64, TaskId>,
    /// Tasks that were begun for somebody who had hung up when they were given: they go first.
    begun: VecDeque<ActivityTask>,
    pollers: VecDeque<Poller>,
    /// Pollers that are waiting or are being given a task.
    waiting: usize,
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.begun.is_empty() && self.waiting == 0
    }
}

/// Somebody who waits for a task.
#[derive(Debug)]
pub(crate) struct Poller {
    number: u64,
    pub(crate) worker_name: Option<Str>,
    answer: oneshot::Sender<ActivityTask>,
}

impl Poller {
    /// Gives it a task, or gives the task back if it has hung up.
    pub(crate) fn give(self, task: ActivityTask) -> Result<(), ActivityTask> {
        self.answer.send(task)
    }
}

/// A task that is to be given out.
#[derive(Debug)]
pub(crate) enum Polled {
    /// No worker has it yet.
    Queued(TaskId),
    /// It was begun for somebody who never got it.
    Begun(ActivityTask),
}

/// A task and who gets it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) task: Polled,
    pub(crate) poller: Poller,
}

impl ActivityQueues {
    /// Queues a task, unless it is in a queue or being given out already.
    pub(crate) fn offer(&self, activity: &Str, task: TaskId) {
        let mut state = self.0.lock();
        if state.places.contains_key(&task) {
            return;
        }
        let place = state.number();
        state.places.insert(task.clone(), (activity.clone(), place));
        state.queue(activity).tasks.insert(place, task);
    }

    /// Puts a task back that was to be given out, at its old place; unless it is over by now.
    pub(crate) fn queue_again(&self, activity: &Str, task: TaskId) {
        let mut state = self.0.lock();
        if let Some((_, place)) = state.places.get(&task) {
            let place = *place;
            state.queue(activity).tasks.insert(place, task);
        }
    }

    /// Keeps a begun task for the next one who asks: nobody got it.
    pub(crate) fn begun(&self, activity: &Str, task: ActivityTask) {
        self.0.lock().queue(activity).begun.push_back(task);
    }

    /// A task is over, or a worker has it: it is in no queue any more.
    pub(crate) fn over(&self, task: &TaskId) {
        self.forget(std::slice::from_ref(task));
    }

    /// Attempts are over, of whatever kind they are: those that wait in a queue leave it.
    pub(crate) fn forget(&self, tasks: &[TaskId]) {
        let mut state = self.0.lock();
        if state.places.is_empty() {
            return;
        }
        for task in tasks {
            let Some((activity, place)) = state.places.remove(task) else { continue };
            if let Some(queue) = state.queues.get_mut(&activity) {
                queue.tasks.remove(&place);
            }
            state.tidy(&activity);
        }
    }

    /// Stands in line for a task; `None` if `most` do so already.
    pub(crate) fn wait(
        &self,
        activity: &Str,
        worker_name: Option<Str>,
        most: usize,
    ) -> Option<(u64, oneshot::Receiver<ActivityTask>)> {
        let mut state = self.0.lock();
        let number = state.number();
        let queue = state.queue(activity);
        let before = queue.pollers.len();
        queue.pollers.retain(|poller| !poller.answer.is_closed());
        queue.waiting -= before - queue.pollers.len();
        if queue.waiting >= most {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting += 1;
        queue.pollers.push_back(Poller { number, worker_name, answer });
        Some((number, receiver))
    }

    /// Leaves the line. Says whether it was still in it; else a task is just being given to it.
    pub(crate) fn leave(&self, activity: &Str, number: u64) -> bool {
        let mut state = self.0.lock();
        let Some(queue) = state.queues.get_mut(activity) else { return false };
        let before = queue.pollers.len();
        queue.pollers.retain(|poller| poller.number != number);
        let left = queue.pollers.len() < before;
        queue.waiting -= usize::from(left);
        state.tidy(activity);
        left
    }

    /// Puts somebody back to the head of the line who got nothing.
    pub(crate) fn stand_again(&self, activity: &Str, poller: Poller) {
        let mut state = self.0.lock();
        let queue = state.queue(activity);
        let place = queue.pollers.partition_point(|other| other.number < poller.number);
        queue.pollers.insert(place, poller);
    }

    /// Somebody who was to be given a task has been, or has hung up.
    pub(crate) fn served(&self, activity: &Str) {
        let mut state = self.0.lock();
        if let Some(queue) = state.queues.get_mut(activity) {
            queue.waiting = queue.waiting.saturating_sub(1);
            state.tidy(activity);
        }
    }

    /// The next task and the next one who waits for it, if there are both.
    pub(crate) fn pair(&self, activity: &Str) -> Option<Pair> {
        let mut state = self.0.lock();
        let queue = state.queues.get_mut(activity)?;
        while queue.pollers.front().is_some_and(|poller| poller.answer.is_closed()) {
            queue.pollers.pop_front();
            queue.waiting -= 1;
        }
        if queue.pollers.is_empty() || (queue.begun.is_empty() && queue.tasks.is_empty()) {
            state.tidy(activity);
            return None;
        }
        let task = match queue.begun.pop_front() {
            Some(task) => Polled::Begun(task),
            None => Polled::Queued(queue.tasks.pop_first()?.1),
        };
        Some(Pair { task, poller: queue.pollers.pop_front()? })
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn queue(&mut self, activity: &Str) -> &mut Queue {
        self.queues.entry(activity.clone()).or_default()
    }

    /// Lets go of a queue that nothing and nobody is in.
    fn tidy(&mut self, activity: &Str) {
        if self.queues.get(activity).is_some_and(Queue::is_idle) {
            self.queues.remove(activity);
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_asl::Timestamp;
    use newel_store::{Id, ShardId};
    use newel_value::Payload;

    use super::*;

    fn activity() -> Str {
        "a".into()
    }

    fn task(number: u64) -> TaskId {
        let execution = Id::new(ShardId(0), Timestamp::from_millis(0), number);
        TaskId { execution, frame: "".into(), entry: 2, attempt: 0 }
    }

    fn given(text: &str) -> ActivityTask {
        ActivityTask { token: text.into(), input: Payload::parse("1").unwrap() }
    }

    /// The number of the task and of the poller that come together next.
    fn next(queues: &ActivityQueues) -> Option<(TaskId, Poller)> {
        queues.pair(&activity()).map(|pair| match pair.task {
            Polled::Queued(id) => (id, pair.poller),
            Polled::Begun(task) => panic!("{task:?}"),
        })
    }

    #[test]
    fn first_come_first_served_on_both_sides() {
        let queues = ActivityQueues::default();
        assert!(next(&queues).is_none());
        for number in [1, 2, 1, 3] {
            queues.offer(&activity(), task(number));
        }
        let (first, _a) = queues.wait(&activity(), None, 9).unwrap();
        let (second, _b) = queues.wait(&activity(), None, 9).unwrap();
        let (one, poller) = next(&queues).unwrap();
        assert_eq!((one, poller.number), (task(1), first));
        let (two, poller) = next(&queues).unwrap();
        assert_eq!((two, poller.number), (task(2), second));
        assert!(next(&queues).is_none(), "nobody waits");
    }

    #[test]
    fn what_could_not_be_given_keeps_its_place_and_so_does_who_got_nothing() {
        let queues = ActivityQueues::default();
        for number in 1..=3 {
            queues.offer(&activity(), task(number));
        }
        let waiters: Vec<_> = (0..2).map(|_| queues.wait(&activity(), None, 9).unwrap()).collect();
        let (one, poller) = next(&queues).unwrap();
        queues.offer(&activity(), one.clone());
        queues.stand_again(&activity(), poller);
        queues.queue_again(&activity(), one);
        let (again, poller) = next(&queues).unwrap();
        assert_eq!((again, poller.number), (task(1), waiters[0].0));
        queues.over(&task(1));
        queues.queue_again(&activity(), task(1));
        assert_eq!(next(&queues).unwrap().0, task(2), "what is over isn't queued again");
    }

    #[test]
    fn who_hung_up_is_passed_over_and_what_was_begun_for_them_goes_first() {
        let queues = ActivityQueues::default();
        drop(queues.wait(&activity(), None, 9));
        let (number, mut waiting) = queues.wait(&activity(), Some("w".into()), 9).unwrap();
        queues.offer(&activity(), task(1));
        queues.begun(&activity(), given("begun"));
        let pair = queues.pair(&activity()).unwrap();
        assert_eq!((pair.poller.number, pair.poller.worker_name.as_deref()), (number, Some("w")));
        assert!(matches!(pair.task, Polled::Begun(_)));
        pair.poller.give(given("t")).unwrap();
        assert_eq!(&*waiting.try_recv().unwrap().token, "t");
        let (_, waiting) = queues.wait(&activity(), None, 9).unwrap();
        let (_, poller) = next(&queues).unwrap();
        drop(waiting);
        assert!(poller.give(given("t")).is_err());
    }

    #[test]
    fn only_so_many_wait_and_an_idle_queue_is_let_go() {
        let queues = ActivityQueues::default();
        let (first, _a) = queues.wait(&activity(), None, 2).unwrap();
        let (_, hung_up) = queues.wait(&activity(), None, 2).unwrap();
        assert!(queues.wait(&activity(), None, 2).is_none());
        drop(hung_up);
        let (third, _c) = queues.wait(&activity(), None, 2).unwrap();
        queues.offer(&activity(), task(1));
        let (_, poller) = next(&queues).unwrap();
        assert!(!queues.leave(&activity(), first), "it is being given a task");
        assert!(queues.wait(&activity(), None, 2).is_none(), "it counts until it has it");
        drop(poller);
        queues.served(&activity());
        assert!(queues.leave(&activity(), third));
        queues.over(&task(1));
        assert!(queues.0.lock().queues.is_empty() && queues.0.lock().places.is_empty());
    }
}
