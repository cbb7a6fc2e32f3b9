//! W3C trace context across processes: a `traceparent` out of a tracing span and back into one.
//!
//! The header's text travels as gRPC metadata, in worker messages and in stored records. Without OTLP export no span has
//! a context, so nothing is sent and nothing is paid.
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The name under which the context travels, as an HTTP header and as gRPC metadata.
pub const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of `span`; none if the span is not traced.
pub fn traceparent(span: &Span) -> Option<String> {
    traceparent_of(&span.context())
}

/// The `traceparent` of an OpenTelemetry context; none if it holds no valid span.
pub fn traceparent_of(context: &Context) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The context that a `traceparent` names; none if the text isn't one, which a receiver treats like no header at all.
pub fn remote_context(traceparent: &str) -> Option<Context> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

/// Makes `span` a child of the span that `traceparent` names, if it names one and `span` is traced.
pub fn set_parent(span: &Span, traceparent: &str) {
    if let Some(context) = remote_context(traceparent) {
        // Fails only where spans are not traced or this one has already started a trace: either way it has no use for it.
        let _ = span.set_parent(context);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_span_carries_the_trace_on() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber =
            tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("child");
            set_parent(&span, PARENT);
            let sent = traceparent(&span).unwrap();
            assert_eq!(sent[..36], PARENT[..36], "same version and trace");
            assert_ne!(sent[36..52], PARENT[36..52], "its own span");
        });
    }

    #[test]
    fn untraced_spans_and_bad_headers_are_nothing() {
        assert_eq!(traceparent(&Span::none()), None);
        for bad in ["", "x", "00-00000000000000000000000000000000-b7ad6b7169203331-01", &PARENT[..50]] {
            assert!(remote_context(bad).is_none(), "{bad:?}");
        }
        let context = remote_context(PARENT).unwrap();
        assert_eq!(traceparent_of(&context).as_deref(), Some(PARENT));
    }
}
