//! Compiled revisions, in memory.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use lru::LruCache;
use newel_asl::Diagnostics;
use newel_asl::catalog::ResourceCatalog;
use newel_asl::limits::Limits;
use newel_asl::plan::Plan;
use newel_machine::child_plan;
use newel_store::Id;
use newel_value::Str;
use newel_vault::Sealing;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::activities::NamedActivities;
use crate::codec::RevisionRecord;
use crate::engine::Inner;
use crate::logging::Logging;
use crate::map_runs::Child;
use crate::request::{MachineType, ValidateDefinition};
use crate::{Error, ErrorKind};

/// A compiled revision, what else its executions go by, and how long its turns take.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) plan: Plan,
    /// The role that the revision's executions run under.
    pub(crate) role_arn: Str,
    pub(crate) machine_type: MachineType,
    pub(crate) logging: Logging,
    pub(crate) activities: NamedActivities,
    /// The key that what its executions store is sealed under.
    pub(crate) sealing: Option<Sealing>,
    pub(crate) pace: Pace,
    /// What the children of its distributed Maps run, by the Map's name.
    pub(crate) children: HashMap<Str, Arc<Self>>,
}

impl Compiled {
    fn new(plan: Plan, revision: &RevisionRecord, sealing: Option<Sealing>, limits: &Limits) -> Self {
        let child = |name: &Str| {
            let (.., distributed) = plan.distributed_map(name)?;
            let machine_type = distributed.execution_type;
            // Children are durable whatever their type; how long an Express one may take is its type's.
            let child = Self::alone(child_plan(&plan, name, limits)?, revision, sealing.clone());
            Some((name.clone(), Arc::new(Self { machine_type, ..child })))
        };
        let children = plan.distributed.keys().filter_map(child).collect();
        Self { children, ..Self::alone(plan, revision, sealing.clone()) }
    }

    /// A plan without what the children of its distributed Maps run.
    fn alone(plan: Plan, revision: &RevisionRecord, sealing: Option<Sealing>) -> Self {
        Self {
            role_arn: revision.role_arn.clone(),
            machine_type: revision.machine_type,
            logging: Logging::of(&revision.configuration),
            activities: NamedActivities::of(&plan, &revision.machine_arn),
            plan,
            sealing,
            pace: Pace::default(),
            children: HashMap::new(),
        }
    }
}

/// How long the turns of a revision have taken lately. Brief ones needn't be moved to another thread, which costs more than
/// they do; a revision earns that by some brief turns, and one long one loses it for many more.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicI32);

impl Pace {
    const BRISK: i32 = 3;
    const SLOW: i32 = -1_000;

    pub(crate) fn is_brisk(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::BRISK
    }

    /// Counts a turn. What turns of other executions count at the same moment may be lost, which does no harm.
    pub(crate) fn took(&self, brief: bool) {
        match (brief, self.0.load(Ordering::Relaxed)) {
            (false, _) => self.0.store(Self::SLOW, Ordering::Relaxed),
            (true, count) if count < Self::BRISK => self.0.store(count + 1, Ordering::Relaxed),
            (true, _) => {}
        }
    }
}

/// Plans by state machine and revision. A revision never changes, so neither does its plan.
#[derive(Debug)]
pub(crate) struct Plans(Mutex<LruCache<(Id, Id), Arc<Compiled>>>);

impl Plans {
    pub(crate) fn new(count: usize) -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))))
    }

    fn get(&self, machine: Id, revision: Id) -> Option<Arc<Compiled>> {
        self.0.lock().get(&(machine, revision)).cloned()
    }

    /// Forgets all of them: what resources are has changed.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    pub(crate) fn put(&self, machine: Id, revision: Id, plan: Arc<Compiled>) {
        self.0.lock().put((machine, revision), plan);
    }
}

impl Inner {
    /// The plan of a revision.
    pub(crate) async fn plan(&self, machine: Id, revision: Id) -> Result<Arc<Compiled>, Error> {
        if let Some(plan) = self.plans.get(machine, revision) {
            return Ok(plan);
        }
        let record = self.revision(machine, revision).await?;
        let catalog = self.catalog.for_accepted().unwrap_or_else(|| Arc::clone(&self.catalog));
        let plan = self.compile_with(&record, catalog).await.map_err(|why| match why.kind {
            ErrorKind::InvalidDefinition => {
                Error::new(ErrorKind::Internal, format!("a stored definition no longer compiles: {why}"))
            }
            _ => why,
        })?;
        self.plans.put(machine, revision, Arc::clone(&plan));
        Ok(plan)
    }

    /// The plan of an execution: of a revision, or of the part of it that a child of a map run runs.
    pub(crate) async fn plan_of(
        &self,
        machine: Id,
        revision: Id,
        child: Option<&Child>,
    ) -> Result<Arc<Compiled>, Error> {
        let Some(child) = child else { return self.plan(machine, revision).await };
        let whole = self.plan(child.machine, revision).await?;
        whole.children.get(&child.state).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                format!("the definition has no distributed Map '{}'", child.state),
            )
        })
    }

    /// A revision from the store.
    pub(crate) async fn revision(&self, machine: Id, revision: Id) -> Result<RevisionRecord, Error> {
        match self.store.revision(machine, revision).await? {
            Some(row) => self.opened_revision(&row),
            None => {
                Err(Error::new(ErrorKind::Internal, format!("revision {revision} of {machine} is missing")))
            }
        }
    }

    /// Compiles a new definition where it holds up nobody else.
    pub(crate) async fn compile(&self, revision: &RevisionRecord) -> Result<Arc<Compiled>, Error> {
        self.compile_with(revision, Arc::clone(&self.catalog)).await
    }

    async fn compile_with(
        &self,
        revision: &RevisionRecord,
        catalog: Arc<dyn ResourceCatalog>,
    ) -> Result<Arc<Compiled>, Error> {
        if let Some(withheld) = self.withheld(revision) {
            return Err(withheld);
        }
        let (definition, machine_type) = (revision.definition.clone(), revision.machine_type);
        let limits = self.limits.clone();
        let compile = move || newel_asl::compile(&definition, machine_type, &*catalog, &limits);
        match self.computed(compile).await? {
            Ok(plan) => Ok(Arc::new(Compiled::new(plan, revision, self.sealing_of(revision), &self.limits))),
            Err(diagnostics) => Err(Error::new(ErrorKind::InvalidDefinition, diagnostics.to_string())),
        }
    }

    /// What there is to say about a definition.
    pub(crate) async fn validate(&self, request: ValidateDefinition) -> Result<Diagnostics, Error> {
        let (catalog, limits) = (Arc::clone(&self.catalog), self.limits.clone());
        self.computed(move || {
            newel_asl::validate(&request.definition, request.machine_type, &*catalog, &limits)
        })
        .await
    }

    /// What a piece of work gives, done where it holds up nobody else.
    pub(crate) async fn computed<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = oneshot::channel();
        self.env
            .compute(Box::new(move || {
                // The receiver is only gone if whoever asked is.
                let _gone = send.send(work());
            }))
            .await;
        receive.await.map_err(|_| Error::new(ErrorKind::Internal, "reading the definition failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_earns_trust_slowly_and_loses_it_at_once() {
        let pace = Pace::default();
        let brief = || {
            pace.took(true);
            pace.is_brisk()
        };
        assert_eq!([brief(), brief(), brief(), brief()], [false, false, true, true]);
        pace.took(false);
        let needed = (1..).find(|_| {
            pace.took(true);
            pace.is_brisk()
        });
        assert_eq!(needed, Some(1_003));
    }
}
