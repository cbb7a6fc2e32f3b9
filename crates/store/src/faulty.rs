//! A store that delays, fences, loses answers and fills up, by a script or by chance.
//!
//! It keeps the contract of [`Store`]: what it does is what a slow disk, a second owner, a lost connection or a full
//! volume would do, so an engine that goes wrong on it would go wrong in production.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_asl::timestamp::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    ArnKey, Commit, EntitiesPage, EntityKind, EntityRow, Epoch, Error, ExecutionRow, ExecutionsPage,
    FrameRow, HistoryOrder, HistoryRow, Id, MachineRow, MachinesPage, OpenGroup, OutboxKey, OutboxRow,
    Outcome, Record, Rejection, Result, RevisionRow, ShardId, Store, TagRow,
};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A commit or read takes that much longer.
    Delay(Duration),
    /// Another owner took the shards of a batch just before it: its commits answer `Fenced`, and so do all later ones
    /// until the shards are acquired again.
    Fenced,
    /// The answer to a batch is lost.
    Unknown {
        /// Whether the batch was applied.
        applied: bool,
    },
    /// From this batch on and for that long there is no room.
    Full(Duration),
    /// A read, an acquisition or the keeping of a setting fails.
    Unavailable,
}

impl Fault {
    /// Whether the fault can happen to a commit (otherwise: to what isn't a commit).
    const fn hits(self, commit: bool) -> bool {
        match self {
            Self::Delay(_) => true,
            Self::Fenced | Self::Unknown { .. } | Self::Full(_) => commit,
            Self::Unavailable => !commit,
        }
    }
}

/// How likely each fault is, as a share of the calls that it can happen to, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultOdds {
    /// Of a delay, evenly spread up to [`Self::longest_delay`].
    pub delay: f64,
    /// The longest delay.
    pub longest_delay: Duration,
    /// Of [`Fault::Fenced`].
    pub fenced: f64,
    /// Of [`Fault::Unknown`], applied or not with equal odds.
    pub unknown: f64,
    /// Of [`Fault::Full`], for [`Self::full_for`].
    pub full: f64,
    /// How long a full store stays full.
    pub full_for: Duration,
    /// Of [`Fault::Unavailable`].
    pub unavailable: f64,
}

/// A store with faults. All chance comes from one seed, and all waiting from the runtime's clock, so that under a
/// paused single-threaded runtime a seed reproduces a run.
#[derive(Debug)]
pub struct FaultyStore<S: ?Sized> {
    faults: Mutex<Faults>,
    /// Commits pass one by one: a delayed one must not be overtaken.
    line: tokio::sync::Mutex<()>,
    inner: Arc<S>,
}

#[derive(Debug)]
struct Faults {
    rng: fastrand::Rng,
    odds: FaultOdds,
    script: VecDeque<Fault>,
    full_until: Option<Instant>,
}

impl<S: Store + ?Sized> FaultyStore<S> {
    /// A store over `inner` that fails by chance as `odds` say.
    pub fn new(inner: Arc<S>, seed: u64, odds: FaultOdds) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        let faults = Faults { rng, odds, script: VecDeque::new(), full_until: None };
        Self { faults: Mutex::new(faults), line: tokio::sync::Mutex::new(()), inner }
    }

    /// Adds to the script. A call takes the first faults of the script that can happen to it: any number of delays
    /// up to and including one other fault. What the script holds comes before chance.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().script.extend(faults);
    }

    /// Changes the odds, to end a simulation in quiet for instance.
    pub fn set_odds(&self, odds: FaultOdds) {
        self.faults.lock().odds = odds;
    }

    /// The store underneath.
    pub fn inner(&self) -> &Arc<S> {
        &self.inner
    }

    async fn before_read(&self) -> Result<()> {
        let (delay, fault, _) = self.faults.lock().draw(false);
        pause(delay).await;
        match fault {
            Some(Fault::Unavailable) => Err(Error::Unavailable("a fault was injected".into())),
            _ => Ok(()),
        }
    }

    /// Another owner takes the shards of a batch, so that what follows is fenced until they are acquired again.
    async fn usurp(&self, shards: &BTreeSet<ShardId>) {
        let known: Vec<ShardId> =
            shards.iter().copied().filter(|shard| shard.0 < self.inner.shard_count()).collect();
        // The store underneath may itself be unavailable: then nobody could take the shards, and they stay.
        let _ = self.inner.acquire(&known).await;
    }

    async fn faulty_commit(&self, batch: Vec<Commit>, fault: Option<Fault>) -> Vec<Outcome> {
        let shards: BTreeSet<ShardId> = batch.iter().map(|commit| commit.shard).collect();
        let size = batch.len();
        match fault {
            _ if self.faults.lock().is_full() => vec![Outcome::Rejected(Rejection::Full); size],
            Some(Fault::Fenced) => {
                self.usurp(&shards).await;
                self.inner.commit(batch).await
            }
            Some(Fault::Unknown { applied }) => {
                if applied {
                    self.inner.commit(batch).await;
                }
                self.usurp(&shards).await;
                vec![Outcome::Unknown("a fault was injected".into()); size]
            }
            _ => self.inner.commit(batch).await,
        }
    }
}

impl Faults {
    /// What happens to the next call: a delay, a fault, and whether the delay comes before the call or after it.
    fn draw(&mut self, commit: bool) -> (Duration, Option<Fault>, bool) {
        let (mut delay, mut fault) = self.scripted(commit);
        if delay.is_zero() && fault.is_none() {
            (delay, fault) = self.by_chance(commit);
        }
        if let Some(Fault::Full(time)) = fault {
            self.full_until = Some(Instant::now() + time);
        }
        (delay, fault, self.rng.bool())
    }

    fn scripted(&mut self, commit: bool) -> (Duration, Option<Fault>) {
        let mut delay = Duration::ZERO;
        while let Some(at) = self.script.iter().position(|fault| fault.hits(commit)) {
            match self.script.remove(at) {
                Some(Fault::Delay(time)) => delay += time,
                other => return (delay, other),
            }
        }
        (delay, None)
    }

    fn by_chance(&mut self, commit: bool) -> (Duration, Option<Fault>) {
        let FaultOdds { delay, longest_delay, fenced, unknown, full, full_for, unavailable } = self.odds;
        let time = if self.happens(delay) { longest_delay.mul_f64(self.rng.f64()) } else { Duration::ZERO };
        let fault = if !commit {
            self.happens(unavailable).then_some(Fault::Unavailable)
        } else if self.happens(fenced) {
            Some(Fault::Fenced)
        } else if self.happens(unknown) {
            Some(Fault::Unknown { applied: self.rng.bool() })
        } else {
            self.happens(full).then_some(Fault::Full(full_for))
        };
        (time, fault)
    }

    fn happens(&mut self, odds: f64) -> bool {
        odds > 0.0 && self.rng.f64() < odds
    }

    fn is_full(&self) -> bool {
        self.full_until.is_some_and(|until| Instant::now() < until)
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for FaultyStore<S> {
    fn shard_count(&self) -> u16 {
        self.inner.shard_count()
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Epoch>> {
        self.before_read().await?;
        self.inner.acquire(shards).await
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Outcome> {
        let (delay, fault, late) = self.faults.lock().draw(true);
        let outcomes = {
            let _turn = self.line.lock().await;
            pause(if late { Duration::ZERO } else { delay }).await;
            self.faulty_commit(batch, fault).await
        };
        pause(if late { delay } else { Duration::ZERO }).await;
        outcomes
    }

    async fn has_room(&self) -> bool {
        !self.faults.lock().is_full() && self.inner.has_room().await
    }

    async fn machine(&self, arn: ArnKey) -> Result<Option<MachineRow>> {
        self.before_read().await?;
        self.inner.machine(arn).await
    }

    async fn entity(&self, arn: ArnKey) -> Result<Option<EntityRow>> {
        self.before_read().await?;
        self.inner.entity(arn).await
    }

    async fn entities(&self, page: EntitiesPage) -> Result<Vec<EntityRow>> {
        self.before_read().await?;
        self.inner.entities(page).await
    }

    async fn machines(&self, page: MachinesPage) -> Result<Vec<MachineRow>> {
        self.before_read().await?;
        self.inner.machines(page).await
    }

    async fn machine_count(&self, account: &str, region: &str) -> Result<u64> {
        self.before_read().await?;
        self.inner.machine_count(account, region).await
    }

    async fn entity_count(&self, kind: EntityKind, list: ArnKey) -> Result<u64> {
        self.before_read().await?;
        self.inner.entity_count(kind, list).await
    }

    async fn revision(&self, machine: Id, revision: Id) -> Result<Option<RevisionRow>> {
        self.before_read().await?;
        self.inner.revision(machine, revision).await
    }

    async fn execution(&self, id: Id) -> Result<Option<ExecutionRow>> {
        self.before_read().await?;
        self.inner.execution(id).await
    }

    async fn execution_by_arn(&self, arn: ArnKey) -> Result<Option<ExecutionRow>> {
        self.before_read().await?;
        self.inner.execution_by_arn(arn).await
    }

    async fn executions(&self, page: ExecutionsPage) -> Result<Vec<ExecutionRow>> {
        self.before_read().await?;
        self.inner.executions(page).await
    }

    async fn frames(&self, execution: Id) -> Result<Vec<FrameRow>> {
        self.before_read().await?;
        self.inner.frames(execution).await
    }

    async fn history(
        &self,
        execution: Id,
        from: u64,
        order: HistoryOrder,
        limit: usize,
    ) -> Result<Vec<HistoryRow>> {
        self.before_read().await?;
        self.inner.history(execution, from, order, limit).await
    }

    async fn due(
        &self,
        shard: ShardId,
        until: Timestamp,
        after: Option<(Timestamp, Id)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Id)>> {
        self.before_read().await?;
        self.inner.due(shard, until, after, limit).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        after: Option<&OutboxKey>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>> {
        self.before_read().await?;
        self.inner.outbox(shard, after, limit).await
    }

    async fn outbox_row(&self, shard: ShardId, key: &OutboxKey) -> Result<Option<OutboxRow>> {
        self.before_read().await?;
        self.inner.outbox_row(shard, key).await
    }

    async fn expired(&self, shard: ShardId, before: Timestamp, limit: usize) -> Result<Vec<Id>> {
        self.before_read().await?;
        self.inner.expired(shard, before, limit).await
    }

    async fn open_executions(&self, machine: Option<Id>) -> Result<u64> {
        self.before_read().await?;
        self.inner.open_executions(machine).await
    }

    async fn open_groups(&self, after: Option<Id>, limit: usize) -> Result<Vec<OpenGroup>> {
        self.before_read().await?;
        self.inner.open_groups(after, limit).await
    }

    async fn tags(&self, resource: ArnKey) -> Result<Vec<TagRow>> {
        self.before_read().await?;
        self.inner.tags(resource).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Record>> {
        self.before_read().await?;
        self.inner.setting(name).await
    }

    async fn keep_setting(&self, name: &str, record: Record) -> Result<Record> {
        self.before_read().await?;
        self.inner.keep_setting(name, record).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, Op, contract};

    const SHARD: ShardId = ShardId(0);

    fn quiet() -> FaultyStore<MemoryStore> {
        FaultyStore::new(Arc::new(MemoryStore::new(2)), 1, FaultOdds::default())
    }

    fn put(epoch: Epoch, key: u8) -> Vec<Commit> {
        let row = OutboxRow { shard: SHARD, key: Arc::from([key]), record: Record::from([]) };
        vec![Commit { shard: SHARD, epoch, ops: vec![Op::PutOutbox(row)] }]
    }

    async fn own(store: &impl Store) -> Epoch {
        store.acquire(&[SHARD]).await.unwrap()[0]
    }

    async fn stored(store: &FaultyStore<MemoryStore>) -> usize {
        store.inner().outbox(SHARD, None, 99).await.unwrap().len()
    }

    #[tokio::test]
    async fn keeps_the_contract_without_faults() {
        contract::run(async || Arc::new(quiet()) as Arc<dyn Store>).await;
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_contract_while_it_delays() {
        let odds = FaultOdds { delay: 0.5, longest_delay: Duration::from_secs(9), ..FaultOdds::default() };
        let make =
            async || Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(2)), 7, odds)) as Arc<dyn Store>;
        contract::run(make).await;
    }

    #[tokio::test(start_paused = true)]
    async fn follows_its_script() {
        let unknown = Outcome::Unknown("a fault was injected".into());
        for (fault, outcome, applied, fenced_after) in [
            (Fault::Delay(Duration::from_secs(5)), Outcome::Committed, 1, false),
            (Fault::Fenced, Outcome::Fenced, 0, true),
            (Fault::Unknown { applied: true }, unknown.clone(), 1, true),
            (Fault::Unknown { applied: false }, unknown, 0, true),
            (Fault::Full(Duration::from_secs(5)), Outcome::Rejected(Rejection::Full), 0, false),
        ] {
            let store = quiet();
            let epoch = own(&store).await;
            store.script([fault]);
            let began = Instant::now();
            assert_eq!(store.commit(put(epoch, 1)).await, [outcome], "{fault:?}");
            assert_eq!(stored(&store).await, applied, "{fault:?}");
            assert_eq!(began.elapsed().as_secs(), if matches!(fault, Fault::Delay(_)) { 5 } else { 0 });
            let full = matches!(fault, Fault::Full(_));
            assert_eq!(store.has_room().await, !full);
            pause(Duration::from_secs(5)).await;
            assert!(store.has_room().await);
            // STO-6: the owner must take the shard again.
            let after = if fenced_after { Outcome::Fenced } else { Outcome::Committed };
            assert_eq!(store.commit(put(epoch, 2)).await, [after], "{fault:?}");
            let epoch = own(&store).await;
            assert_eq!(store.commit(put(epoch, 3)).await, [Outcome::Committed], "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_read_takes_only_what_can_happen_to_it() {
        let store = quiet();
        store.script([Fault::Fenced, Fault::Unavailable]);
        assert!(matches!(store.setting("s").await, Err(Error::Unavailable(_))));
        assert_eq!(store.setting("s").await, Ok(None));
        let epoch = own(&store).await;
        assert_eq!(store.commit(put(epoch, 1)).await, [Outcome::Fenced]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_seed_gives_the_same_faults_again() {
        async fn outcomes(seed: u64) -> Vec<Vec<Outcome>> {
            let odds = FaultOdds {
                delay: 0.3,
                longest_delay: Duration::from_millis(50),
                fenced: 0.1,
                unknown: 0.1,
                full: 0.05,
                full_for: Duration::from_millis(80),
                unavailable: 0.0,
            };
            let store = FaultyStore::new(Arc::new(MemoryStore::new(1)), seed, odds);
            let mut all = Vec::new();
            for key in 0..200 {
                let epoch = own(&store).await;
                all.push(store.commit(put(epoch, key)).await);
            }
            all
        }
        let first = outcomes(3).await;
        assert_eq!(outcomes(3).await, first);
        assert_ne!(outcomes(4).await, first);
        for kind in [Outcome::Fenced, Outcome::Committed, Outcome::Rejected(Rejection::Full)] {
            assert!(first.contains(&vec![kind.clone()]), "{kind:?}");
        }
    }
}
