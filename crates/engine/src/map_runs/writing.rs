//! Writing: the results of a run's children go elsewhere, a file at a time, once all children are closed.
//!
//! Nothing is collected while children run: what a file needs is read from the executions again. So memory is bounded by a
//! file, and writing goes on after a crash with the file that wasn't known to be written.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>

use futures::future::join_all;
use newel_asl::plan::Transformation;
use newel_asl::transfer::{Content, FILE_BYTES, WriteFile, Written};
use newel_machine::{Fault, pending_child, results_bucket, results_folder};
use newel_store::{ExecutionFilter, ExecutionRow, ExecutionStatus, ExecutionsPage};
use newel_value::{ObjectBuilder, Payload, Value};

use super::children::{ChildReport, report_of};
use super::record::{Ending, Stage};
use super::work::{Errand, Run};
use crate::Error;

/// The lists of children that are written, and the kind of file that each goes into.
const LISTS: [(ExecutionStatus, Kind); 4] = [
    (ExecutionStatus::Succeeded, Kind::Succeeded),
    (ExecutionStatus::Failed, Kind::Failed),
    (ExecutionStatus::TimedOut, Kind::Failed),
    (ExecutionStatus::Aborted, Kind::Failed),
];
/// Children that are read at once.
const AT_ONCE: usize = 64;

/// The kinds of files, as AWS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Succeeded = 0,
    Failed = 1,
    Pending = 2,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Failed, Self::Pending, Self::Succeeded];

    fn file_name(self, number: usize) -> String {
        format!("{}_{number}.json", self.name())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
        }
    }
}

/// What follows once a file is written.
pub(super) struct NextStage {
    /// The kind of the file, unless it is the manifest.
    kind: Option<Kind>,
    then: Stage,
}

/// Records of a file that is being made.
#[derive(Default)]
struct File {
    records: Vec<Value>,
    bytes: usize,
}

impl File {
    fn push(&mut self, record: Value, bytes: usize) {
        self.bytes += bytes + 1;
        self.records.push(record);
    }

    const fn is_full(&self) -> bool {
        self.bytes >= FILE_BYTES
    }
}

impl Run<'_> {
    /// Whether something is to be written before the run is over. A run that failed before it began a child has nothing.
    pub(super) fn must_write(&self) -> bool {
        let done = self.record.writing.as_ref().is_some_and(|writing| writing.stage == Stage::Done);
        let any = self.record.ending.is_none() || self.record.next_child > 0;
        self.plan.settings.destination.is_some() && any && !done
    }

    /// Hands the next file over, unless one is being written.
    pub(super) async fn write_on(&mut self) -> Result<(), Error> {
        while self.errand.is_none() {
            let stage = self.record.writing.get_or_insert_default().stage;
            let then = match stage {
                Stage::List(list, after) => self.write_list(list, after).await?,
                Stage::Pending(counted, item, index) => match self.write_pending(counted, item, index) {
                    Ok(then) => then,
                    Err(fault) => {
                        self.cannot_write(fault);
                        return Ok(());
                    }
                },
                Stage::Manifest => {
                    let manifest = self.manifest();
                    self.hand_over("manifest.json", Content::Document(manifest), None, Stage::Done);
                    None
                }
                Stage::Done => return Ok(()),
            };
            if let (Some(then), Some(writing)) = (then, &mut self.record.writing) {
                writing.stage = then;
            }
        }
        Ok(())
    }

    /// Hands over children of a list; gives what comes next if there are none.
    async fn write_list(
        &mut self,
        list: u8,
        mut after: Option<(newel_asl::Timestamp, newel_store::Id)>,
    ) -> Result<Option<Stage>, Error> {
        let Some((status, kind)) = LISTS.get(usize::from(list)).copied() else {
            return Ok(Some(Stage::Pending(0, self.record.next_item, self.record.next_child)));
        };
        let mut file = File::default();
        while !file.is_full() {
            let filter = ExecutionFilter { machine: self.id, status: Some(status) };
            let page = ExecutionsPage { filter, after, limit: AT_ONCE };
            let rows = self.inner.store.executions(page).await?;
            if rows.is_empty() {
                break;
            }
            for (row, report) in rows.iter().zip(self.reports(&rows).await?) {
                after = Some((row.sort_at, row.id));
                for record in report.into_iter().flat_map(|report| self.records(report, kind)) {
                    let bytes = record.to_json().len();
                    file.push(record, bytes);
                }
                if file.is_full() {
                    break;
                }
            }
        }
        if file.records.is_empty() {
            return Ok(Some(Stage::List(list + 1, None)));
        }
        self.hand_over_records(file, kind, Stage::List(list, after));
        Ok(None)
    }

    async fn reports(&self, rows: &[ExecutionRow]) -> Result<Vec<Option<ChildReport>>, Error> {
        let loads = rows.iter().map(async |row| {
            let loaded = self.inner.load(row.id, self.epoch).await?;
            Ok::<_, Error>(loaded.and_then(|loaded| report_of(&loaded, false)))
        });
        join_all(loads).await.into_iter().collect()
    }

    /// What a file has of a child.
    fn records(&self, report: ChildReport, kind: Kind) -> Vec<Value> {
        let kept = report.kept.value();
        match (self.plan.settings.transformation, kept.as_array()) {
            (Transformation::Flatten, Some(elements)) if kind == Kind::Succeeded => elements.to_vec(),
            _ => vec![kept.clone()],
        }
    }

    /// Hands over children that never began, as far as their items are known; gives what comes next if there are none.
    fn write_pending(
        &mut self,
        mut counted: u32,
        mut item: u64,
        mut index: u32,
    ) -> Result<Option<Stage>, Fault> {
        let mut file = File::default();
        let machine = self.record.machine_arn.clone();
        while !file.is_full() {
            let known = usize::try_from(counted).ok().and_then(|n| self.record.never_begun.get(n)).copied();
            let input: Payload = if let Some(child) = known {
                counted += 1;
                self.input_again(child)?
            } else if let Some((child, input)) = self.next_child(item, index)? {
                item += u64::from(child.count);
                index += 1;
                input
            } else {
                break;
            };
            file.push(pending_child(&input, &machine), input.text().len());
        }
        if file.records.is_empty() {
            return Ok(Some(Stage::Manifest));
        }
        self.hand_over_records(file, Kind::Pending, Stage::Pending(counted, item, index));
        Ok(None)
    }

    fn hand_over_records(&mut self, file: File, kind: Kind, then: Stage) {
        let number = self.record.writing.as_ref().map_or(0, |writing| writing.sizes[kind as usize].len());
        let lines = self.plan.settings.json_lines;
        let content = Content::Records { records: file.records, lines };
        self.hand_over(&kind.file_name(number), content, Some(kind), then);
    }

    fn hand_over(&mut self, name: &str, content: Content, kind: Option<Kind>, then: Stage) {
        let Some((resource, parameters)) = &self.plan.settings.destination else { return };
        let key = format!("{}{name}", self.folder()).into();
        let write = WriteFile { parameters: parameters.clone(), key, content };
        let info = &self.plan.scope.info;
        let transfer = self.inner.transfer(self.id, &self.record, info, resource, write);
        self.errand = Some(Errand::Write(transfer, NextStage { kind, then }));
    }

    /// A file is written: on with the next.
    pub(super) fn written(&mut self, answer: &Payload, next: NextStage) {
        let size = Written::try_from(answer.value()).map_or(0, |written| written.size);
        let Some(writing) = &mut self.record.writing else { return };
        if let Some(kind) = next.kind {
            writing.sizes[kind as usize].push(size);
        }
        writing.stage = next.then;
        self.changed = true;
    }

    /// Results can't be written: the run fails by that, unless it fails already.
    pub(super) fn cannot_write(&mut self, fault: Fault) {
        self.record.writing.get_or_insert_default().stage = Stage::Done;
        if self.record.ending.is_none() {
            self.record.ending = Some(Ending::Failed(fault));
        }
        self.changed = true;
    }

    fn folder(&self) -> String {
        results_folder(&self.plan.settings, &self.record.arn)
    }

    fn manifest(&self) -> Value {
        let folder = self.folder();
        let mut files = ObjectBuilder::with_capacity(3);
        for kind in Kind::ALL {
            let sizes = self.record.writing.iter().flat_map(|writing| &writing.sizes[kind as usize]);
            let written = sizes.enumerate().map(|(number, size)| {
                let mut file = ObjectBuilder::with_capacity(2);
                file.insert("Key", format!("{folder}{}", kind.file_name(number)));
                file.insert("Size", i64::try_from(*size).unwrap_or(i64::MAX));
                Value::from(file.build())
            });
            files.insert(kind.name(), written.collect::<Vec<Value>>());
        }
        let mut manifest = ObjectBuilder::with_capacity(3);
        manifest.insert("DestinationBucket", results_bucket(&self.plan.settings));
        manifest.insert("MapRunArn", self.record.arn.clone());
        manifest.insert("ResultFiles", files.build());
        manifest.build().into()
    }
}
