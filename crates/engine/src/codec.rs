//! How records look in the store.
//!
//! A record is two bytes, its version and its codec, then MessagePack in array form. Struct members may only be added at the
//! end, with `#[serde(default)]`; anything else is a new version. Payloads are JSON text. Version and codec of every
//! record are checked on reading, so a record of a later release is an error and never misread.

use std::collections::HashMap;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, Fault, Frame, Outcome, Redrives};
use newel_store::{ExecutionStatus, Id, Record};
use newel_value::{Payload, Str, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::map_runs::{Child, Life};
use crate::request::{Configuration, MachineType, Route};
use crate::task::Dispatch;
use crate::test_cases::TestCase;

const VERSION: u8 = 1;

/// How the bytes after the header are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Codec {
    Plain = 0,
    Zstd = 1,
    /// A whole record, encrypted: only whoever has the vault can read on.
    Sealed = 2,
    /// The length of a record, that record, and the encrypted rest of what it tells.
    Joined = 3,
}

/// What a record that is sealed whole begins with.
pub(crate) const SEALED: [u8; 2] = [VERSION, Codec::Sealed as u8];
const JOINED: [u8; 2] = [VERSION, Codec::Joined as u8];

/// Records from this size on are compressed.
const COMPRESS_FROM: usize = 4 << 10;
/// The fastest level: the engine's time is worth more than the last bytes.
const LEVEL: i32 = 1;
/// What a record may grow to when it is decompressed: far above what the limits of payload and turn allow.
const LARGEST: usize = 1 << 30;

/// Why bytes are no record of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored record can't be read: {0}")]
pub(crate) struct Unreadable(String);

impl Unreadable {
    /// Something that a record refers to isn't there.
    pub(crate) fn missing(what: &str) -> Self {
        Self(format!("{what} is missing"))
    }
}

impl From<Unreadable> for crate::Error {
    fn from(error: Unreadable) -> Self {
        Self::new(crate::ErrorKind::Internal, error.to_string())
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Record {
    let mut bytes = vec![VERSION, Codec::Plain as u8];
    // Our own types serialise into memory without fail; an empty record would be refused on reading.
    if rmp_serde::encode::write(&mut bytes, value).is_err() {
        bytes.truncate(2);
    }
    if bytes.len() >= COMPRESS_FROM
        && let Ok(packed) = zstd::bulk::compress(&bytes[2..], LEVEL)
        && packed.len() < bytes.len()
    {
        let mut record = vec![VERSION, Codec::Zstd as u8];
        record.extend_from_slice(&packed);
        return record.into();
    }
    bytes.into()
}

/// What follows the header of a record that is sealed whole; `None` for other records.
pub(crate) fn sealed_whole(record: &[u8]) -> Option<&[u8]> {
    record.strip_prefix(&SEALED)
}

/// One record of a plain one and the sealed rest.
pub(crate) fn join(plain: &[u8], sealed: &[u8]) -> Record {
    // A record of four gigabytes is refused by every store before this could matter.
    let length = u32::try_from(plain.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&JOINED, length.as_slice(), plain, sealed].concat().into()
}

/// The sealed rest of a joined record; `None` for other records.
pub(crate) fn sealed_rest(record: &[u8]) -> Option<&[u8]> {
    split(record.strip_prefix(&JOINED)?).map(|(_, sealed)| sealed)
}

fn split(joined: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = joined.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// What a record says; of a joined one what it says plainly.
pub(crate) fn decode<T: DeserializeOwned>(record: &[u8]) -> Result<T, Unreadable> {
    let [version, codec, body @ ..] = record else {
        return Err(Unreadable("it is empty".to_owned()));
    };
    if *version != VERSION {
        return Err(Unreadable(format!(
            "it has version {version}, and this release reads version {VERSION}"
        )));
    }
    let unpacked;
    let body = match *codec {
        c if c == Codec::Plain as u8 => body,
        c if c == Codec::Zstd as u8 => {
            let size = zstd::bulk::Decompressor::upper_bound(body).unwrap_or(LARGEST).min(LARGEST);
            unpacked = zstd::bulk::decompress(body, size).map_err(|why| Unreadable(why.to_string()))?;
            &unpacked
        }
        c if c == Codec::Sealed as u8 => return Err(Unreadable("it is encrypted".to_owned())),
        c if c == Codec::Joined as u8 => {
            let (plain, _) = split(body).ok_or_else(|| Unreadable("it ends early".to_owned()))?;
            // One in another would be none of ours, and could nest without end.
            if plain.starts_with(&JOINED) {
                return Err(Unreadable("it is joined twice".to_owned()));
            }
            return decode(plain);
        }
        other => return Err(Unreadable(format!("it has codec {other}"))),
    };
    rmp_serde::from_slice(body).map_err(|why| Unreadable(why.to_string()))
}

/// A state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MachineRecord {
    pub(crate) arn: Str,
    pub(crate) name: Str,
    pub(crate) machine_type: MachineType,
    pub(crate) deleting: bool,
    pub(crate) revision: Id,
    /// How many times it has been updated; the first revision is shown without an id.
    pub(crate) updates: u64,
    pub(crate) updated_at: Timestamp,
    pub(crate) configuration: Configuration,
    /// The number of the latest version; numbers are never given twice.
    #[serde(default)]
    pub(crate) last_version: u64,
    /// The version of the current revision, if it has one.
    #[serde(default)]
    pub(crate) published: Option<u64>,
    /// What its creation asked for: the same request is answered again, another isn't.
    #[serde(default)]
    pub(crate) created_published: bool,
    #[serde(default)]
    pub(crate) created_description: Option<Str>,
}

/// A revision of a state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RevisionRecord {
    pub(crate) definition: Str,
    pub(crate) role_arn: Str,
    pub(crate) created_at: Timestamp,
    pub(crate) updates: u64,
    pub(crate) machine_type: MachineType,
    pub(crate) machine_arn: Str,
    pub(crate) machine_name: Str,
    pub(crate) machine_created_at: Timestamp,
    pub(crate) configuration: Configuration,
}

/// A version of a state machine: a number for one of its revisions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) arn: Str,
    pub(crate) machine: Id,
    pub(crate) number: u64,
    pub(crate) revision: Id,
    pub(crate) description: Option<Str>,
    pub(crate) created_at: Timestamp,
}

/// An alias of a state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    pub(crate) arn: Str,
    pub(crate) machine: Id,
    pub(crate) name: Str,
    pub(crate) description: Option<Str>,
    pub(crate) routing: Vec<Route>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// An activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActivityRecord {
    pub(crate) arn: Str,
    pub(crate) name: Str,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) encryption: Option<Value>,
}

/// An execution. Payloads that are large are kept in rows of their own, so that rewriting this one stays cheap.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExecutionRecord {
    pub(crate) arn: Str,
    pub(crate) name: Str,
    pub(crate) machine_arn: Str,
    pub(crate) machine_name: Str,
    pub(crate) role_arn: Str,
    pub(crate) account: Str,
    pub(crate) region: Str,
    pub(crate) started_at: Timestamp,
    pub(crate) revision: Id,
    pub(crate) trace_header: Option<Str>,
    pub(crate) last_event: u64,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) input: Placed,
    pub(crate) outcome: Option<StoredOutcome>,
    /// The root frame, unless it is kept in a row of its own.
    pub(crate) root: Option<Frame>,
    #[serde(default)]
    pub(crate) alias_arn: Option<Str>,
    #[serde(default)]
    pub(crate) version_arn: Option<Str>,
    #[serde(default)]
    pub(crate) redrives: Redrives,
    /// What it has as a child of a map run, if it is one. Its row's machine is then the run.
    #[serde(default)]
    pub(crate) child: Option<Child>,
    /// The test case that answers its tasks.
    #[serde(default)]
    pub(crate) test_case: Option<Box<TestCase>>,
}

/// What of an execution is encrypted under a customer's key.
#[derive(Serialize, Deserialize)]
pub(crate) struct ExecutionSecrets {
    input: Placed,
    outcome: Option<StoredOutcome>,
    root: Option<Frame>,
}

impl ExecutionRecord {
    /// Takes out what users put in. What stays tells no payload, and how it ended only by its kind.
    pub(crate) fn take_secrets(&mut self) -> ExecutionSecrets {
        let outcome = self.outcome.as_ref().map(|outcome| match outcome {
            StoredOutcome::Succeeded(_) => StoredOutcome::Succeeded(Placed::Apart),
            StoredOutcome::Failed(_) => StoredOutcome::Failed(Fault::default()),
            StoredOutcome::TimedOut(_) => StoredOutcome::TimedOut(Fault::default()),
            StoredOutcome::Aborted(_) => StoredOutcome::Aborted(Fault::default()),
        });
        ExecutionSecrets {
            input: std::mem::replace(&mut self.input, Placed::Apart),
            outcome: std::mem::replace(&mut self.outcome, outcome),
            root: self.root.take(),
        }
    }

    /// What is told without what was taken out: nothing in its place.
    pub(crate) fn forget_secrets(&mut self) {
        self.input = Placed::Here(Payload::from_checked_text("null"));
        if let Some(StoredOutcome::Succeeded(output)) = &mut self.outcome {
            *output = Placed::Here(Payload::from_checked_text("null"));
        }
    }

    /// Puts back what was taken out.
    pub(crate) fn put_secrets(&mut self, secrets: ExecutionSecrets) {
        let ExecutionSecrets { input, outcome, root } = secrets;
        (self.input, self.outcome, self.root) = (input, outcome, root);
    }
}

/// Where a payload is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Placed {
    /// In the record.
    Here(Payload),
    /// In a row of its own.
    Apart,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum StoredOutcome {
    Succeeded(Placed),
    Failed(Fault),
    TimedOut(Fault),
    Aborted(Fault),
}

/// Payloads from this size on have a row of their own.
pub(crate) const APART_FROM: usize = 1 << 10;
/// Rows that hold an execution's large payloads. No frame's path begins so: states' names may not hold control characters, and
/// paths of inner frames begin with a slash.
pub(crate) const INPUT_ROW: &str = "\u{1}input";
pub(crate) const OUTPUT_ROW: &str = "\u{1}output";

impl Placed {
    pub(crate) fn of(payload: &Payload) -> Self {
        if payload.text().len() >= APART_FROM { Self::Apart } else { Self::Here(payload.clone()) }
    }

    /// The payload, taken from the row of its own by `apart` if it is there.
    pub(crate) fn payload(
        self,
        apart: impl FnOnce() -> Result<Payload, Unreadable>,
    ) -> Result<Payload, Unreadable> {
        match self {
            Self::Here(payload) => Ok(payload),
            Self::Apart => apart(),
        }
    }
}

impl StoredOutcome {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(output) => Self::Succeeded(Placed::of(output)),
            Outcome::Failed(fault) => Self::Failed(fault.clone()),
            Outcome::TimedOut(fault) => Self::TimedOut(fault.clone()),
            Outcome::Aborted(fault) => Self::Aborted(fault.clone()),
        }
    }

    pub(crate) fn outcome(
        self,
        apart: impl FnOnce() -> Result<Payload, Unreadable>,
    ) -> Result<Outcome, Unreadable> {
        Ok(match self {
            Self::Succeeded(output) => Outcome::Succeeded(output.payload(apart)?),
            Self::Failed(fault) => Outcome::Failed(fault),
            Self::TimedOut(fault) => Outcome::TimedOut(fault),
            Self::Aborted(fault) => Outcome::Aborted(fault),
        })
    }
}

/// The status an outcome is searched by.
pub(crate) const fn status_of(outcome: Option<&Outcome>) -> ExecutionStatus {
    match outcome {
        None => ExecutionStatus::Running,
        Some(Outcome::Succeeded(_)) => ExecutionStatus::Succeeded,
        Some(Outcome::Failed(_)) => ExecutionStatus::Failed,
        Some(Outcome::TimedOut(_)) => ExecutionStatus::TimedOut,
        Some(Outcome::Aborted(_)) => ExecutionStatus::Aborted,
    }
}

/// What the outbox holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum OutboxRecord {
    /// Something for a worker.
    Dispatch(Box<Dispatch>),
    /// A state machine whose deletion is going on.
    DeleteMachine {
        /// Which.
        machine: Id,
        /// Its ARN, by which its tags are found.
        arn: Str,
    },
    /// An Express execution that isn't closed: after a crash it is run again from its start.
    Express(Box<ExpressRecord>),
    /// A map run that is to be worked on, or to end.
    MapRun {
        /// Which.
        id: Id,
        /// Its ARN.
        arn: Str,
        /// What is to be done.
        life: Life,
    },
    /// A child of a map run has closed, and its run hasn't counted it yet.
    ChildClosed(Id),
}

/// What an Express execution is started from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExpressRecord {
    /// Names this row in its shard.
    pub(crate) row: Id,
    pub(crate) machine: Id,
    pub(crate) revision: Id,
    pub(crate) arn: Str,
    pub(crate) name: Str,
    pub(crate) machine_arn: Str,
    pub(crate) machine_name: Str,
    pub(crate) role_arn: Str,
    pub(crate) account: Str,
    pub(crate) region: Str,
    pub(crate) alias_arn: Option<Str>,
    pub(crate) version_arn: Option<Str>,
    pub(crate) trace_header: Option<Str>,
    pub(crate) input: Payload,
    #[serde(default)]
    pub(crate) test_case: Option<Box<TestCase>>,
}

/// The events of one turn, each payload once.
#[derive(Serialize, Deserialize)]
struct HistoryRecord {
    payloads: Vec<Payload>,
    events: Vec<Event<u32>>,
}

/// Encodes events; payloads that are one in memory are one in the record.
pub(crate) fn encode_events(events: &[Event]) -> Record {
    let mut payloads: Vec<Payload> = Vec::new();
    let mut known: HashMap<usize, u32> = HashMap::new();
    let mut number = |payload: Payload| -> Result<u32, std::convert::Infallible> {
        Ok(*known.entry(payload.identity()).or_insert_with(|| {
            payloads.push(payload);
            u32::try_from(payloads.len() - 1).unwrap_or(u32::MAX)
        }))
    };
    let events: Vec<Event<u32>> = events
        .iter()
        .map(|event| match event.clone().try_map(&mut number) {
            Ok(event) => event,
        })
        .collect();
    encode(&HistoryRecord { payloads, events })
}

pub(crate) fn decode_events(record: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let HistoryRecord { payloads, events } = decode(record)?;
    let mut payload = |number: u32| {
        usize::try_from(number)
            .ok()
            .and_then(|number| payloads.get(number))
            .cloned()
            .ok_or_else(|| Unreadable::missing("a payload of an event"))
    };
    events.into_iter().map(|event| event.try_map(&mut payload)).collect()
}

#[cfg(test)]
mod tests {
    use newel_machine::{Detail, StateType};

    use super::*;

    fn event(id: u64, input: &Payload) -> Event {
        let detail =
            Detail::StateEntered { state_type: StateType::Pass, name: "A".into(), input: input.clone() };
        Event { id, previous: id - 1, timestamp: Timestamp::from_millis(5), detail }
    }

    #[test]
    fn a_payload_is_stored_once_however_often_events_refer_to_it() {
        let payload = Payload::parse(format!("\"{}\"", "x".repeat(2_000))).unwrap();
        let once = encode_events(&[event(1, &payload)]).len();
        let events: Vec<Event> = (1..=5).map(|id| event(id, &payload)).collect();
        let record = encode_events(&events);
        assert!(record.len() < once + 200, "{} against {once}", record.len());
        assert_eq!(decode_events(&record).unwrap(), events);
    }

    #[test]
    fn large_records_are_compressed_and_read_back() {
        let payload = Payload::parse(format!("\"{}\"", "y".repeat(100_000))).unwrap();
        let record = encode_events(&[event(1, &payload)]);
        assert!(record.len() < 10_000 && record[1] == Codec::Zstd as u8);
        assert_eq!(decode_events(&record).unwrap(), [event(1, &payload)]);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let good = encode(&7_u8);
        for bad in
            [vec![], vec![VERSION], vec![9, 0, 7], vec![VERSION, 7, 7], vec![VERSION, 1, 7], vec![VERSION, 0]]
        {
            assert!(decode::<u8>(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(decode::<u8>(&good).unwrap(), 7);
    }
}
