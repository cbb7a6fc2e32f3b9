//! Logs, traces and metrics of a process, set up once at the top of `main`.
//!
//! Logs go to standard error, as text or as one JSON object a line. When an OTLP endpoint is set, spans of Newel's own
//! crates and all metrics are exported to it over gRPC, and log records that aren't the process's own ([`LogExport`]); sampling, headers and batch sizes follow the standard `OTEL_*`
//! variables. Metrics can be read as Prometheus text in any case, see [`crate::metrics`].

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::global;
use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub use crate::logs::LogExport;
pub use crate::metrics::prometheus_text;
pub use crate::spans::{FinishedSpan, Spans};

/// The filter when neither the configuration nor `RUST_LOG` has one. The telemetry libraries announce themselves at `info`.
const DEFAULT_FILTER: &str = "opentelemetry=warn,info";

/// How long the end of a process waits for its last spans and metrics to leave.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Section `[telemetry]` of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// `text` (the default) for people, `json` for machines: one object a line.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of `RUST_LOG` (`info,newel_engine=debug`); that variable is used when
    /// this is not set, and `info` when neither is (`warn` for the telemetry libraries).
    pub log_filter: Option<String>,
    /// Where traces and metrics go, as `http://host:4317` or `https://…`, in OTLP over gRPC. When not set,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` is used; without both nothing is exported.
    pub otlp_endpoint: Option<String>,
    /// The `service.name` of exported data; `OTEL_SERVICE_NAME` when not set, and the program's name without both.
    pub service_name: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not in the syntax of `RUST_LOG`.
    #[error("`telemetry.log_filter` {filter:?} is not a log filter: {problem}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The exporters could not be built.
    #[error("cannot export to `telemetry.otlp_endpoint` {endpoint:?}: {problem}")]
    Export {
        /// The endpoint.
        endpoint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The metrics reader could not be built.
    #[error("cannot set up metrics: {0}")]
    Metrics(String),
    /// The process has a subscriber already.
    #[error("telemetry was initialised twice in this process")]
    Twice,
}

/// Keeps telemetry running; dropping it, last thing in `main`, sends what is still buffered (for at most 5 seconds).
#[derive(Debug)]
#[must_use = "dropping the guard ends the export of traces and metrics"]
pub struct Guard {
    export: Option<Export>,
}

/// Sets up logs, traces and metrics for the process; `program` names it where the configuration doesn't.
///
/// Comes before anything that makes instruments or logs. Works inside and outside a Tokio runtime: export has one of its
/// own, so that a busy or stopped program can still tell what happened.
///
/// # Errors
/// The filter or the endpoint is malformed, or this is the second call. An endpoint that doesn't answer is not an error:
/// it may come later, and work doesn't wait for it.
pub fn init(program: &'static str, options: &Telemetry) -> Result<Guard, Error> {
    let filter = log_filter(options, std::env::var(EnvFilter::DEFAULT_ENV).ok())?;
    let resource = resource(program, options);
    let (meters, registry) = crate::metrics::provider(resource.clone()).map_err(Error::Metrics)?;
    let endpoint =
        otlp_endpoint(options, std::env::var(opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT).ok());
    let (meters, export) = match endpoint {
        Some(endpoint) => {
            let exporters = Exporters::build(&endpoint, &resource)?;
            let meters = meters.with_periodic_exporter(exporters.metrics).build();
            let spans = Spans::new(exporters.spans, &resource);
            let tracers = SdkTracerProvider::builder()
                .with_resource(resource)
                .with_span_processor(spans.clone())
                .build();
            let loggers = exporters.loggers;
            let export =
                Export { tracers, spans, loggers, meters: meters.clone(), _runtime: exporters.runtime };
            (meters, Some(export))
        }
        None => (meters.build(), None),
    };

    let tracer = export.as_ref().map(|export| export.tracers.tracer("newel"));
    tracing_subscriber::registry()
        .with(tracer.map(span_layer))
        .with(log_layer(options.log_format).with_filter(filter))
        .try_init()
        .map_err(|_| Error::Twice)?;
    crate::metrics::publish(registry);
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_meter_provider(meters);
    if let Some(export) = &export {
        global::set_tracer_provider(export.tracers.clone());
    }
    Ok(Guard { export })
}

fn log_filter(options: &Telemetry, rust_log: Option<String>) -> Result<EnvFilter, Error> {
    let filter = options.log_filter.clone().or(rust_log.filter(|filter| !filter.trim().is_empty()));
    let filter = filter.unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    EnvFilter::try_new(&filter).map_err(|error| Error::Filter { filter, problem: error.to_string() })
}

fn otlp_endpoint(options: &Telemetry, standard: Option<String>) -> Option<String> {
    let configured = options.otlp_endpoint.clone().or(standard)?;
    Some(configured).filter(|endpoint| !endpoint.trim().is_empty())
}

fn resource(program: &'static str, options: &Telemetry) -> Resource {
    let standard = || std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let name = options.service_name.clone().or_else(standard).unwrap_or_else(|| program.to_owned());
    Resource::builder()
        .with_service_name(name)
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// Spans are exported whatever the log filter says, and only Newel's own: the export's transport makes spans too.
fn span_layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let own = FilterFn::new(|metadata| {
        metadata.is_span()
            && *metadata.level() <= tracing::Level::INFO
            && metadata.target().starts_with("newel")
    });
    tracing_opentelemetry::layer().with_tracer(tracer).with_filter(own)
}

/// The OTLP exporters and the runtime that their connections live on.
struct Exporters {
    runtime: Background,
    spans: SpanExporter,
    metrics: MetricExporter,
    loggers: SdkLoggerProvider,
}

impl Exporters {
    fn build(endpoint: &str, resource: &Resource) -> Result<Self, Error> {
        let failed = |problem: String| Error::Export { endpoint: endpoint.to_owned(), problem };
        let runtime = Background::start().map_err(|error| failed(error.to_string()))?;
        let (spans, metrics, logs) = {
            let _entered = runtime.0.as_ref().map(Runtime::enter);
            let mut spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
            let mut metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint);
            let mut logs = LogExporter::builder().with_tonic().with_endpoint(endpoint);
            if endpoint.starts_with("https://") {
                spans = spans.with_tls_config(ClientTlsConfig::new().with_native_roots());
                metrics = metrics.with_tls_config(ClientTlsConfig::new().with_native_roots());
                logs = logs.with_tls_config(ClientTlsConfig::new().with_native_roots());
            }
            (spans.build(), metrics.build(), logs.build())
        };
        let spans = spans.map_err(|error| failed(error.to_string()))?;
        let metrics = metrics.map_err(|error| failed(error.to_string()))?;
        let logs = logs.map_err(|error| failed(error.to_string()))?;
        let loggers =
            SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(logs).build();
        Ok(Self { runtime, spans, metrics, loggers })
    }
}

/// A runtime that may be dropped inside another one, which a plain one forbids because its drop waits.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Background {
    fn start() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("otlp-export").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What has to be flushed at the end, and after that the runtime it is flushed through.
#[derive(Debug)]
struct Export {
    tracers: SdkTracerProvider,
    spans: Spans,
    loggers: SdkLoggerProvider,
    meters: SdkMeterProvider,
    _runtime: Background,
}

impl Guard {
    /// Where spans with ids of their own go; none if nothing is exported.
    #[must_use]
    pub fn spans(&self) -> Option<Spans> {
        self.export.as_ref().map(|export| export.spans.clone())
    }

    /// Where log records go that aren't the process's own; none if nothing is exported.
    #[must_use]
    pub fn logs(&self) -> Option<LogExport> {
        self.export.as_ref().map(|export| LogExport::new(export.loggers.logger("newel")))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(export) = &self.export else { return };
        if let Err(error) = export.tracers.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last spans were not exported");
        }
        if let Err(error) = export.loggers.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last log records were not exported");
        }
        if let Err(error) = export.meters.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last metrics were not exported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_the_configured_then_the_standard_one() {
        let check = |configured: Option<&str>, rust_log: Option<&str>, expect: &str| {
            let options = Telemetry { log_filter: configured.map(str::to_owned), ..Telemetry::default() };
            let filter = log_filter(&options, rust_log.map(str::to_owned)).unwrap();
            assert_eq!(filter.to_string(), expect);
        };
        check(Some("warn"), Some("debug"), "warn");
        check(None, Some("debug"), "debug");
        check(None, Some(""), DEFAULT_FILTER);
        check(None, None, DEFAULT_FILTER);
        let options = Telemetry { log_filter: Some("newel=loud".to_owned()), ..Telemetry::default() };
        let error = log_filter(&options, None).unwrap_err().to_string();
        assert!(error.starts_with("`telemetry.log_filter` \"newel=loud\" is not a log filter"), "{error}");
    }

    #[test]
    fn the_endpoint_is_the_configured_then_the_standard_one() {
        let check = |configured: Option<&str>, standard: Option<&str>, expect: Option<&str>| {
            let options = Telemetry { otlp_endpoint: configured.map(str::to_owned), ..Telemetry::default() };
            assert_eq!(otlp_endpoint(&options, standard.map(str::to_owned)).as_deref(), expect);
        };
        check(Some("http://a:4317"), Some("http://b:4317"), Some("http://a:4317"));
        check(None, Some("http://b:4317"), Some("http://b:4317"));
        check(None, Some(""), None);
        check(Some(""), Some("http://b:4317"), None);
        check(None, None, None);
    }

    #[test]
    fn an_endpoint_that_is_none_is_refused() {
        let error = Exporters::build("not an endpoint", &Resource::builder().build())
            .err()
            .map(|error| error.to_string());
        let message = error.unwrap_or_default();
        assert!(
            message.starts_with("cannot export to `telemetry.otlp_endpoint` \"not an endpoint\":"),
            "{message}"
        );
    }
}
