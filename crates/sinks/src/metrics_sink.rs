//! Puts gathered metrics to CloudWatch
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>).
//!
//! A call whose answer was lost isn't made again, unlike one that the service refused to take now: a value too few is better than
//! one that counts twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_asl::Timestamp;
use newel_value::{Members, Str, object};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::delivery::{Deliveries, Failed, Place, now};
use crate::metrics::{Gathered, Series, Shared, Values};
use crate::options::MetricOptions;
use crate::service::Emptying;

/// Different values that one datum may have.
const VALUES: usize = 150;
/// Data that one call has, and values in all of them. The service takes 1,000 data and a megabyte of request, in which names may be as
/// long as they like and, by the protocol that says most, a value takes a hundred bytes.
const DATA: usize = 150;
const CALL_VALUES: usize = 3_000;

const PUT: &str = "cloudwatch:putMetricData";

/// A part of a series that fits a datum.
struct Datum<'a> {
    series: &'a Series,
    values: Vec<(u64, u64)>,
}

/// Puts what is gathered, once an interval.
#[derive(Debug)]
pub(crate) struct MetricSink {
    shared: Arc<Shared>,
    deliveries: Arc<Deliveries>,
    namespace: Str,
    interval: Duration,
    /// When what is being gathered began.
    since: Timestamp,
    /// Values that are being put: neither gathered any more nor counted yet.
    under_way: usize,
}

impl MetricSink {
    pub(crate) fn new(shared: Arc<Shared>, deliveries: Arc<Deliveries>, options: &MetricOptions) -> Self {
        Self {
            shared,
            deliveries,
            namespace: options.namespace.as_str().into(),
            interval: Duration::from_secs(options.interval_seconds.max(1)),
            since: now(),
            under_way: 0,
        }
    }

    async fn put(&mut self) {
        let gathered = self.shared.take();
        let at = std::mem::replace(&mut self.since, now());
        let mut lost: Option<Failed> = None;
        let calls = calls(&gathered);
        self.under_way = calls.iter().map(|(_, data)| data.len()).sum();
        for (place, data) in calls {
            let text = self.request(&data, at);
            let put =
                self.deliveries.call_until_made(place, PUT, &text, |failed| !failed.is_unanswered()).await;
            self.under_way -= data.len();
            match put {
                Ok(_) => self.shared.counters.delivered(data.len()),
                Err(failed) => {
                    self.shared.counters.dropped(data.len(), "failed");
                    lost.get_or_insert(failed);
                }
            }
        }
        if let Some(failed) = lost {
            tracing::warn!(sink = "cloudwatch", error = %failed, "metrics were lost");
        }
    }

    fn request(&self, data: &[Datum<'_>], at: Timestamp) -> String {
        let mut text = String::new();
        object(&mut text, |m| {
            m.text("Namespace", &self.namespace);
            m.array("MetricData", data, |datum, out| object(out, |m| write(datum, at, m)));
        });
        text
    }
}

fn write(datum: &Datum<'_>, at: Timestamp, m: &mut Members<'_>) {
    m.text("MetricName", &datum.series.name);
    m.array("Dimensions", &datum.series.dimensions, |(name, value), out| {
        object(out, |m| {
            m.text("Name", name);
            m.text("Value", value);
        });
    });
    m.text("Timestamp", &at.to_string());
    m.text("Unit", datum.series.unit.name());
    let number = |n: u64, out: &mut String| out.push_str(&n.to_string());
    m.array("Values", &datum.values, |(value, _), out| number(*value, out));
    m.array("Counts", &datum.values, |(_, count), out| number(*count, out));
}

/// What is gathered in portions of a call, each of one account and region.
fn calls(gathered: &Gathered) -> Vec<(&Place, Vec<Datum<'_>>)> {
    let mut calls: Vec<(&Place, Vec<Datum<'_>>)> = Vec::new();
    let mut has = 0;
    for (series, values) in gathered {
        for datum in data(series, values) {
            has += datum.values.len();
            match calls.last_mut() {
                Some((place, data)) if **place == series.place && data.len() < DATA && has <= CALL_VALUES => {
                    data.push(datum);
                }
                _ => {
                    has = datum.values.len();
                    calls.push((&series.place, vec![datum]));
                }
            }
        }
    }
    calls
}

fn data<'a>(series: &'a Series, values: &'a Values) -> impl Iterator<Item = Datum<'a>> {
    let values: Vec<_> = values.iter().map(|(value, count)| (*value, *count)).collect();
    let portions: Vec<_> = values.chunks(VALUES).map(<[_]>::to_vec).collect();
    portions.into_iter().map(move |values| Datum { series, values })
}

#[async_trait]
impl Emptying for MetricSink {
    async fn empty(&mut self, stopping: &CancellationToken) {
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Both arms are safe to drop: nothing is taken before one is through.
            let is_last = tokio::select! {
                _ = ticks.tick() => false,
                () = stopping.cancelled() => true,
            };
            self.put().await;
            if is_last {
                return;
            }
        }
    }

    fn abandon(&mut self) {
        let left = self.shared.take().len() + self.under_way;
        tracing::warn!(sink = "cloudwatch", left, "the process ends before metrics are put");
        if left > 0 {
            self.shared.counters.dropped(left, "stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_value::Value;

    use super::*;
    use crate::delivery::tests::{place, scripted};
    use crate::metrics::Unit;

    fn series(number: usize) -> Series {
        let dimensions = vec![("StateMachineArn", Str::from("arn:m"))];
        Series { place: place(), name: format!("Name{number}"), unit: Unit::Milliseconds, dimensions }
    }

    #[test]
    fn a_call_keeps_to_the_service_s_limits() {
        let mut gathered: Gathered =
            (0..DATA).map(|number| (series(number), Values::from([(1, 1)]))).collect();
        gathered.insert(series(DATA), (0..301).map(|value| (value, 2)).collect());
        let sizes: Vec<_> = calls(&gathered)
            .iter()
            .map(|(_, data)| (data.len(), data.iter().map(|datum| datum.values.len()).max().unwrap()))
            .collect();
        assert_eq!(sizes.iter().map(|(data, _)| data).sum::<usize>(), DATA + 3);
        assert!(sizes.iter().all(|(data, values)| *data <= DATA && *values <= VALUES), "{sizes:?}");
        let many: Gathered =
            (0..50).map(|n| (series(n), (0..VALUES as u64).map(|v| (v, 1)).collect())).collect();
        let sizes: Vec<_> = calls(&many).iter().map(|(_, data)| data.len()).collect();
        assert_eq!(sizes, [20, 20, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_for_now_is_put_again_and_what_is_unanswered_is_not() {
        for (error, calls) in
            [("CloudWatch.InternalServiceFaultException", 6), ("CloudWatch.SdkClientException", 1)]
        {
            let (deliveries, script) = scripted(move |_, _| Err((error, "no")));
            let options = MetricOptions { cloudwatch: true, ..MetricOptions::default() };
            let shared = Shared::with(series(0), 3);
            MetricSink::new(Arc::new(shared), deliveries, &options).put().await;
            assert_eq!(script.calls.lock().len(), calls, "{error}");
            let (action, request) = &script.calls.lock()[0];
            assert_eq!(
                (action.as_str(), request.get("Namespace").and_then(Value::as_str)),
                (PUT, Some("Newel/States"))
            );
            let datum = request.pointer("/MetricData/0").unwrap().to_json();
            let expect = r#"{"MetricName":"Name0","Dimensions":[{"Name":"StateMachineArn","Value":"arn:m"}],"Timestamp":"#;
            assert!(datum.starts_with(expect), "{datum}");
            assert!(datum.ends_with(r#""Unit":"Milliseconds","Values":[3],"Counts":[1]}"#), "{datum}");
        }
    }
}
