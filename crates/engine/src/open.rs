//! What each account may have open at once in a region: executions, which are counted, and map runs, which hold permits.
//!
//! Both are about right: executions are counted from the store at the start and again every few minutes, and in between moved by
//! what this process starts and closes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use newel_asl::arn::Arn;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::codec::{ExecutionRecord, decode};
use crate::engine::Inner;
use crate::request::Tenant;
use crate::{Error, ErrorKind};

/// How often the counts of open executions are corrected from the store, which a lost shard or a crash between commit and count
/// can put off.
const RECOUNT: Duration = Duration::from_secs(300);
/// Groups of open executions that are read at a time.
const GROUPS: usize = 1_000;
/// Tenants that are kept without looking for those that have nothing open.
const TENANTS: usize = 10_000;

/// Whose something is, by its ARN.
pub(crate) fn tenant_of(arn: &str) -> Option<Tenant> {
    let arn: Arn = arn.parse().ok()?;
    let home = arn.home();
    Some(Tenant { account: home.account.clone(), region: home.region.clone() })
}

/// Something of each tenant. Idle ones are let go when there are many.
#[derive(Debug)]
struct Kept<T> {
    of: HashMap<Tenant, T>,
    /// How many are kept before the idle ones are let go: twice as many as were left the last time.
    most: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), most: TENANTS }
    }
}

impl<T> Kept<T> {
    /// A tenant's entry, made if there is none. Those that `busy` doesn't keep may go for it.
    fn entry(&mut self, tenant: &Tenant, busy: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &T {
        if self.of.len() >= self.most && !self.of.contains_key(tenant) {
            self.of.retain(|_, entry| busy(entry));
            self.most = TENANTS.max(2 * self.of.len());
        }
        self.of.entry(tenant.clone()).or_insert_with(new)
    }
}

/// How many executions are open.
#[derive(Debug, Default)]
pub(crate) struct OpenExecutions {
    all: Arc<AtomicI64>,
    /// Of each tenant. Written to only for a tenant that has none yet: what is counted is counted under the lock for reading.
    tenants: RwLock<Kept<AtomicI64>>,
}

impl OpenExecutions {
    pub(crate) fn of(&self, tenant: &Tenant) -> u64 {
        let open = self.tenants.read().of.get(tenant).map_or(0, |count| count.load(Ordering::Relaxed));
        u64::try_from(open).unwrap_or(0)
    }

    /// Of all tenants, for whoever watches it.
    pub(crate) fn all(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.all)
    }

    /// Counts executions that have become open, or fewer than none that have closed.
    pub(crate) fn add(&self, tenant: &Tenant, more: i64) {
        self.all.fetch_add(more, Ordering::Relaxed);
        if let Some(count) = self.tenants.read().of.get(tenant) {
            count.fetch_add(more, Ordering::Relaxed);
            return;
        }
        let busy = |count: &AtomicI64| count.load(Ordering::Relaxed) != 0;
        self.tenants.write().entry(tenant, busy, AtomicI64::default).fetch_add(more, Ordering::Relaxed);
    }

    fn set(&self, counted: HashMap<Tenant, i64>) {
        self.all.store(counted.values().sum(), Ordering::Relaxed);
        let of = counted.into_iter().map(|(tenant, open)| (tenant, AtomicI64::new(open))).collect();
        self.tenants.write().of = of;
    }
}

/// Who may have children of map runs at once.
#[derive(Debug)]
pub(crate) struct MapRunPermits {
    each: usize,
    tenants: Mutex<Kept<Arc<Semaphore>>>,
}

impl MapRunPermits {
    /// So many runs of each tenant.
    pub(crate) fn new(each: u64) -> Self {
        let each = usize::try_from(each).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { each, tenants: Mutex::default() }
    }

    /// The permits of a tenant. They are kept for as long as somebody has or waits for one.
    pub(crate) fn of(&self, tenant: &Tenant) -> Arc<Semaphore> {
        let busy = |permits: &Arc<Semaphore>| Arc::strong_count(permits) > 1;
        Arc::clone(self.tenants.lock().entry(tenant, busy, || Arc::new(Semaphore::new(self.each))))
    }
}

impl Inner {
    /// Refuses one open execution more than an account may have in a region.
    pub(crate) fn check_open(&self, tenant: &Tenant) -> Result<(), Error> {
        let open = self.open.of(tenant);
        if open < self.limits.open_executions {
            return Ok(());
        }
        let message = format!("Execution Limit Exceeded: there are {open} open executions");
        Err(Error::new(ErrorKind::ExecutionLimitExceeded, message))
    }

    /// Counts the open executions of all tenants from the store.
    pub(crate) async fn count_open(&self) -> Result<(), Error> {
        let mut counted = HashMap::new();
        let mut after = None;
        loop {
            let groups = self.store.open_groups(after, GROUPS).await?;
            let Some(last) = groups.last() else { break };
            after = Some(last.machine);
            for group in groups {
                let record = decode::<ExecutionRecord>(&group.record);
                let Some(tenant) = record.ok().and_then(|record| tenant_of(&record.arn)) else {
                    tracing::error!(of = %group.machine, "open executions are counted as nobody's");
                    continue;
                };
                *counted.entry(tenant).or_insert(0) += i64::try_from(group.open).unwrap_or(i64::MAX);
            }
        }
        self.open.set(counted);
        Ok(())
    }

    /// Corrects the counts again and again. Ends with the engine.
    pub(crate) async fn run_recount(self: Arc<Self>) {
        while self.stop.run_until_cancelled(tokio::time::sleep(RECOUNT)).await.is_some() {
            if let Err(error) = self.count_open().await {
                tracing::warn!(%error, "open executions will be counted later");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> Tenant {
        Tenant { account: format!("{number:012}").into(), region: "us-east-1".into() }
    }

    #[test]
    fn each_tenant_is_counted_by_itself() {
        let open = OpenExecutions::default();
        open.add(&tenant(1), 1);
        open.add(&tenant(1), 1);
        open.add(&tenant(2), 1);
        open.add(&tenant(1), -1);
        assert_eq!([open.of(&tenant(1)), open.of(&tenant(2)), open.of(&tenant(3))], [1, 1, 0]);
        assert_eq!(open.all().load(Ordering::Relaxed), 2);
        open.set(HashMap::from([(tenant(3), 7)]));
        assert_eq!([open.of(&tenant(1)), open.of(&tenant(3))], [0, 7]);
        assert_eq!(open.all().load(Ordering::Relaxed), 7);
    }

    #[test]
    fn who_has_nothing_open_is_forgotten() {
        let open = OpenExecutions::default();
        open.add(&tenant(0), 1);
        for number in 1..3 * TENANTS {
            open.add(&tenant(number), 1);
            open.add(&tenant(number), -1);
        }
        assert!(open.tenants.read().of.len() <= TENANTS);
        assert_eq!(open.of(&tenant(0)), 1);
    }

    #[test]
    fn permits_are_each_tenants_own_and_last_while_they_are_held() {
        let permits = MapRunPermits::new(1);
        let held = permits.of(&tenant(0)).try_acquire_owned().expect("one is there");
        for number in 1..3 * TENANTS {
            assert!(permits.of(&tenant(number)).try_acquire_owned().is_ok());
        }
        assert!(permits.tenants.lock().of.len() <= TENANTS);
        assert!(permits.of(&tenant(0)).try_acquire_owned().is_err());
        drop(held);
        assert!(permits.of(&tenant(0)).try_acquire_owned().is_ok());
    }
}
