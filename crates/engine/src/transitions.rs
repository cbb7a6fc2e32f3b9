//! The rate of state transitions: a token bucket for each account and region, as AWS has it
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-state-throttling>).
//!
//! Nothing fails by it; executions go slower. A turn pays beforehand for as many transitions as there are, up to what a turn may
//! make, and is given events for those alone; what it didn't make is put back when it has been evaluated. What happens to an
//! execution (a start, a report, a deadline, a stop) is taken in at once, by a turn that ends with its first event where
//! there is nothing left, so a bucket may be in debt by one transition for each of those. What the execution does by itself then
//! waits in the tenant's line, in which the one task of that tenant lets as many pass at a time as there are transitions. Beyond a
//! number of them executions leave memory and come back later. Express executions have no such limit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Detail, Effect, Turn};
use newel_store::Id;
use newel_value::Str;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::activation::Loaded;
use crate::engine::Inner;
use crate::request::{MachineType, Tenant};

/// Buckets that are kept without looking for those that are full again.
const BUCKETS: usize = 10_000;
/// One transition; buckets are counted in thousandths.
pub(crate) const ONE: i64 = 1_000;
/// Events that a state makes at least, where it is entered and left in one turn.
const EVENTS: usize = 2;
/// Executions that wait in one tenant's line; others come back later.
const LINE: usize = 10_000;

/// How many state transitions an account may make in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionRate {
    /// At once.
    pub bucket: u32,
    /// A second from then on.
    pub refill: u32,
}

/// The rates of all regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionRates {
    /// Where nothing else is said.
    pub usual: TransitionRate,
    /// Of certain regions.
    pub regions: BTreeMap<Str, TransitionRate>,
}

impl TransitionRates {
    fn of(&self, region: &str) -> TransitionRate {
        self.regions.get(region).copied().unwrap_or(self.usual)
    }
}

/// Paces the executions of each tenant.
#[derive(Debug)]
pub(crate) struct Transitions {
    rates: TransitionRates,
    tenants: Mutex<Tenants>,
}

#[derive(Debug, Default)]
struct Tenants {
    paced: HashMap<Tenant, Paced>,
    /// How many are kept before the full ones are let go.
    most: usize,
    /// Executions that wait for a transition: what lets each pass, and says whether it has paid.
    waiting: HashMap<Id, oneshot::Sender<bool>>,
}

/// A tenant's bucket and line.
#[derive(Debug)]
struct Paced {
    rate: TransitionRate,
    /// What is left, in thousandths; less than nothing where turns have made more than there was.
    left: i64,
    at: Timestamp,
    /// Who waits, in the order in which they came. Those that didn't wait any longer are in it yet.
    line: VecDeque<Id>,
    /// Whether a task lets them pass.
    driven: bool,
}

impl Paced {
    fn new(rate: TransitionRate, now: Timestamp) -> Self {
        Self { left: i64::from(rate.bucket) * ONE, rate, at: now, line: VecDeque::new(), driven: false }
    }

    /// Puts in what has come since the last time. A clock that was set back refills nothing.
    fn refill(&mut self, now: Timestamp) {
        let millis = now.as_millis().saturating_sub(self.at.as_millis()).max(0);
        // A thousandth a millisecond is one a second.
        let more = millis.saturating_mul(self.rate.refill.into());
        self.left = self.left.saturating_add(more).min(self.full());
        self.at = now;
    }

    fn full(&self) -> i64 {
        i64::from(self.rate.bucket) * ONE
    }

    /// Milliseconds until a transition is there.
    fn wait_millis(&self) -> u64 {
        let lacking = u64::try_from(ONE - self.left).unwrap_or(0);
        lacking.div_ceil(u64::from(self.rate.refill.max(1))).max(1)
    }
}

impl Tenants {
    fn paced(&mut self, tenant: &Tenant, rates: &TransitionRates, now: Timestamp) -> &mut Paced {
        if !self.paced.contains_key(tenant) && self.paced.len() >= self.most.max(BUCKETS) {
            self.paced.retain(|_, paced| {
                paced.refill(now);
                paced.driven || paced.left < paced.full()
            });
            self.most = 2 * self.paced.len();
        }
        let paced =
            self.paced.entry(tenant.clone()).or_insert_with(|| Paced::new(rates.of(&tenant.region), now));
        paced.refill(now);
        paced
    }
}

/// What a turn that is about to begin has to do.
enum Admission {
    /// Nothing: it has paid.
    Paid,
    /// To wait until it has. The flag says that nobody lets the tenant's line pass yet.
    Wait(oneshot::Receiver<bool>, bool),
    /// To come back after so many milliseconds.
    Later(i64),
}

/// How an execution waits.
pub(crate) enum Wait {
    /// In the line, until it is let pass (`true`: it has paid) or mail comes for it.
    Line(oneshot::Receiver<bool>),
    /// Out of memory, for so many milliseconds.
    Later(i64),
}

impl Transitions {
    pub(crate) fn new(rates: TransitionRates) -> Self {
        Self { rates, tenants: Mutex::default() }
    }

    fn admit(&self, tenant: &Tenant, id: Id, now: Timestamp) -> Admission {
        let mut tenants = self.tenants.lock();
        let paced = tenants.paced(tenant, &self.rates, now);
        if paced.line.is_empty() && paced.left >= ONE {
            paced.left -= ONE;
            return Admission::Paid;
        }
        if paced.line.len() >= LINE {
            // Its turn comes about then.
            let seconds = paced.line.len() as u64 / u64::from(paced.rate.refill.max(1));
            let spread = u64::from(id.0[id.0.len() - 1]) * 8;
            return Admission::Later(i64::try_from(seconds * 1_000 + 1_000 + spread).unwrap_or(i64::MAX));
        }
        paced.line.push_back(id);
        let undriven = !std::mem::replace(&mut paced.driven, true);
        let (pass, passed) = oneshot::channel();
        tenants.waiting.insert(id, pass);
        Admission::Wait(passed, undriven)
    }

    /// Lets those pass for whom there is something left. Gives how long the next one has to wait, unless there is none.
    fn let_pass(&self, tenant: &Tenant, now: Timestamp) -> Option<Duration> {
        let mut tenants = self.tenants.lock();
        let Tenants { paced, waiting, .. } = &mut *tenants;
        let paced = paced.get_mut(tenant)?;
        paced.refill(now);
        while paced.left >= ONE
            && let Some(next) = paced.line.pop_front()
        {
            // Who left the line doesn't pay.
            if waiting.remove(&next).is_some_and(|pass| pass.send(true).is_ok()) {
                paced.left -= ONE;
            }
        }
        paced.driven = !paced.line.is_empty();
        paced.driven.then(|| Duration::from_millis(paced.wait_millis()))
    }

    /// Lets an execution out of its line for which mail has come.
    pub(crate) fn hurry(&self, id: Id) {
        if let Some(pass) = self.tenants.lock().waiting.remove(&id) {
            // It may have gone by itself.
            let _gone = pass.send(false);
        }
    }

    fn charge(&self, tenant: &Tenant, thousandths: i64, now: Timestamp) {
        let mut tenants = self.tenants.lock();
        let paced = tenants.paced(tenant, &self.rates, now);
        paced.left = paced.left.saturating_sub(thousandths).min(paced.full());
    }

    /// Takes what there is for transitions, up to `most`; nothing while others wait.
    fn reserve(&self, tenant: &Tenant, most: i64, now: Timestamp) -> i64 {
        let mut tenants = self.tenants.lock();
        let paced = tenants.paced(tenant, &self.rates, now);
        let there = if paced.line.is_empty() { paced.left.max(0) / ONE } else { 0 };
        let taken = there.min(most) * ONE;
        paced.left -= taken;
        taken
    }
}

/// Whose transitions an execution makes, if they are counted.
fn payer(loaded: &Loaded) -> Option<Tenant> {
    let info = &loaded.execution.info;
    (loaded.plan.machine_type == MachineType::Standard)
        .then(|| Tenant { account: info.account.clone(), region: info.region.clone() })
}

/// The transitions that a turn made: states that were entered, and attempts that were made again.
fn made(turn: &Turn) -> i64 {
    let entered =
        turn.events.iter().filter(|event| matches!(event.detail, Detail::StateEntered { .. })).count();
    let again = |effect: &&Effect| matches!(effect, Effect::Schedule(task) if task.task.attempt > 0);
    i64::try_from(entered + turn.effects.iter().filter(again).count()).unwrap_or(i64::MAX)
}

impl Inner {
    /// What an execution has to wait for before its next turn; nothing if it has paid by now, or needn't.
    pub(crate) fn must_wait(
        self: &Arc<Self>,
        loaded: &mut Loaded,
        has_mail: impl FnOnce() -> bool,
    ) -> Option<Wait> {
        let transitions = self.transitions.as_ref()?;
        let tenant = payer(loaded)?;
        let admission = transitions.admit(&tenant, loaded.id, self.env.now());
        if !matches!(admission, Admission::Paid) {
            self.observer.throttled(&loaded.execution.info);
        }
        match admission {
            Admission::Paid => {
                loaded.paid = ONE;
                None
            }
            Admission::Later(millis) => Some(Wait::Later(millis)),
            Admission::Wait(passed, undriven) => {
                if undriven {
                    let inner = Arc::clone(self);
                    self.env.spawn(Box::pin(async move { inner.drive(tenant).await }));
                }
                // What came before there was anybody in the line to be let out.
                if has_mail() {
                    transitions.hurry(loaded.id);
                }
                Some(Wait::Line(passed))
            }
        }
    }

    /// Lets a tenant's line pass until nobody is in it.
    async fn drive(self: Arc<Self>, tenant: Tenant) {
        let Some(transitions) = &self.transitions else { return };
        while let Some(wait) = transitions.let_pass(&tenant, self.env.now()) {
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// Pays for a turn, as far as there is something to pay with. Gives the events after which it pauses.
    pub(crate) fn pay(&self, loaded: &mut Loaded) -> usize {
        let most = self.options.turn_events;
        let Some(transitions) = &self.transitions else { return most };
        let Some(tenant) = payer(loaded) else { return most };
        let states = i64::try_from(most / EVENTS).unwrap_or(i64::MAX);
        loaded.paid += transitions.reserve(&tenant, states, self.env.now());
        let events = usize::try_from(loaded.paid / ONE).unwrap_or(usize::MAX).saturating_mul(EVENTS);
        events.clamp(1, most.max(1))
    }

    /// Has a turn's transitions paid for, and puts back what was paid for others.
    pub(crate) fn charge(&self, loaded: &mut Loaded, turn: &Turn) {
        let Some(transitions) = &self.transitions else { return };
        let Some(tenant) = payer(loaded) else { return };
        let paid = std::mem::take(&mut loaded.paid);
        transitions.charge(&tenant, made(turn).saturating_mul(ONE) - paid, self.env.now());
    }
}
