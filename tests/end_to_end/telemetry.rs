//! The span of a call arrives at an OpenTelemetry collector, as a part of the caller's trace.

use crate::harness::{http, send, start_with};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

const TRACE: [u8; 16] = *b"\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c";

#[tokio::test]
async fn a_call_is_a_span_of_its_callers_trace_and_has_no_body_in_it() {
    let (sender, mut exports) = mpsc::unbounded_channel();
    let collector =
        Router::new().route("/v1/traces", post(async move |body: Bytes| sender.send(body).expect("the test listens")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, collector).await });
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_SERVICE_NAME", "the-app"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let stack = start_with(&settings).await;
    let call = http().post(format!("{}/api/broadcast", stack.host_url())).body(r#"{"message":"between us"}"#);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(send(call.header("traceparent", parent)).await.status(), 200);
    let has = |export: &Bytes, text: &[u8]| export.windows(text.len()).any(|window| window == text);
    let export = async {
        loop {
            let export = exports.recv().await.expect("the collector runs");
            assert!(!has(&export, b"between us"), "the body is in the span");
            if has(&export, &TRACE) {
                return export;
            }
        }
    };
    let export = timeout(Duration::from_secs(20), export).await.expect("the span arrives");
    for text in [&b"the-app"[..], b"invocation", b"broadcast", b"sending `newNotification` to all clients"] {
        assert!(has(&export, text), "{} is not in the span", String::from_utf8_lossy(text));
    }
    stack.shutdown().await;
}
