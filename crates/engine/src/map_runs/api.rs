//! What clients ask of map runs.

use std::sync::Arc;

use newel_asl::arn::MapRunArn;
use newel_asl::timestamp::Timestamp;
use newel_store::{EntitiesPage, EntityKind, EntityRow, ExecutionRow, ExecutionStatus, Id, Op};
use tokio::sync::oneshot;

use super::News;
use super::plan::UNSUCCESSFUL;
use super::record::{MapRunRecord, MapRunStatus};
use crate::codec::{ExecutionRecord, decode};
use crate::engine::Inner;
use crate::executions::Reach;
use crate::ids::arn_key;
use crate::page::{Cursor, page};
use crate::request::{MapRun, MapRunItem, Page, Tenant, UpdateMapRun};
use crate::{Error, ErrorKind};

/// Why a run that is over isn't changed.
pub(super) fn completed(arn: &str) -> Error {
    Error::new(ErrorKind::CompletedMapRun, format!("Cannot update a completed Map Run: '{arn}'"))
}

impl Inner {
    /// The row of a map run, if it is this tenant's and there is one.
    pub(crate) async fn map_run_row(&self, tenant: &Tenant, arn: &str) -> Result<EntityRow, Error> {
        let missing = || Error::not_found(arn);
        let parsed: MapRunArn =
            arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
        if parsed.home.account != tenant.account || parsed.home.region != tenant.region {
            return Err(missing());
        }
        self.store
            .entity(arn_key(arn))
            .await?
            .filter(|row| row.kind == EntityKind::MapRun)
            .ok_or_else(missing)
    }

    pub(crate) async fn describe_map_run(&self, tenant: &Tenant, arn: &str) -> Result<MapRun, Error> {
        let row = self.map_run_row(tenant, arn).await?;
        let record: MapRunRecord = decode(&row.record)?;
        Ok(MapRun {
            items: record.item_counts(),
            executions: record.child_counts(),
            arn: record.arn,
            execution_arn: record.execution_arn,
            status: record.status,
            started_at: record.started_at,
            stopped_at: record.stopped_at,
            max_concurrency: record.max_concurrency,
            tolerated_failure_percentage: record.tolerated_failure_percentage.unwrap_or(0.0),
            tolerated_failure_count: record.tolerated_failure_count.unwrap_or(0),
            redrive_count: record.redrives,
            redriven_at: record.redriven_at,
        })
    }

    pub(crate) async fn list_map_runs(
        &self,
        tenant: &Tenant,
        execution_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<MapRunItem>, Error> {
        let execution = self.execution_row_of(tenant, execution_arn).await?;
        let rows = self
            .store
            .entities(EntitiesPage {
                kind: EntityKind::MapRun,
                list: execution.arn,
                newest_first: true,
                after: Cursor::instant(after)?,
                limit: limit + 1,
            })
            .await?;
        Ok(page(
            rows,
            limit,
            |row| Cursor::Instant(row.created_at, row.id),
            |row| {
                let record: MapRunRecord = decode(&row.record)?;
                Ok(MapRunItem {
                    execution_arn: record.execution_arn,
                    arn: record.arn,
                    state_machine_arn: record.machine_arn,
                    started_at: record.started_at,
                    stopped_at: record.stopped_at,
                })
            },
        ))
    }

    pub(crate) async fn update_map_run(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        update: UpdateMapRun,
    ) -> Result<(), Error> {
        let row = self.map_run_row(tenant, arn).await?;
        let record: MapRunRecord = decode(&row.record)?;
        if record.status != MapRunStatus::Running {
            return Err(completed(arn));
        }
        let (answer, answered) = oneshot::channel();
        self.tell_map_run(row.id, &record.arn, News::Update(update, answer));
        answered.await.unwrap_or_else(|_| Err(Error::unavailable("the map run is changing hands; try again")))
    }

    /// What takes the map runs of an execution away.
    pub(crate) async fn map_runs_of(&self, execution: Id) -> Result<Vec<Op>, Error> {
        let Some(row) = self.store.execution(execution).await? else { return Ok(Vec::new()) };
        let page = EntitiesPage {
            kind: EntityKind::MapRun,
            list: row.arn,
            newest_first: false,
            after: None,
            limit: usize::MAX,
        };
        let runs = self.store.entities(page).await?;
        Ok(runs.into_iter().flat_map(|run| [Op::DeleteFrames(run.id), Op::DeleteEntity(run.id)]).collect())
    }

    /// A child's status as clients see it: one that failed and that its run is about to redrive waits for that.
    pub(crate) async fn child_status(
        &self,
        row: &ExecutionRow,
        record: &ExecutionRecord,
    ) -> Result<ExecutionStatus, Error> {
        let Some(child) = &record.child else { return Ok(row.status) };
        if matches!(row.status, ExecutionStatus::Running | ExecutionStatus::Succeeded) {
            return Ok(row.status);
        }
        let Some(run) = self.store.entity(arn_key(&child.run_arn)).await? else { return Ok(row.status) };
        let run: MapRunRecord = decode(&run.record)?;
        Ok(run.shown_status(row))
    }
}

impl MapRunRecord {
    /// The status of a child of this run as clients see it.
    pub(crate) fn shown_status(&self, row: &ExecutionRow) -> ExecutionStatus {
        let earlier =
            row.stopped_at.zip(self.redriving_since()).is_some_and(|(stopped, redriven)| stopped < redriven);
        if UNSUCCESSFUL.contains(&row.status) && earlier {
            return ExecutionStatus::PendingRedrive;
        }
        row.status
    }

    /// Where the children are found that are shown in a status, which need not be that of their rows. Closed ones are listed by
    /// when they stopped, so those that wait to be redriven are at the end of each list.
    pub(crate) fn children_shown_as(&self, status: ExecutionStatus) -> Reach {
        match (self.redriving_since(), status) {
            (Some(since), ExecutionStatus::PendingRedrive) => {
                Reach { statuses: &UNSUCCESSFUL, before: Some(since), from: None }
            }
            (Some(since), status) if UNSUCCESSFUL.contains(&status) => {
                Reach { from: Some(since), ..Reach::of(status) }
            }
            (_, status) => Reach::of(status),
        }
    }

    /// Since when what hadn't succeeded waits to be redriven, if it does.
    fn redriving_since(&self) -> Option<Timestamp> {
        self.redriven_at.filter(|_| self.status == MapRunStatus::Running)
    }
}
