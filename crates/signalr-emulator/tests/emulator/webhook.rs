//! An upstream under the control of a test: every call waits until the test has answered it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use reqwest::StatusCode;
use signalr_emulator::{EmulatorOptions, Upstream};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::harness::PATIENCE;

pub(crate) struct Webhook {
    pub(crate) url: String,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// One call, not answered yet.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
    headers: reqwest::header::HeaderMap,
    answer: oneshot::Sender<Response>,
}

impl Webhook {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, calls) = mpsc::unbounded_channel();
        let router = Router::new().fallback(move |request: Request| {
            let sender = sender.clone();
            async move {
                let (parts, body) = request.into_parts();
                assert_eq!(parts.method, "POST");
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let (answer, answered) = oneshot::channel();
                let (bytes, body) = (body.to_vec(), String::from_utf8_lossy(&body).into_owned());
                let _ = sender.send(Call { path: parts.uri.to_string(), body, bytes, headers: parts.headers, answer });
                answered.await.unwrap_or_else(|_| StatusCode::IM_A_TEAPOT.into_response())
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, calls }
    }

    /// Options of an emulator that reports everything to this upstream.
    pub(crate) fn options(&self) -> EmulatorOptions {
        EmulatorOptions { upstream: Upstream::to(&self.url).unwrap(), ..EmulatorOptions::default() }
    }

    pub(crate) async fn next(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.calls.recv()).await.expect("a call comes in time").unwrap()
    }

    /// The next call, which has to be of this event.
    pub(crate) async fn expect(&mut self, event: &str) -> Call {
        let call = self.next().await;
        assert_eq!(call.header("x-asrs-event"), event, "{call:?}");
        call
    }

    /// Lets the client in that is connecting.
    pub(crate) async fn connect(&mut self) {
        self.expect("connected").await.answer(StatusCode::OK, "");
    }

    pub(crate) fn has_no_call(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

impl Call {
    /// A header, empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn answer(self, status: StatusCode, body: impl Into<Body>) {
        self.answer_with((status, body.into()));
    }

    pub(crate) fn answer_with(self, response: impl IntoResponse) {
        self.answer.send(response.into_response()).unwrap();
    }
}
