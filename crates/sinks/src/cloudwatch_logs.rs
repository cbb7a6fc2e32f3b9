//! Execution logs to the CloudWatch log groups that state machines name.
//!
//! One log stream a state machine, process and day: `states/<machine>/<date>/<hash>`
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>). A batch keeps to the limits of `PutLogEvents`
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use newel_asl::Timestamp;
use newel_asl::arn::is_region;
use newel_value::{Str, object};

use crate::delivery::{Deliveries, Failed, Place};
use crate::logs::{Destination, LogRecord};
use crate::sink::{Entry as _, Error, Sink};

/// Records that one call may have.
const RECORDS: usize = 10_000;
/// Bytes that one call may have: of each record its text and [`RECORD_OVERHEAD`].
const BYTES: usize = 1 << 20;
/// What a record counts beyond its text.
const RECORD_OVERHEAD: usize = 26;
/// Log groups that are written to at a time.
const AT_ONCE: usize = 8;
/// Streams that are remembered as being there. One that was forgotten is followed by another.
const STREAMS: usize = 4_096;

const PUT: &str = "cloudwatchlogs:putLogEvents";
const CREATE: &str = "cloudwatchlogs:createLogStream";

/// Writes records to the log groups of their state machines.
#[derive(Debug)]
pub(crate) struct CloudWatchLogsSink {
    deliveries: Arc<Deliveries>,
    streams: BTreeMap<Target, Stream>,
    /// The targets whose last call failed. They are tried once a batch, so that they hold up nobody else's records for long.
    failing: BTreeSet<Target>,
}

/// A log group with whose records go there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    place: Place,
    group: Str,
    machine: Str,
}

/// A log stream that is there.
#[derive(Clone, Debug, PartialEq)]
struct Stream {
    day: String,
    name: String,
}

impl CloudWatchLogsSink {
    pub(crate) const fn new(deliveries: Arc<Deliveries>) -> Self {
        Self { deliveries, streams: BTreeMap::new(), failing: BTreeSet::new() }
    }
}

/// The group's name and region in an ARN `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`, if it is one of the account's: a name
/// says nothing of whose it is, so another account's would be taken for the caller's own.
fn group_of(arn: &str, account: &str) -> Result<(Str, Str), String> {
    let fields: Vec<&str> = arn.splitn(7, ':').collect();
    match fields[..] {
        ["arn", _, "logs", region, _, "log-group", _] if !is_region(region) => {
            Err(format!("{arn} names no region"))
        }
        ["arn", _, "logs", region, owner, "log-group", name] if owner == account => {
            let name = name.strip_suffix(":*").unwrap_or(name);
            Ok((name.into(), region.into()))
        }
        ["arn", _, "logs", _, _, "log-group", _] => Err(format!("the log group {arn} is another account's")),
        _ => Err(format!("{arn} is no log group's ARN")),
    }
}

fn targets(destination: &Destination) -> impl Iterator<Item = Result<Target, String>> + '_ {
    destination.groups.iter().map(|arn| {
        let (group, region) = group_of(arn, &destination.account)?;
        let place = Place {
            account: Arc::clone(&destination.account),
            region,
            machine_role: Arc::clone(&destination.role),
            role: None,
        };
        Ok(Target { place, group, machine: Arc::clone(&destination.machine) })
    })
}

/// Records in calls' portions, in the order of their times, which the service insists on.
fn portions(mut records: Vec<Arc<LogRecord>>) -> Vec<Vec<Arc<LogRecord>>> {
    records.sort_by_key(|record| record.at());
    let mut portions: Vec<Vec<Arc<LogRecord>>> = Vec::new();
    let mut bytes = usize::MAX;
    for record in records {
        let size = record.text().len() + RECORD_OVERHEAD;
        match portions.last_mut() {
            Some(portion) if portion.len() < RECORDS && bytes + size <= BYTES => {
                portion.push(record);
                bytes += size;
            }
            _ => {
                portions.push(vec![record]);
                bytes = size;
            }
        }
    }
    portions
}

/// A day and a minute of it: `2026-11-24` and `21-06`.
fn day_and_minute(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    (day.to_owned(), time.get(..5).unwrap_or_default().replace(':', "-"))
}

/// A name for a new stream of a machine, begun at a time.
fn new_stream(machine: &str, at: Timestamp) -> Stream {
    let (day, minute) = day_and_minute(at);
    let name = format!("states/{machine}/{day}-{minute}/{:08x}", fastrand::u32(..));
    Stream { day, name }
}

async fn create(
    deliveries: &Deliveries,
    target: &Target,
    repeat: bool,
    at: Timestamp,
) -> Result<Stream, Failed> {
    let stream = new_stream(&target.machine, at);
    let mut text = String::new();
    object(&mut text, |m| {
        m.text("LogGroupName", &target.group);
        m.text("LogStreamName", &stream.name);
    });
    match deliveries.call_until_made(&target.place, CREATE, &text, |_| repeat).await {
        // An earlier try of ours whose answer was lost.
        Err(failed) if failed.is("ResourceAlreadyExistsException") => Ok(stream),
        other => other.map(|_| stream),
    }
}

async fn put(
    deliveries: &Deliveries,
    target: &Target,
    repeat: bool,
    stream: &Stream,
    records: &[Arc<LogRecord>],
) -> Result<(), Failed> {
    let mut text = String::new();
    object(&mut text, |m| {
        m.text("LogGroupName", &target.group);
        m.text("LogStreamName", &stream.name);
        m.array("LogEvents", records, |record, out| {
            object(out, |m| {
                m.number("Timestamp", u64::try_from(record.at().as_millis()).unwrap_or(0));
                m.text("Message", record.text());
            });
        });
    });
    deliveries.call_until_made(&target.place, PUT, &text, |_| repeat).await.map(drop)
}

/// Writes one target's records, and says what became of them and of its stream.
async fn write_to(
    deliveries: &Deliveries,
    target: Target,
    repeat: bool,
    known: Option<Stream>,
    records: Vec<Arc<LogRecord>>,
) -> (Target, Option<Stream>, Option<Error>) {
    let mut current = known;
    let mut lost: Option<Error> = None;
    for portion in portions(records) {
        let written = write_portion(deliveries, &target, repeat, &mut current, &portion).await;
        if let Err(failed) = written {
            let why = lost.map_or_else(|| (0, format!("{}: {failed}", target.group)), |e| (e.count, e.why));
            lost = Some(Error { count: why.0 + portion.len(), why: why.1 });
        }
    }
    (target, current, lost)
}

async fn write_portion(
    deliveries: &Deliveries,
    target: &Target,
    repeat: bool,
    current: &mut Option<Stream>,
    portion: &[Arc<LogRecord>],
) -> Result<(), Failed> {
    let at = portion.first().map_or_else(crate::delivery::now, |record| record.at());
    let (today, _) = day_and_minute(at);
    let known = current.take().filter(|stream| stream.day == today);
    let was_known = known.is_some();
    let stream = match known {
        Some(stream) => stream,
        None => create(deliveries, target, repeat, at).await?,
    };
    match put(deliveries, target, repeat, &stream, portion).await {
        Ok(()) => {
            *current = Some(stream);
            Ok(())
        }
        // Somebody deleted it, or the group with it and made that again.
        Err(failed) if was_known && failed.is("ResourceNotFoundException") => {
            let stream = create(deliveries, target, repeat, at).await?;
            put(deliveries, target, repeat, &stream, portion).await?;
            *current = Some(stream);
            Ok(())
        }
        Err(failed) => {
            *current = Some(stream);
            Err(failed)
        }
    }
}

#[async_trait]
impl Sink<LogRecord> for CloudWatchLogsSink {
    fn name(&self) -> &'static str {
        "cloudwatch"
    }

    async fn write(&mut self, batch: &[Arc<LogRecord>]) -> Result<(), Error> {
        let mut sorted: BTreeMap<Target, Vec<Arc<LogRecord>>> = BTreeMap::new();
        let mut lost: Vec<Error> = Vec::new();
        for record in batch {
            for target in targets(record.destination()) {
                match target {
                    Ok(target) => sorted.entry(target).or_default().push(Arc::clone(record)),
                    Err(why) => lost.push(Error { count: 1, why }),
                }
            }
        }
        let deliveries = &*self.deliveries;
        let writes: Vec<_> = sorted
            .into_iter()
            .map(|(target, records)| {
                let known = self.streams.remove(&target);
                let repeat = !self.failing.contains(&target);
                write_to(deliveries, target, repeat, known, records)
            })
            .collect();
        let mut under_way = stream::iter(writes).buffer_unordered(AT_ONCE);
        while let Some((target, known, failed)) = under_way.next().await {
            if self.streams.len() >= STREAMS {
                self.streams.pop_first();
            }
            if self.failing.len() >= STREAMS {
                self.failing.pop_first();
            }
            match failed {
                Some(_) => self.failing.insert(target.clone()),
                None => self.failing.remove(&target),
            };
            self.streams.extend(known.map(|stream| (target, stream)));
            lost.extend(failed);
        }
        let count = lost.iter().map(|error| error.count).sum();
        match lost.into_iter().next() {
            None => Ok(()),
            Some(Error { why, .. }) => Err(Error { count, why }),
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_machine::{Detail, Event};
    use newel_value::{Payload, Value};
    use parking_lot::Mutex;

    use super::*;
    use crate::delivery::tests::scripted;

    const GROUP: &str = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/vendedlogs/states/g:*";

    fn record(id: u64, at: i64, output: &str, groups: &[&str]) -> Arc<LogRecord> {
        let output = Payload::from_checked_text(output);
        let event = Event {
            id,
            previous: 0,
            timestamp: Timestamp::from_millis(at),
            detail: Detail::ExecutionSucceeded { output },
        };
        let destination = Destination {
            groups: groups.iter().map(|group| Str::from(*group)).collect(),
            account: "000000000000".into(),
            machine: "m".into(),
            role: "".into(),
        };
        Arc::new(LogRecord::new("arn:e".into(), event, 0, true, Arc::new(destination)))
    }

    fn text<'a>(parameters: &'a Value, name: &str) -> &'a str {
        parameters.get(name).and_then(Value::as_str).unwrap()
    }

    #[test]
    fn a_region_is_nothing_but_a_region() {
        let group = |region: &str| group_of(&format!("arn:aws:logs:{region}:1:log-group:g:*"), "1");
        assert_eq!(group("eu-west-1").unwrap(), ("g".into(), "eu-west-1".into()));
        for region in ["", "evil.example/", "a.b", "a@b", "EU"] {
            assert!(group(region).unwrap_err().contains("names no region"), "{region}");
        }
    }

    #[tokio::test]
    async fn records_go_to_their_group_in_the_order_of_their_times() {
        let (deliveries, script) = scripted(|_, _| Ok("{}".to_owned()));
        let mut sink = CloudWatchLogsSink::new(deliveries);
        let day = 86_400_000;
        let elsewhere = GROUP.replace("000000000000", "111111111111");
        let batch =
            [record(2, 2, "1", &[GROUP]), record(1, 1, "1", &[GROUP]), record(3, 3, "1", &[&elsewhere])];
        let lost = sink.write(&batch).await.unwrap_err();
        assert_eq!((lost.count, lost.why.contains("another account's")), (1, true), "{lost}");
        sink.write(&[record(4, 4, "1", &[GROUP])]).await.unwrap();
        sink.write(&[record(5, day, "1", &[GROUP])]).await.unwrap();
        let calls = script.calls.lock();
        let actions: Vec<_> = calls.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(actions, [CREATE, PUT, PUT, CREATE, PUT], "one stream a day");
        let (_, first) = &calls[1];
        assert_eq!(text(first, "LogGroupName"), "/aws/vendedlogs/states/g");
        let name = text(first, "LogStreamName");
        assert!(name.starts_with("states/m/1970-01-01-00-00/") && name.len() == 34, "{name}");
        let times = first.get("LogEvents").and_then(Value::as_array).unwrap();
        let times: Vec<_> = times.iter().map(|event| event.get("Timestamp").unwrap().to_json()).collect();
        assert_eq!(times, ["1", "2"]);
        assert!(text(&calls[4].1, "LogStreamName").starts_with("states/m/1970-01-02-00-00/"));
    }

    #[tokio::test]
    async fn a_stream_that_is_gone_is_made_again_and_a_group_that_is_gone_loses_its_records() {
        let puts = Mutex::new(0);
        let (deliveries, script) = scripted(move |action, _| {
            let mut puts = puts.lock();
            *puts += usize::from(action == PUT);
            match (action, *puts) {
                (PUT, 2) | (_, 4..) => Err(("CloudWatchLogs.ResourceNotFoundException", "gone")),
                _ => Ok("{}".to_owned()),
            }
        });
        let mut sink = CloudWatchLogsSink::new(deliveries);
        for id in 1..=2 {
            sink.write(&[record(id, 1, "1", &[GROUP])]).await.unwrap();
        }
        let actions: Vec<_> = script.calls.lock().iter().map(|(action, _)| action.clone()).collect();
        assert_eq!(actions, [CREATE, PUT, PUT, CREATE, PUT]);
        let lost = sink.write(&[record(3, 1, "1", &[GROUP]), record(4, 1, "1", &[GROUP])]).await.unwrap_err();
        assert_eq!(lost.count, 2);
    }

    #[test]
    fn a_call_keeps_to_the_service_s_limits() {
        let large = format!("\"{}\"", "x".repeat(200 << 10));
        let records = (0..12).map(|id| record(id, 1, &large, &[GROUP])).collect();
        let sizes: Vec<_> = portions(records).iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 5, 2]);
        let records = (0..10_001).map(|id| record(id, 1, "1", &[GROUP])).collect();
        assert!(portions(records).iter().all(|portion| {
            let bytes: usize = portion.iter().map(|record| record.text().len() + RECORD_OVERHEAD).sum();
            portion.len() <= RECORDS && bytes <= BYTES
        }));
    }
}
