//! Spans for an OpenTelemetry collector: one per invocation, as a part of the trace that the caller, or the host, has begun.
//!
//! They have what log lines have, so never a body and never a secret. The exporter has a thread of its own, because the handler has only
//! one; what it cannot deliver it drops.

use crate::trace_context::TraceParent;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

/// Sends spans in batches; what is left when it is dropped, too.
#[derive(Debug)]
pub(crate) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Where to, `OTEL_EXPORTER_OTLP_ENDPOINT` and its like say; in protobuf over HTTP.
    pub(crate) fn new(service_name: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder().with_http().build()?;
        let resource = Resource::builder().with_service_name(service_name.to_owned()).build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    pub(crate) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // The collector may be gone, and then nothing can be done about it.
        let _ = self.0.shutdown();
    }
}

/// The span that runs, if it is exported.
pub(crate) fn current() -> Option<TraceParent> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| TraceParent {
        trace_id: span.trace_id().to_string(),
        span_id: span.span_id().to_string(),
        flags: format!("{:02x}", span.trace_flags().to_u8()),
    })
}

/// Makes `span`, which has not been entered, a part of somebody's trace.
pub(crate) fn continue_trace(span: &Span, parent: &TraceParent) {
    let ids = (TraceId::from_hex(&parent.trace_id), SpanId::from_hex(&parent.span_id));
    let flags = u8::from_str_radix(&parent.flags, 16).unwrap_or_default();
    let (Ok(trace_id), Ok(span_id)) = ids else { return };
    let parent = SpanContext::new(trace_id, span_id, TraceFlags::new(flags), true, TraceState::default());
    // Fails only where no spans are exported.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}
