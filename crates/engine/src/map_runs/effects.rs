//! Effects: a run's changes are made durable, and then what was waiting for that is done.

use futures::future::join_all;
use newel_machine::{Fault, Input};
use newel_store::{EntityRow, ExecutionStatus, Op};
use newel_value::Str;

use super::children::Begun;
use super::work::{AT_ONCE, Run};
use crate::Error;
use crate::codec::encode;
use crate::ids::arn_key;
use crate::mail::What;
use crate::task::Settled;

impl Run<'_> {
    /// Makes what has changed durable.
    pub(super) async fn save(&mut self) -> Result<(), Error> {
        let mut ops = std::mem::take(&mut self.ops);
        if self.changed {
            let row = EntityRow { record: encode(&self.record), ..self.row.clone() };
            ops.insert(0, Op::UpdateEntity(row));
        }
        if !ops.is_empty() {
            let plan = self.inner.plan(self.record.machine, self.record.revision).await?;
            if let Some(sealing) = &plan.sealing {
                self.inner.seal_rows(sealing, &mut ops)?;
            }
            self.inner.env.failpoint("before-map-run-commit");
            self.inner.commit_under(self.id.shard(), self.epoch, ops).await?;
            self.inner.env.failpoint("after-map-run-commit");
        }
        self.changed = false;
        Ok(())
    }

    /// Does what was waiting for the commit. Says whether some of it must be tried again.
    pub(super) async fn follow_up(&mut self) -> bool {
        for answer in self.due.answers.drain(..) {
            // Whoever asked may have given up.
            let _gone = answer.send(Ok(()));
        }
        for answer in self.due.settled.drain(..) {
            // The session that asked may be gone.
            let _gone = answer.send(Ok(Settled::Durable));
        }
        self.begin_children().await | self.redrive_children().await
    }

    async fn begin_children(&mut self) -> bool {
        let page = std::mem::take(&mut self.due.begin);
        let begun = join_all(page.into_iter().map(async |(child, input)| {
            let (info, keep) = (&self.plan.scope.info, self.plan.settings.transformation);
            let begun = self.inner.begin_child(self.id, &self.record, info, keep, child, input.clone()).await;
            (child, input, begun)
        }))
        .await;
        let mut results = Vec::new();
        let mut failed = false;
        for (child, input, begun) in begun {
            match begun {
                Ok(Begun::Open) => {}
                Ok(Begun::Closed(report)) => results.extend(self.count(report)),
                Err(error) => {
                    tracing::debug!(map_run = %self.record.arn, %error, "a child will begin later");
                    failed = true;
                    self.due.begin.push((child, input));
                }
            }
        }
        self.keep(results);
        failed
    }

    async fn redrive_children(&mut self) -> bool {
        let redrives = std::mem::take(&mut self.due.redrive);
        let asked = join_all(redrives.into_iter().map(async |(child, id)| {
            let asked = self.inner.ask(id, What::Input(Input::Redrive { token: None })).await;
            (child, id, asked)
        }))
        .await;
        let mut failed = false;
        for (child, id, asked) in asked {
            if let Err(error) = asked {
                tracing::debug!(map_run = %self.record.arn, %error, "a child will be redriven later");
                failed = true;
                self.due.redrive.push((child, id));
            }
        }
        failed
    }

    /// Stops the children that are open.
    pub(super) async fn stop_children(&mut self) {
        // Those that haven't begun needn't; of one whose beginning is in doubt the store tells.
        for (child, input) in std::mem::take(&mut self.due.begin) {
            match self.inner.look_at_child(&self.record.child_arn(child.index)).await {
                Ok(None) => {
                    self.record.open.retain(|open| open.index != child.index);
                    self.record.never_begun.push(child);
                    self.changed = true;
                }
                Ok(Some(Begun::Open)) => {}
                Ok(Some(Begun::Closed(report))) => {
                    let result = self.count(report);
                    self.keep(result.into_iter().collect());
                }
                Err(_) => self.due.begin.push((child, input)),
            }
        }
        let arns: Vec<Str> =
            self.record.open.iter().map(|child| self.record.child_arn(child.index)).collect();
        for some in arns.chunks(AT_ONCE) {
            let stops = some.iter().map(async |arn| {
                let Some(row) = self.inner.store.execution_by_arn(arn_key(arn)).await? else { return Ok(()) };
                if row.status == ExecutionStatus::Running {
                    self.inner.ask(row.id, What::stop(Fault::default())).await?;
                }
                Ok::<_, Error>(())
            });
            for stopped in join_all(stops).await {
                if let Err(error) = stopped {
                    tracing::debug!(map_run = %self.record.arn, %error, "a child isn't stopped yet");
                }
            }
        }
    }
}
