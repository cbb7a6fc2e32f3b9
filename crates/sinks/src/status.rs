//! `Step Functions Execution Status Change`, as EventBridge delivers it
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>).

use std::sync::OnceLock;

use newel_asl::Timestamp;
use newel_engine::Committed;
use newel_engine::request::Redrivable;
use newel_machine::{Detail, Event, Fault, Info};
use newel_value::{Members, Payload, object, write_string};
use sha2::{Digest as _, Sha256};

use crate::sink::Entry;

/// The events' type.
pub(crate) const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Bytes of input and output together, with their escapes, beyond which the input is left out, and the output beyond it alone:
/// EventBridge takes 256 KiB an event.
const DATA_BYTES: usize = 248 << 10;

/// An execution has another status.
#[derive(Debug)]
pub struct StatusEvent {
    info: Info,
    event: Event,
    /// How often it has been redriven, and when last.
    redrives: (u64, Option<Timestamp>),
    /// Whether it could be redriven now.
    redrivable: Redrivable,
    id: uuid::Uuid,
    weight: usize,
    text: OnceLock<String>,
    detail_text: OnceLock<String>,
}

/// What an event says of the execution's end, so far.
struct Status<'a> {
    name: &'static str,
    stopped_at: Option<Timestamp>,
    output: Option<&'a Payload>,
    fault: Option<&'a Fault>,
}

/// The status that an event gives its execution, if it gives it one.
fn status(event: &Event) -> Option<Status<'_>> {
    let closed = |name, output, fault| Status { name, stopped_at: Some(event.timestamp), output, fault };
    Some(match &event.detail {
        Detail::ExecutionStarted { .. } | Detail::ExecutionRedriven { .. } => {
            Status { name: "RUNNING", stopped_at: None, output: None, fault: None }
        }
        Detail::ExecutionSucceeded { output } => closed("SUCCEEDED", Some(output), None),
        Detail::ExecutionFailed(fault) => closed("FAILED", None, Some(fault)),
        Detail::ExecutionTimedOut(fault) => closed("TIMED_OUT", None, Some(fault)),
        Detail::ExecutionAborted(fault) => closed("ABORTED", None, Some(fault)),
        _ => return None,
    })
}

impl StatusEvent {
    /// What an event tells of its execution's status, if it tells anything.
    pub(crate) fn of(turn: &Committed<'_>, event: &Event) -> Option<Self> {
        status(event)?;
        let redrivable = turn.redrivable_after(event)?;
        let mut hash = Sha256::new();
        hash.update(b"status");
        hash.update(turn.execution.0);
        hash.update(event.id.to_be_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        let info = turn.info.clone();
        let weight = info.input.text().len() + event.bytes() + 1_024;
        let id = uuid::Builder::from_custom_bytes(half).into_uuid();
        let redrives = (turn.redrives.count, turn.redrives.last);
        Some(Self {
            info,
            event: event.clone(),
            redrives,
            redrivable,
            id,
            weight,
            text: OnceLock::new(),
            detail_text: OnceLock::new(),
        })
    }

    /// What is fixed of the execution.
    pub(crate) const fn info(&self) -> &Info {
        &self.info
    }

    /// The event's `detail` alone, as JSON text. Made once, when it is first asked for.
    pub(crate) fn detail_text(&self) -> &str {
        self.detail_text.get_or_init(|| {
            let mut out = String::with_capacity(self.weight);
            object(&mut out, |m| self.detail(m));
            out
        })
    }

    /// When it happened, as EventBridge tells times.
    pub(crate) const fn whole_seconds(&self) -> Timestamp {
        whole_seconds(self.event.timestamp)
    }

    fn render(&self) -> String {
        let info = &self.info;
        let mut out = String::with_capacity(self.weight + 512);
        object(&mut out, |m| {
            m.text("version", "0");
            m.text("id", &self.id.hyphenated().to_string());
            m.text("detail-type", DETAIL_TYPE);
            m.text("source", "aws.states");
            m.text("account", &info.account);
            m.text("time", &whole_seconds(self.event.timestamp).to_string());
            m.text("region", &info.region);
            m.array("resources", &[&info.arn], |arn, out| write_string(arn, out));
            m.object("detail", |m| self.detail(m));
        });
        out
    }

    fn detail(&self, m: &mut Members<'_>) {
        let Some(Status { name, stopped_at, output, fault }) = status(&self.event) else { return };
        let info = &self.info;
        let mut room = DATA_BYTES;
        let mut fits = |payload: &Payload| {
            let mut text = String::new();
            write_string(payload.text(), &mut text);
            let left = room.checked_sub(text.len());
            room = left.unwrap_or(room);
            left.is_some()
        };
        // The output goes first: it is the input that gives way to it.
        let output_fits = output.is_none_or(&mut fits);
        let input_fits = fits(&info.input);
        m.text("executionArn", &info.arn);
        m.text("stateMachineArn", &info.machine_arn);
        m.text("name", &info.name);
        m.text("status", name);
        millis(m, "startDate", Some(info.started_at));
        millis(m, "stopDate", stopped_at);
        nullable(m, "input", input_fits.then(|| info.input.text()));
        nullable(m, "output", output.filter(|_| output_fits).map(Payload::text));
        nullable(m, "stateMachineVersionArn", info.version_arn.as_deref());
        nullable(m, "stateMachineAliasArn", info.alias_arn.as_deref());
        m.number("redriveCount", self.redrives.0);
        millis(m, "redriveDate", self.redrives.1);
        m.text("redriveStatus", self.redrivable.name());
        nullable(m, "redriveStatusReason", self.redrivable.reason().map(|why| &**why));
        m.object("inputDetails", |m| m.flag("included", input_fits));
        match output {
            Some(_) => m.object("outputDetails", |m| m.flag("included", output_fits)),
            None => m.null("outputDetails"),
        }
        nullable(m, "error", fault.and_then(|fault| fault.error.as_deref()));
        nullable(m, "cause", fault.and_then(|fault| fault.cause.as_deref()));
    }
}

fn nullable(m: &mut Members<'_>, name: &str, text: Option<&str>) {
    match text {
        Some(text) => m.text(name, text),
        None => m.null(name),
    }
}

/// Milliseconds since the epoch.
fn millis(m: &mut Members<'_>, name: &str, at: Option<Timestamp>) {
    match at {
        Some(at) => m.number(name, u64::try_from(at.as_millis()).unwrap_or(0)),
        None => m.null(name),
    }
}

const fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() - at.as_millis().rem_euclid(1_000))
}

impl Entry for StatusEvent {
    fn text(&self) -> &str {
        self.text.get_or_init(|| self.render())
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn at(&self) -> Timestamp {
        self.event.timestamp
    }

    fn id(&self) -> String {
        self.id.hyphenated().to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use newel_asl::{Limits, MachineType};
    use newel_engine::Logging;
    use newel_machine::Redrives;
    use newel_store::Id;

    use super::*;

    fn text(input: &str, detail: Detail) -> Option<String> {
        told(input, detail, false)
    }

    fn told(input: &str, detail: Detail, is_child: bool) -> Option<String> {
        made(input, detail, is_child).map(|event| event.text().to_owned())
    }

    /// That an execution with this input succeeded.
    pub(crate) fn succeeded(input: &str) -> Arc<StatusEvent> {
        let output = Payload::from_checked_text("1");
        Arc::new(made(input, Detail::ExecutionSucceeded { output }, false).unwrap())
    }

    fn made(input: &str, detail: Detail, is_child: bool) -> Option<StatusEvent> {
        let info = Info {
            arn: "arn:e".into(),
            name: "e".into(),
            machine_arn: "arn:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:r".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            started_at: Timestamp::from_millis(1_700_000_000_123),
            input: Payload::from_checked_text(input),
            alias_arn: None,
            version_arn: Some("arn:m:1".into()),
        };
        let events =
            [Event { id: 5, previous: 4, timestamp: Timestamp::from_millis(1_700_000_001_999), detail }];
        let logging = Logging::default();
        let redrives =
            Redrives { count: 1, last: Some(Timestamp::from_millis(1_700_000_000_500)), tokens: Vec::new() };
        let limits = Limits::default();
        let turn = Committed {
            info: &info,
            execution: Id([7; 16]),
            events: &events,
            redrives: &redrives,
            machine_type: MachineType::Standard,
            logging: &logging,
            is_child,
            limits: &limits,
        };
        StatusEvent::of(&turn, &events[0])
    }

    #[test]
    fn an_end_is_told_in_eventbridge_s_shape() {
        let fault = Fault { error: Some("E".into()), cause: None };
        let told = text(r#"{"a": 1}"#, Detail::ExecutionFailed(fault.clone())).unwrap();
        let (id, rest) = (&told[21..57], [&told[..21], &told[57..]].concat());
        assert_eq!(
            rest,
            concat!(
                r#"{"version":"0","id":"","detail-type":"Step Functions Execution Status Change","#,
                r#""source":"aws.states","account":"000000000000","time":"2023-11-14T22:13:21Z","#,
                r#""region":"us-east-1","resources":["arn:e"],"detail":{"executionArn":"arn:e","#,
                r#""stateMachineArn":"arn:m","name":"e","status":"FAILED","startDate":1700000000123,"#,
                r#""stopDate":1700000001999,"input":"{\"a\": 1}","output":null,"#,
                r#""stateMachineVersionArn":"arn:m:1","stateMachineAliasArn":null,"#,
                r#""redriveCount":1,"redriveDate":1700000000500,"#,
                r#""redriveStatus":"REDRIVABLE","redriveStatusReason":null,"#,
                r#""inputDetails":{"included":true},"outputDetails":null,"error":"E","cause":null}}"#,
            )
        );
        assert_eq!(
            text("{}", Detail::ExecutionFailed(fault)).unwrap()[21..57],
            *id,
            "the same event, the same id"
        );
        assert_eq!(text("{}", Detail::MapFailed), None);
    }

    #[test]
    fn whether_it_could_be_redriven_is_told_as_of_the_event() {
        let failed = Detail::ExecutionFailed(Fault { error: None, cause: None });
        let succeeded = Detail::ExecutionSucceeded { output: Payload::from_checked_text("1") };
        let no = |status: &str| {
            format!(
                r#""redriveStatus":"NOT_REDRIVABLE","redriveStatusReason":"Execution is {status} and cannot be redriven""#
            )
        };
        let by_map_run = r#""redriveStatus":"REDRIVABLE_BY_MAP_RUN","redriveStatusReason":null"#.to_owned();
        for (detail, is_child, expected) in [
            (Detail::ExecutionRedriven { redrive_count: 1 }, false, no("RUNNING")),
            (succeeded, true, no("SUCCEEDED")),
            (failed, true, by_map_run),
        ] {
            let text = told("{}", detail, is_child).unwrap();
            assert!(text.contains(&expected), "{text}");
        }
    }
}
