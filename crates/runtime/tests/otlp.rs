//! A process with an OTLP endpoint sends its spans and metrics there before it ends, and renders the same metrics.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use newel_runtime::telemetry::{self, FinishedSpan, Telemetry};

const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Clone, Default)]
struct Collector {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    logs: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logs.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn service_name(resource: Option<&Resource>) -> Option<String> {
    let attribute = resource?.attributes.iter().find(|attribute| attribute.key == "service.name")?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(name) => Some(name.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_and_metrics_leave_before_the_process_does() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector.clone()))
        .add_service(LogsServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);

    let options = Telemetry {
        // Log filters don't decide what is traced.
        log_filter: Some("off".to_owned()),
        otlp_endpoint: Some(endpoint),
        service_name: Some("otlp-test".to_owned()),
        ..Telemetry::default()
    };
    assert_eq!(telemetry::prometheus_text(), "", "nothing before the initialisation");
    let guard = telemetry::init("unused", &options).unwrap();
    assert!(matches!(telemetry::init("unused", &options), Err(telemetry::Error::Twice)));

    let counter = opentelemetry::global::meter("test").u64_counter("newel.test.things").build();
    counter.add(3, &[]);
    let span = tracing::info_span!(target: "newel_test", "work");
    newel_runtime::propagation::set_parent(&span, REMOTE);
    assert!(newel_runtime::propagation::traceparent(&span).is_some());
    drop(span);
    tracing::info_span!(target: "someone_else", "noise").in_scope(|| {});
    let finished = FinishedSpan {
        trace: [7; 16],
        id: [8; 8],
        parent: Some([9; 8]),
        name: "told afterwards".into(),
        start: UNIX_EPOCH + Duration::from_secs(1),
        end: UNIX_EPOCH + Duration::from_secs(3),
        attributes: Vec::new(),
        error: Some("E".to_owned()),
    };
    guard.spans().unwrap().export(finished);
    guard.logs().unwrap().emit(UNIX_EPOCH + Duration::from_secs(2), true, "{}", &[("of", "an execution")]);
    assert!(telemetry::prometheus_text().contains("newel_test_things_total 3"));
    drop(guard);

    let traces = collector.traces.lock().unwrap();
    let resources = traces.iter().flat_map(|request| &request.resource_spans);
    let names: Vec<_> = resources.clone().map(|spans| service_name(spans.resource.as_ref())).collect();
    assert_eq!(names, [Some("otlp-test".to_owned())]);
    let spans: Vec<_> =
        resources.flat_map(|spans| &spans.scope_spans).flat_map(|scope| &scope.spans).collect();
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["work", "told afterwards"]);
    let told = spans[1];
    assert_eq!(
        (&told.trace_id[..], &told.span_id[..], &told.parent_span_id[..]),
        (&[7; 16][..], &[8; 8][..], &[9; 8][..])
    );
    assert_eq!((told.start_time_unix_nano, told.end_time_unix_nano), (1_000_000_000, 3_000_000_000));
    assert_eq!(told.status.as_ref().unwrap().message, "E");
    let trace_id: String = spans[0].trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(trace_id, REMOTE[3..35]);

    let logs = collector.logs.lock().unwrap();
    let resources: Vec<_> = logs.iter().flat_map(|request| &request.resource_logs).collect();
    assert_eq!(service_name(resources[0].resource.as_ref()).as_deref(), Some("otlp-test"));
    let records: Vec<_> =
        resources.iter().flat_map(|logs| &logs.scope_logs).flat_map(|scope| &scope.log_records).collect();
    let body = records[0].body.as_ref().unwrap().value.as_ref().unwrap();
    assert_eq!((records.len(), body), (1, &Value::StringValue("{}".to_owned())));
    assert_eq!((records[0].time_unix_nano, &*records[0].severity_text), (2_000_000_000, "ERROR"));
    assert_eq!(records[0].attributes[0].key, "of");

    let metrics = collector.metrics.lock().unwrap();
    let sent: Vec<_> = metrics
        .iter()
        .flat_map(|request| &request.resource_metrics)
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .map(|metric| metric.name.as_str())
        .collect();
    assert!(sent.contains(&"newel.test.things"), "{sent:?}");
}
