//! Status-change events to an event bus of Amazon EventBridge
//! (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
//!
//! An event is delivered at least once: a call whose answer was lost is made again. Detail and resources are the same each time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use newel_value::{Members, Payload, Str, Value, object, write_string};

use crate::delivery::{Deliveries, Failed, Place};
use crate::options::EventOptions;
use crate::sink::{Error, Sink};
use crate::status::{DETAIL_TYPE, StatusEvent};

/// Entries that one call may have.
const ENTRIES: usize = 10;
/// Bytes that the entries of one call may have together.
const BYTES: usize = 256 << 10;
/// What an entry counts for its time.
const TIME_BYTES: usize = 14;
/// Calls at a time.
const AT_ONCE: usize = 4;
/// How often what a call didn't take of its entries is sent again.
const ROUNDS: usize = 4;
/// The wait after the first of them; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

const PUT: &str = "eventbridge:putEvents";

/// Puts events on a bus.
#[derive(Debug)]
pub(crate) struct EventBridgeSink {
    deliveries: Arc<Deliveries>,
    bus: Str,
    source: Str,
    role: Option<Str>,
}

impl EventBridgeSink {
    pub(crate) fn new(deliveries: Arc<Deliveries>, options: &EventOptions) -> Self {
        Self {
            deliveries,
            bus: options.eventbridge_bus.as_str().into(),
            source: options.eventbridge_source.as_str().into(),
            role: options.eventbridge_role_arn.as_deref().map(Str::from),
        }
    }

    fn place(&self, event: &StatusEvent) -> Place {
        Place {
            account: Arc::clone(&event.info().account),
            region: Arc::clone(&event.info().region),
            machine_role: "".into(),
            role: self.role.clone(),
        }
    }

    /// What an entry counts, as the service counts it.
    fn size(&self, event: &StatusEvent) -> usize {
        let detail = event.detail_text().len();
        TIME_BYTES + self.source.len() + DETAIL_TYPE.len() + detail + event.info().arn.len()
    }

    /// Events in calls' portions: those of one account and region together.
    fn portions(&self, events: &[Arc<StatusEvent>]) -> Vec<(Place, Vec<Arc<StatusEvent>>)> {
        let mut portions: Vec<(Place, Vec<Arc<StatusEvent>>, usize)> = Vec::new();
        for event in events {
            let (place, size) = (self.place(event), self.size(event));
            let last = portions.iter_mut().rev().find(|(of, ..)| *of == place);
            match last {
                Some((_, portion, bytes)) if portion.len() < ENTRIES && *bytes + size <= BYTES => {
                    portion.push(Arc::clone(event));
                    *bytes += size;
                }
                _ => portions.push((place, vec![Arc::clone(event)], size)),
            }
        }
        portions.into_iter().map(|(place, portion, _)| (place, portion)).collect()
    }

    fn entry(&self, event: &StatusEvent, m: &mut Members<'_>) {
        m.text("EventBusName", &self.bus);
        m.text("Source", &self.source);
        m.text("DetailType", DETAIL_TYPE);
        m.text("Time", &event.whole_seconds().to_string());
        m.array("Resources", &[&event.info().arn], |arn, out| write_string(arn, out));
        m.text("Detail", event.detail_text());
    }

    /// Puts events, those again that the service didn't take. Says how many it never took, and why.
    async fn deliver(&self, place: Place, mut events: Vec<Arc<StatusEvent>>) -> Option<Error> {
        let (mut why, mut wait) = (String::new(), FIRST_WAIT);
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
                wait *= 2;
            }
            let mut text = String::new();
            object(&mut text, |m| {
                m.array("Entries", &events, |event, out| object(out, |m| self.entry(event, m)));
            });
            match self.deliveries.call_until_made(&place, PUT, &text, |_| true).await {
                Ok(answer) => {
                    let refused = refusals(&answer, events.len());
                    why = refused.iter().flatten().next().cloned().unwrap_or_default();
                    let mut refused = refused.into_iter();
                    events.retain(|_| refused.next().flatten().is_some());
                }
                Err(failed) => return Some(lost(&events, &failed)),
            }
            if events.is_empty() {
                return None;
            }
        }
        Some(Error { count: events.len(), why })
    }
}

fn lost(events: &[Arc<StatusEvent>], failed: &Failed) -> Error {
    Error { count: events.len(), why: failed.to_string() }
}

/// Why each entry of a call wasn't taken, if it wasn't.
fn refusals(answer: &Payload, entries: usize) -> Vec<Option<String>> {
    let answer = answer.value();
    let told = answer.get("Entries").and_then(Value::as_array).unwrap_or_default();
    let refusal = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let code = text("ErrorCode")?;
        Some(format!("{code}: {}", text("ErrorMessage").unwrap_or_default()))
    };
    (0..entries).map(|i| told.get(i).and_then(refusal)).collect()
}

#[async_trait]
impl Sink<StatusEvent> for EventBridgeSink {
    fn name(&self) -> &'static str {
        "eventbridge"
    }

    async fn write(&mut self, batch: &[Arc<StatusEvent>]) -> Result<(), Error> {
        let sink = &*self;
        let calls: Vec<_> =
            sink.portions(batch).into_iter().map(|(place, events)| sink.deliver(place, events)).collect();
        let lost: Vec<Error> =
            stream::iter(calls).buffer_unordered(AT_ONCE).filter_map(async |lost| lost).collect().await;
        let count = lost.iter().map(|error| error.count).sum();
        match lost.into_iter().next() {
            None => Ok(()),
            Some(Error { why, .. }) => Err(Error { count, why }),
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::delivery::tests::scripted;
    use crate::status::tests::succeeded;

    fn sink(deliveries: Arc<Deliveries>) -> EventBridgeSink {
        EventBridgeSink::new(deliveries, &EventOptions::default())
    }

    #[tokio::test]
    async fn what_a_call_did_not_take_is_sent_again() {
        let first = Mutex::new(true);
        let (deliveries, script) = scripted(move |_, _| {
            let first = std::mem::replace(&mut *first.lock(), false);
            let refused =
                r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException"}]}"#;
            Ok(if first { refused.to_owned() } else { r#"{"Entries":[{"EventId":"2"}]}"#.to_owned() })
        });
        let events = [succeeded("{}"), succeeded("{}")];
        sink(deliveries).write(&events).await.unwrap();
        let calls = script.calls.lock();
        let entries = |call: usize| calls[call].1.get("Entries").and_then(Value::as_array).unwrap().len();
        assert_eq!((calls.len(), entries(0), entries(1)), (2, 2, 1));
        let entry = calls[0].1.pointer("/Entries/0").unwrap();
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap();
        assert_eq!((text("Source"), text("EventBusName")), ("newel.states", "default"));
        assert_eq!(text("Time"), "2023-11-14T22:13:21Z");
        assert_eq!(
            Value::parse(text("Detail")).unwrap().get("status").and_then(Value::as_str),
            Some("SUCCEEDED")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_taken_is_lost_and_said_why() {
        let began = tokio::time::Instant::now();
        let (deliveries, script) = scripted(|_, _| {
            Ok(r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"NotAuthorizedForSourceException","ErrorMessage":"no"}]}"#.to_owned())
        });
        let lost = sink(deliveries).write(&[succeeded("{}")]).await.unwrap_err();
        assert_eq!((lost.count, lost.why.as_str()), (1, "NotAuthorizedForSourceException: no"));
        assert_eq!(script.calls.lock().len(), ROUNDS);
        let (least, waits) = (FIRST_WAIT * 7, began.elapsed());
        assert!(
            (least..least * 5 / 4).contains(&waits),
            "three pauses, and none after the last round: {waits:?}"
        );
    }

    #[test]
    fn a_call_keeps_to_the_service_s_limits() {
        let (deliveries, _script) = scripted(|_, _| Ok("{}".to_owned()));
        let sizes = |events: &[Arc<StatusEvent>]| -> Vec<usize> {
            sink(Arc::clone(&deliveries)).portions(events).iter().map(|(_, portion)| portion.len()).collect()
        };
        let small: Vec<_> = (0..23).map(|_| succeeded("{}")).collect();
        assert_eq!(sizes(&small), [10, 10, 3]);
        let large = format!("\"{}\"", "x".repeat(100 << 10));
        let large: Vec<_> = (0..5).map(|_| succeeded(&large)).collect();
        assert_eq!(sizes(&large), [2, 2, 1]);
    }
}
