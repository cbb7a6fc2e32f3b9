//! Throttling: a token bucket for each account, region and operation, as AWS has it
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-action-throttling-general>).
//!
//! Buckets are in memory, of this process alone: several replicas let through as many times as much. The buckets that were asked
//! last are kept; one that is let go was asked so long ago that it is full again, or it stands behind ten thousand busier ones.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use newel_asl::Timestamp;
use newel_engine::request::Tenant;
use newel_engine::{TransitionRate, TransitionRates};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::model::Operation;
use crate::refusal::Refusal;

/// Buckets that are kept.
const BUCKETS: usize = 10_000;
/// The regions to which AWS gives more.
const LARGE_REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];
/// What starts of Express executions are counted under: their bucket is not that of Standard ones.
const START_EXPRESS: &str = "StartExpressExecution";

/// Section `[throttling]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttling {
    /// Whether calls are throttled at all. Default false.
    pub enabled: bool,
    /// Rates by operation, in place of AWS's: `[throttling.operations.StartExecution]` with `bucket` and `refill`. The name
    /// `StartExpressExecution` is that of StartExecution on Express state machines.
    pub operations: BTreeMap<String, Rate>,
    /// State transitions of Standard executions, in place of AWS's 5,000 at once and a second in its large regions and 800
    /// elsewhere. Who makes more isn't refused; executions go slower.
    pub transitions: Option<Rate>,
}

/// How many calls, or state transitions, are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls that may come at once, at least 1.
    pub bucket: u32,
    /// Calls a second from then on, at least 1.
    pub refill: u32,
}

impl Throttling {
    /// The first thing wrong with it.
    ///
    /// # Errors
    /// A rate is set for what is no operation, or lets nothing through.
    pub fn check(&self) -> Result<(), String> {
        for (name, rate) in &self.operations {
            if name != START_EXPRESS && Operation::parse(name).is_none() {
                return Err(format!("throttling.operations.{name}: there is no such operation"));
            }
            if rate.bucket == 0 || rate.refill == 0 {
                return Err(format!("throttling.operations.{name}: bucket and refill must not be 0"));
            }
        }
        if self.transitions.is_some_and(|rate| rate.bucket == 0 || rate.refill == 0) {
            return Err("throttling.transitions: bucket and refill must not be 0".to_owned());
        }
        Ok(())
    }

    /// The rates of state transitions, if they are limited.
    #[must_use]
    pub fn transition_rates(&self) -> Option<TransitionRates> {
        let rate = |Rate { bucket, refill }| TransitionRate { bucket, refill };
        let (large, elsewhere) = TRANSITIONS;
        self.enabled.then(|| match self.transitions {
            Some(set) => TransitionRates { usual: rate(set), regions: BTreeMap::new() },
            None => TransitionRates {
                usual: rate(elsewhere),
                regions: LARGE_REGIONS.map(|region| (region.into(), rate(large))).into(),
            },
        })
    }
}

/// The state transitions that AWS lets through: in its large regions, and elsewhere.
const TRANSITIONS: (Rate, Rate) = (rate(5_000, 5_000), rate(800, 800));

const fn rate(bucket: u32, refill: u32) -> Rate {
    Rate { bucket, refill }
}

/// What AWS lets through: in its large regions, and elsewhere.
const fn documented(operation: Operation) -> (Rate, Rate) {
    use Operation as O;
    match operation {
        O::StartExecution | O::RedriveExecution => (rate(1_300, 300), rate(800, 150)),
        O::StartSyncExecution => (rate(6_000, 6_000), rate(6_000, 6_000)),
        O::StopExecution => (rate(1_000, 200), rate(500, 25)),
        O::SendTaskSuccess | O::SendTaskFailure | O::SendTaskHeartbeat | O::GetActivityTask => {
            (rate(3_000, 500), rate(1_500, 300))
        }
        O::DescribeExecution => (rate(300, 15), rate(250, 10)),
        O::GetExecutionHistory => (rate(400, 20), rate(400, 20)),
        O::ListExecutions => (rate(200, 5), rate(100, 2)),
        O::DescribeStateMachine => (rate(200, 20), rate(200, 20)),
        O::ListStateMachines => (rate(100, 5), rate(100, 5)),
        O::ListActivities => (rate(100, 10), rate(100, 5)),
        O::TestState => (rate(1, 1), rate(1, 1)),
        O::DescribeActivity
        | O::DescribeMapRun
        | O::DescribeStateMachineAlias
        | O::DescribeStateMachineForExecution
        | O::TagResource
        | O::UntagResource => (rate(200, 1), rate(200, 1)),
        O::CreateActivity
        | O::CreateStateMachine
        | O::CreateStateMachineAlias
        | O::DeleteActivity
        | O::DeleteStateMachine
        | O::DeleteStateMachineAlias
        | O::DeleteStateMachineVersion
        | O::ListMapRuns
        | O::ListStateMachineAliases
        | O::ListStateMachineVersions
        | O::ListTagsForResource
        | O::PublishStateMachineVersion
        | O::UpdateMapRun
        | O::UpdateStateMachine
        | O::UpdateStateMachineAlias
        | O::ValidateStateMachineDefinition => (rate(100, 1), rate(100, 1)),
    }
}

/// Lets calls through, or not. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Throttle(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    set: BTreeMap<String, Rate>,
    buckets: Mutex<LruCache<(Tenant, &'static str), Bucket>>,
}

/// What is left in a bucket, in thousandths of a call.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at: Timestamp,
}

const CALL: u64 = 1_000;

impl Bucket {
    /// Takes a call out of the bucket, if one is in it.
    fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        // A clock that was set back refills nothing.
        let millis = u64::try_from(now.as_millis().saturating_sub(self.at.as_millis())).unwrap_or(0);
        // A thousandth of a call a millisecond is a call a second.
        let more = millis.saturating_mul(rate.refill.into());
        self.left = self.left.saturating_add(more).min(u64::from(rate.bucket) * CALL);
        self.at = now;
        let is_there = self.left >= CALL;
        self.left -= if is_there { CALL } else { 0 };
        is_there
    }
}

impl Throttle {
    /// # Errors
    /// [`Error::Throttling`] when the rates can't be used.
    pub(crate) fn new(options: Throttling) -> Result<Self, Error> {
        options.check().map_err(Error::Throttling)?;
        let most = NonZeroUsize::new(BUCKETS).unwrap_or(NonZeroUsize::MIN);
        let inner = Inner { set: options.operations, buckets: Mutex::new(LruCache::new(most)) };
        Ok(Self(options.enabled.then(|| Arc::new(inner))))
    }

    /// Lets everything through.
    pub(crate) const fn off() -> Self {
        Self(None)
    }

    /// Whether calls are throttled at all.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Lets a call through or refuses it. `express` says that it starts an Express execution.
    pub(crate) fn admit(
        &self,
        tenant: &Tenant,
        operation: Operation,
        express: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let (large, elsewhere) = documented(if express { Operation::StartSyncExecution } else { operation });
        let documented = if LARGE_REGIONS.contains(&&*tenant.region) { large } else { elsewhere };
        let name = if express { START_EXPRESS } else { operation.name() };
        let rate = inner.set.get(name).copied().unwrap_or(documented);
        // What is in it is right at every moment, so it doesn't matter if somebody panicked while holding it.
        let mut buckets = inner.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = || Bucket { left: u64::from(rate.bucket) * CALL, at: now };
        if buckets.get_or_insert_mut((tenant.clone(), name), full).take(rate, now) {
            return Ok(());
        }
        Err(Refusal::new("ThrottlingException", "Rate exceeded"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(account: &str, region: &str) -> Tenant {
        Tenant { account: account.into(), region: region.into() }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn on(operations: &[(&str, Rate)]) -> Throttle {
        let operations = operations.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
        Throttle::new(Throttling { enabled: true, operations, transitions: None }).unwrap()
    }

    /// How many of `calls` calls at that moment are let through.
    fn admitted(
        throttle: &Throttle,
        tenant: &Tenant,
        operation: Operation,
        calls: usize,
        now: Timestamp,
    ) -> usize {
        (0..calls).filter(|_| throttle.admit(tenant, operation, false, now).is_ok()).count()
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let throttle = on(&[("ListExecutions", rate(5, 2))]);
        let tenant = tenant("1", "us-east-1");
        let admitted = |millis| admitted(&throttle, &tenant, Operation::ListExecutions, 10, at(millis));
        assert_eq!([admitted(0), admitted(400), admitted(500), admitted(2_000)], [5, 0, 1, 3]);
        assert_eq!(
            [admitted(60_000), admitted(-60_000), admitted(60_000)],
            [5, 0, 5],
            "no more than it holds"
        );
    }

    #[test]
    fn buckets_are_those_of_an_account_a_region_and_an_operation() {
        let throttle = on(&[("ListExecutions", rate(1, 1)), ("StartExpressExecution", rate(2, 1))]);
        let list = Operation::ListExecutions;
        for tenant in [tenant("1", "us-east-1"), tenant("2", "us-east-1"), tenant("1", "eu-west-1")] {
            assert_eq!(admitted(&throttle, &tenant, list, 3, at(0)), 1);
        }
        let tenant = tenant("1", "us-east-1");
        assert_eq!(admitted(&throttle, &tenant, Operation::StartExecution, 2_000, at(0)), 1_300);
        let express = |_: &i32| throttle.admit(&tenant, Operation::StartExecution, true, at(0)).is_ok();
        assert_eq!((0..9).filter(express).count(), 2);
    }

    #[test]
    fn large_regions_let_more_through() {
        let throttle = on(&[]);
        let admitted =
            |region| admitted(&throttle, &tenant("1", region), Operation::StopExecution, 2_000, at(0));
        assert_eq!((admitted("us-west-2"), admitted("eu-central-1")), (1_000, 500));
    }

    #[test]
    fn transitions_have_the_regions_rate_unless_another_is_set() {
        assert_eq!(Throttling::default().transition_rates(), None);
        let on = Throttling { enabled: true, ..Throttling::default() };
        let rates = on.transition_rates().unwrap();
        assert_eq!((rates.usual.bucket, rates.regions.len()), (800, 3));
        assert_eq!(rates.regions["eu-west-1"], TransitionRate { bucket: 5_000, refill: 5_000 });
        let set = Throttling { transitions: Some(rate(9, 3)), ..on }.transition_rates().unwrap();
        assert_eq!((set.usual, set.regions.len()), (TransitionRate { bucket: 9, refill: 3 }, 0));
    }

    #[test]
    fn it_is_off_unless_told_and_refuses_names_and_rates_that_mean_nothing() {
        let off = Throttle::new(Throttling::default()).unwrap();
        assert_eq!(admitted(&off, &tenant("1", "r"), Operation::TestState, 1_000, at(0)), 1_000);
        for (name, rate) in
            [("StartExecutions", rate(1, 1)), ("StartExecution", rate(0, 1)), ("TestState", rate(1, 0))]
        {
            let operations = BTreeMap::from([(name.to_owned(), rate)]);
            let options = Throttling { enabled: false, operations, transitions: None };
            assert!(Throttle::new(options).is_err(), "{name}");
        }
        for transitions in [rate(0, 1), rate(1, 0)] {
            assert!(Throttling { transitions: Some(transitions), ..Throttling::default() }.check().is_err());
        }
    }
}
