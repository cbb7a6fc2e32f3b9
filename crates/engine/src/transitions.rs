//! The rate of state transitions: a token bucket for each account and region, as AWS has it
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-state-throttling>).
//!
//! Nothing fails by it; executions go slower. What a turn makes is known only afterwards, so a turn pays one transition when it
//! begins and the others when it has been evaluated, and a bucket may be in debt by what the turns under way have made. A turn
//! that finds its tenant's bucket empty waits in the tenant's line, in which the one task of that tenant lets as many pass at a
//! time as there are transitions. A start doesn't wait: where there is nothing left its first turn ends with its first
//! event. Neither does a stop. Express executions have no such limit.

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
const ONE: i64 = 1_000;

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

    /// Lets an execution out of its line, which is to be stopped.
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

    fn has_none(&self, tenant: &Tenant, now: Timestamp) -> bool {
        let mut tenants = self.tenants.lock();
        let paced = tenants.paced(tenant, &self.rates, now);
        !paced.line.is_empty() || paced.left < ONE
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
    /// What an execution has to wait for before its next turn, which says whether it has paid then; nothing if it has by now, or
    /// needn't.
    pub(crate) fn must_wait(
        self: &Arc<Self>,
        loaded: &mut Loaded,
        is_stopped: impl FnOnce() -> bool,
    ) -> Option<oneshot::Receiver<bool>> {
        let transitions = self.transitions.as_ref()?;
        let tenant = payer(loaded)?;
        match transitions.admit(&tenant, loaded.id, self.env.now()) {
            Admission::Paid => {
                loaded.paid = true;
                None
            }
            Admission::Wait(passed, undriven) => {
                if undriven {
                    let inner = Arc::clone(self);
                    self.env.spawn(Box::pin(async move { inner.drive(tenant).await }));
                }
                // One that came before there was anybody in the line to be let out.
                if is_stopped() {
                    transitions.hurry(loaded.id);
                }
                Some(passed)
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

    /// Events after which a turn pauses: the first, where it hasn't paid and nothing is left.
    pub(crate) fn turn_events(&self, loaded: &Loaded) -> usize {
        let Some(transitions) = self.transitions.as_ref().filter(|_| !loaded.paid) else {
            return self.options.turn_events;
        };
        let is_poor = payer(loaded).is_some_and(|tenant| transitions.has_none(&tenant, self.env.now()));
        if is_poor { 1 } else { self.options.turn_events }
    }

    /// Has a turn paid for.
    pub(crate) fn charge(&self, loaded: &mut Loaded, turn: &Turn) {
        let Some(transitions) = &self.transitions else { return };
        let Some(tenant) = payer(loaded) else { return };
        let paid = if std::mem::take(&mut loaded.paid) { ONE } else { 0 };
        transitions.charge(&tenant, made(turn).saturating_mul(ONE) - paid, self.env.now());
    }
}
