//! Metrics: recorded once, read twice.
//!
//! The facade is the OpenTelemetry metrics API, the `opentelemetry` crate, and nothing of ours: a component that records
//! depends on that small crate alone. Two readers sit behind it. One renders [`prometheus_text`] for `/metrics`; it is
//! always there. The other pushes OTLP every minute; it is there when an OTLP endpoint is configured.
//!
//! # How a component records
//!
//! It makes its instruments once, in its constructor, and keeps them (an instrument is a cheap clone of a handle):
//!
//! ```
//! use opentelemetry::{KeyValue, global, metrics::{Counter, Histogram}};
//!
//! struct Metrics { commits: Counter<u64>, commit_duration: Histogram<f64> }
//!
//! impl Metrics {
//!     fn new() -> Self {
//!         let meter = global::meter("newel.store");
//!         Self {
//!             commits: meter.u64_counter("newel.store.commits").with_description("Commits by outcome.").build(),
//!             commit_duration: meter
//!                 .f64_histogram("newel.store.commit.duration")
//!                 .with_unit("s")
//!                 .with_description("Time from a batch's first record to its answer.")
//!                 .build(),
//!         }
//!     }
//! }
//!
//! let metrics = Metrics::new();
//! metrics.commits.add(1, &[KeyValue::new("outcome", "committed")]);
//! metrics.commit_duration.record(0.002, &[]);
//! ```
//!
//! What is a level rather than an event (open executions, queue lengths, free credits) is an observable gauge: its
//! callback reads an atomic when somebody collects, and the hot path only moves that atomic.
//!
//! Rules:
//! * [`crate::telemetry::init`] comes first in `main`: an instrument made before it records nothing, for ever. Tests that
//!   don't initialise anything record nothing and need nothing.
//! * Names are `newel.<component>.<thing>` in lower case with dots; Prometheus sees `newel_store_commits_total`,
//!   `newel_store_commit_duration_seconds`. Counters are plural and have no `total` in the name.
//! * Units are UCUM: durations are `f64` seconds with unit `s`, sizes are `u64` bytes with unit `By`; both get the buckets
//!   of this module. Anything countable has no unit.
//! * Labels have static keys and values from a small closed set (a family, an outcome, an operation): never an ARN, an
//!   execution or a job. Static text costs no allocation. One instrument keeps at most 2,000 label sets; what comes
//!   later is counted under `otel_metric_overflow`.

use std::sync::OnceLock;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, MeterProviderBuilder, SdkMeterProvider, Stream,
};
use prometheus::{Encoder as _, Registry, TextEncoder};

/// The media type of [`prometheus_text`].
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bucket bounds of histograms with unit `s`: from a cached write to a long call, three to a decade.
const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Bucket bounds of histograms with unit `By`: from a small message to past AWS's largest payload.
const BYTES: [f64; 8] = [256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

/// What [`prometheus_text`] renders. The process has one, as it has one global meter provider.
static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// All metrics of this process in the Prometheus text format; empty before [`crate::telemetry::init`].
///
/// Collecting calls the callbacks of observable instruments, on the calling thread.
pub fn prometheus_text() -> String {
    REGISTRY.get().map(render).unwrap_or_default()
}

/// Makes `registry` the one that [`prometheus_text`] renders; only the first call has an effect.
pub(crate) fn publish(registry: Registry) {
    // A second initialisation fails at the subscriber before it gets here.
    let _ = REGISTRY.set(registry);
}

/// A meter provider that fills a registry of its own; the caller adds readers and builds it.
pub(crate) fn provider(resource: Resource) -> Result<(MeterProviderBuilder, Registry), String> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .map_err(|error| error.to_string())?;
    let builder =
        SdkMeterProvider::builder().with_resource(resource).with_reader(reader).with_view(bucket_view);
    Ok((builder, registry))
}

/// Gives histograms the buckets of their unit: the SDK's own suit milliseconds, which nothing here measures.
fn bucket_view(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram {
        return None;
    }
    let boundaries = match instrument.unit() {
        "s" => SECONDS.to_vec(),
        "By" => BYTES.to_vec(),
        _ => return None,
    };
    let aggregation = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: false };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

fn render(registry: &Registry) -> String {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
        // Whole families were written before the one that failed: they are still worth having.
        tracing::warn!(%error, "some metrics could not be rendered");
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::metrics::MeterProvider as _;

    use super::*;

    #[test]
    fn every_kind_of_instrument_is_rendered() {
        let resource = Resource::builder_empty().with_service_name("test").build();
        let (builder, registry) = provider(resource).unwrap();
        let provider = builder.build();
        let meter = provider.meter("newel.test");
        let counter = meter.u64_counter("newel.test.commits").with_description("Commits by outcome.").build();
        counter.add(2, &[KeyValue::new("outcome", "committed")]);
        counter.add(3, &[KeyValue::new("outcome", "committed")]);
        counter.add(1, &[KeyValue::new("outcome", "a \"quoted\"\nvalue")]);
        meter.f64_histogram("newel.test.commit.duration").with_unit("s").build().record(0.002, &[]);
        meter.u64_histogram("newel.test.payload").with_unit("By").build().record(300, &[]);
        meter.i64_up_down_counter("newel.test.open").build().add(-4, &[]);
        let _gauge = meter
            .u64_observable_gauge("newel.test.queue")
            .with_callback(|observer| observer.observe(7, &[]))
            .build();
        let text = render(&registry);
        for line in [
            "# HELP newel_test_commits_total Commits by outcome.",
            "# TYPE newel_test_commits_total counter",
            "newel_test_commits_total{outcome=\"committed\"} 5",
            r#"newel_test_commits_total{outcome="a \"quoted\"\nvalue"} 1"#,
            "# TYPE newel_test_commit_duration_seconds histogram",
            "newel_test_commit_duration_seconds_bucket{le=\"0.001\"} 0",
            "newel_test_commit_duration_seconds_bucket{le=\"0.0025\"} 1",
            "newel_test_commit_duration_seconds_bucket{le=\"+Inf\"} 1",
            "newel_test_commit_duration_seconds_count 1",
            "newel_test_payload_bytes_bucket{le=\"256\"} 0",
            "newel_test_payload_bytes_bucket{le=\"1024\"} 1",
            "newel_test_open -4",
            "newel_test_queue 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn the_content_type_is_the_encoders() {
        let told = TextEncoder::new().format_type().to_owned();
        assert!(PROMETHEUS_CONTENT_TYPE.starts_with(&told), "{told}");
    }
}
