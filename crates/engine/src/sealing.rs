//! Encryption at rest: what of a record is sealed, under which key, and how it is opened again.
//!
//! Rows that only hold what users put in (frames, events, orders) are sealed whole. Executions and revisions are listed and
//! described by whoever has no key, so only their payloads and definitions are: such a record is a plain one without them,
//! and behind it the sealed rest. A row is bound to its place: its table and key.

use std::sync::Arc;

use newel_asl::arn::{ActivityArn, Home, StateMachineArn};
use newel_store::{ExecutionRow, FrameRow, HistoryRow, Id, Op, OutboxKey, OutboxRow, Record, RevisionRow};
use newel_value::{Str, Value};
use newel_vault::{Fault, Owner, Sealing};

use crate::codec::{
    ActivityRecord, ExecutionRecord, ExecutionSecrets, OutboxRecord, RevisionRecord, SEALED, decode, encode,
    join, sealed_rest, sealed_whole,
};
use crate::engine::Inner;
use crate::request::{Activity, Tenant};
use crate::{Error, ErrorKind};

/// AWS's default of `kmsDataKeyReusePeriodSeconds`.
const REUSE_SECONDS: u32 = 300;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::Denied { .. } => ErrorKind::KmsAccessDenied,
            Fault::State { state, .. } => ErrorKind::KmsInvalidState(state),
            Fault::Damaged(_) => ErrorKind::Internal,
            Fault::Unable(_) => ErrorKind::Unavailable,
        };
        Self::new(kind, fault.to_string())
    }
}

/// The customer managed key that an `encryptionConfiguration` names, if it does.
fn customer_key(encryption: Option<&Value>) -> Option<&str> {
    let encryption = encryption?;
    let kind = encryption.get("type").and_then(Value::as_str);
    encryption.get("kmsKeyId").and_then(Value::as_str).filter(|_| kind == Some("CUSTOMER_MANAGED_KMS_KEY"))
}

/// How something is sealed under a key, as its `encryptionConfiguration` has it.
fn sealing(key: Arc<str>, encryption: Option<&Value>, home: &Home, context: String) -> Sealing {
    Sealing {
        key,
        owner: ((*home.account).into(), (*home.region).into()),
        context: context.into(),
        reuse_seconds: reuse_seconds(encryption),
    }
}

fn reuse_seconds(encryption: Option<&Value>) -> u32 {
    let seconds = encryption.and_then(|e| e.get("kmsDataKeyReusePeriodSeconds")).and_then(Value::as_i64);
    seconds.and_then(|n| u32::try_from(n).ok()).unwrap_or(REUSE_SECONDS)
}

/// Whether two configurations say the same, with what is filled in where one says nothing.
pub(crate) fn same_encryption(one: Option<&Value>, other: Option<&Value>) -> bool {
    let meaning = |encryption| customer_key(encryption).map(|key| (key, reuse_seconds(encryption)));
    meaning(one) == meaning(other)
}

/// The customer's key that what waits for an activity's workers is sealed under; none if it has none.
pub(crate) fn sealing_of_activity(activity: &ActivityRecord) -> Option<Sealing> {
    let encryption = activity.encryption.as_ref();
    let arn: ActivityArn = activity.arn.parse().ok()?;
    let context = format!("aws:states:activityArn={}", activity.arn);
    Some(sealing(customer_key(encryption)?.into(), encryption, &arn.home, context))
}

/// Where a record belongs: the name of its table, and its key there.
fn place(table: &str, key: &[&[u8]]) -> Vec<u8> {
    let mut place = table.as_bytes().to_vec();
    for part in key {
        place.push(0);
        place.extend_from_slice(part);
    }
    place
}

fn frame_place(row: &FrameRow) -> Vec<u8> {
    place("frame", &[&row.execution.0, row.path.as_bytes()])
}

fn history_place(row: &HistoryRow) -> Vec<u8> {
    place("history", &[&row.execution.0, &row.first.to_be_bytes()])
}

fn outbox_place(key: &OutboxKey) -> Vec<u8> {
    place("outbox", &[key])
}

fn execution_place(id: Id) -> Vec<u8> {
    place("execution", &[&id.0])
}

fn revision_place(id: Id) -> Vec<u8> {
    place("revision", &[&id.0])
}

impl Inner {
    /// Refuses a configuration whose key can't be used, so that nothing is made that couldn't be stored. For whatever has an
    /// `encryptionConfiguration`: state machines and activities.
    pub(crate) fn check_encryption(&self, tenant: &Tenant, encryption: Option<&Value>) -> Result<(), Error> {
        let Some(key) = customer_key(encryption) else { return Ok(()) };
        let owner = Owner { account: &tenant.account, region: &tenant.region };
        self.vault.check(key, owner).map_err(|fault| match fault {
            // A request that names a key that isn't active is wrong in itself.
            Fault::State { .. } => {
                let message = format!("Invalid Encryption Configuration: '{fault}'");
                Error::new(ErrorKind::InvalidEncryptionConfiguration, message)
            }
            other => other.into(),
        })
    }

    /// Refuses what nothing could be sealed for, though it may be that nothing has to be: an execution in memory leaves nothing in
    /// the store, and yet its payloads are its key's.
    pub(crate) fn check_sealing(&self, sealing: &Sealing) -> Result<(), Error> {
        Ok(self.vault.check_sealing(sealing, self.env.now().as_millis())?)
    }

    /// The key that the payloads and the definition of a revision are sealed under; none if they are kept plain.
    pub(crate) fn sealing_of(&self, revision: &RevisionRecord) -> Option<Sealing> {
        let encryption = revision.configuration.encryption.as_ref();
        let customer = customer_key(encryption).map(Arc::from);
        let key = customer.or_else(|| self.vault.default_key().cloned())?;
        let arn: StateMachineArn = revision.machine_arn.parse().ok()?;
        let context = format!("aws:states:stateMachineArn={}", revision.machine_arn);
        Some(sealing(key, encryption, &arn.home, context))
    }

    /// Why the tasks of an activity must not be told, if its key can't be used.
    pub(crate) fn withheld_tasks(&self, tenant: &Tenant, activity: &Activity) -> Option<Error> {
        let owner = Owner { account: &tenant.account, region: &tenant.region };
        self.vault.check(customer_key(activity.encryption.as_ref())?, owner).err().map(Error::from)
    }

    /// Why what a revision's key protects must not be told, if so.
    pub(crate) fn withheld(&self, revision: &RevisionRecord) -> Option<Error> {
        let encryption = revision.configuration.encryption.as_ref();
        let arn: StateMachineArn = revision.machine_arn.parse().ok()?;
        let owner = Owner { account: &arn.home.account, region: &arn.home.region };
        let denied = customer_key(encryption).and_then(|key| self.vault.check(key, owner).err());
        let unopened = || Error::new(ErrorKind::Internal, "the definition can't be opened");
        denied.map(Error::from).or_else(|| revision.definition.is_empty().then(unopened))
    }

    fn sealed(&self, sealing: &Sealing, place: &[u8], record: &[u8], prefix: &[u8]) -> Result<Record, Error> {
        let now = self.env.now().as_millis();
        Ok(self.vault.seal(sealing, place, prefix, record, now)?.into())
    }

    fn opened(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.vault.open_record(sealed, place, self.env.now().as_millis())?)
    }

    /// A record that is sealed whole, opened; another as it is.
    fn opened_whole(&self, record: Record, place: impl FnOnce() -> Vec<u8>) -> Result<Record, Error> {
        match sealed_whole(&record) {
            Some(sealed) => Ok(self.opened(sealed, &place())?.into()),
            None => Ok(record),
        }
    }

    /// Seals all that a commit writes of an execution.
    pub(crate) fn seal_rows(&self, sealing: &Sealing, ops: &mut [Op]) -> Result<(), Error> {
        for op in ops {
            match op {
                Op::PutFrame(row) => {
                    row.record = self.sealed(sealing, &frame_place(row), &row.record, &SEALED)?
                }
                Op::AppendHistory(row) => {
                    row.record = self.sealed(sealing, &history_place(row), &row.record, &SEALED)?;
                }
                // An activity's own key goes before the state machine's.
                Op::PutOutbox(row) if sealed_whole(&row.record).is_none() => self.seal_order(sealing, row)?,
                Op::InsertExecution(row) | Op::UpdateExecution(row) => {
                    let mut record: ExecutionRecord = decode(&row.record)?;
                    let secrets = encode(&record.take_secrets());
                    let sealed = self.sealed(sealing, &execution_place(row.id), &secrets, &[])?;
                    row.record = join(&encode(&record), &sealed);
                }
                // What else there is holds no payloads.
                _ => {}
            }
        }
        Ok(())
    }

    /// Seals an order.
    pub(crate) fn seal_order(&self, sealing: &Sealing, row: &mut OutboxRow) -> Result<(), Error> {
        row.record = self.sealed(sealing, &outbox_place(&row.key), &row.record, &SEALED)?;
        Ok(())
    }

    /// The row of a revision, its definition sealed if it is to be.
    pub(crate) fn revision_row(
        &self,
        machine: Id,
        id: Id,
        revision: &RevisionRecord,
    ) -> Result<RevisionRow, Error> {
        let Some(sealing) = self.sealing_of(revision) else {
            return Ok(RevisionRow { machine, id, record: encode(revision) });
        };
        let sealed = self.sealed(&sealing, &revision_place(id), &encode(&revision.definition), &[])?;
        let plain = RevisionRecord { definition: "".into(), ..revision.clone() };
        Ok(RevisionRow { machine, id, record: join(&encode(&plain), &sealed) })
    }

    /// What the row of a revision says. Without its key the definition is empty.
    pub(crate) fn opened_revision(&self, row: &RevisionRow) -> Result<RevisionRecord, Error> {
        let mut revision: RevisionRecord = decode(&row.record)?;
        if let Some(sealed) = sealed_rest(&row.record) {
            match self.opened(sealed, &revision_place(row.id)) {
                Ok(definition) => revision.definition = decode::<Str>(&definition)?,
                Err(error) => {
                    tracing::warn!(machine = &*revision.machine_arn, %error, "a definition stays closed")
                }
            }
        }
        Ok(revision)
    }

    /// What the row of an execution says, its payloads among it.
    pub(crate) fn opened_execution(&self, row: &ExecutionRow) -> Result<ExecutionRecord, Error> {
        let mut record: ExecutionRecord = decode(&row.record)?;
        if let Some(sealed) = sealed_rest(&row.record) {
            let secrets = self.opened(sealed, &execution_place(row.id))?;
            record.put_secrets(decode::<ExecutionSecrets>(&secrets)?);
        }
        Ok(record)
    }

    /// Rows of frames, opened.
    pub(crate) fn opened_frames(&self, mut rows: Vec<FrameRow>) -> Result<Vec<FrameRow>, Error> {
        for row in &mut rows {
            row.record = self.opened_whole(Arc::clone(&row.record), || frame_place(row))?;
        }
        Ok(rows)
    }

    /// Rows of a history, opened.
    pub(crate) fn opened_history(&self, mut rows: Vec<HistoryRow>) -> Result<Vec<HistoryRow>, Error> {
        for row in &mut rows {
            row.record = self.opened_whole(Arc::clone(&row.record), || history_place(row))?;
        }
        Ok(rows)
    }

    /// What an outbox row says.
    pub(crate) fn opened_order(&self, row: &OutboxRow) -> Result<OutboxRecord, Error> {
        Ok(decode(&self.opened_whole(Arc::clone(&row.record), || outbox_place(&row.key))?)?)
    }
}
