//! One invocation from its trigger to the last output (functions-host 2, 3).
//!
//! Easily missed: inputs are gathered before the handler hears anything, and outputs are sent after it has answered. A failure
//! in either fails the whole invocation, also when the HTTP response itself was fine (functions-host 3.7).

mod story;

use jiff::SignedDuration;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{BodyFraming, HOST_VERSION, Proxied, Shared, forward};
use crate::answer::{Answer, Outcome, OutputValue};
use crate::app::{Function, HttpMode, OutputBinding, Trigger};
use crate::bindings::signalr_trigger::UpstreamEvent;
use crate::bindings::{Context, Notes, signalr_input, signalr_output};
use crate::clock::Activity;
use crate::encoding::InputValue;
use crate::events::{HostEvent, LogLevel};
use crate::http_output::{HttpOutput, Rendered};
use crate::invocation::{BindingData, HttpCall, Sys, envelope};
use crate::schedule::time_span;
use crate::timers::Firing;
use crate::warnings::{Warning, WarningCode};
use crate::worker::{CallError, Link};
use story::given_outputs;

/// What starts an invocation.
#[derive(Debug)]
pub(crate) enum Call {
    /// A request on the function's route.
    Http(Arc<HttpCall>),
    /// The same, to be passed on unread in proxying mode.
    Proxied(Box<Proxied>),
    /// A schedule.
    Timer(Firing),
    /// A client of the SignalR service.
    SignalR(Box<UpstreamEvent>),
    /// `POST /admin/functions/{name}`. The `input` that comes with it is for triggers whose value is text; there are none yet.
    ByHand,
}

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) id: Uuid,
    pub(crate) duration: Duration,
    /// What an HTTP caller gets, or the error text.
    pub(crate) result: Result<Reply, String>,
}

/// What the caller gets.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Made from the handler's envelope.
    Output(HttpOutput),
    /// The handler's own response.
    Forwarded(Rendered),
    /// The caller has it already.
    Streamed,
    /// The return value, for a client of the SignalR service; `None` is null.
    Returned(Option<Box<RawValue>>),
}

/// How the host names itself; [`HOST_VERSION`] is the end of it.
pub(super) const USER_AGENT: &str = "Azure-Functions-Host/4.1052.200.0";

const HOST_VERSION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
const INVOCATION_ID_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");

/// What .NET prints for a reason that is not given; the SignalR extension gives none.
const NO_REASON: &str = "(null)";
const CALLED_BY_HTTP: &str = "This function was programmatically called via the host APIs.";

/// The extension has no value for anything but an event, and .NET stumbles over that.
const NOT_AN_EVENT: &str = "Object reference not set to an instance of an object.; a signalRTrigger cannot be run by hand, so \
                            let a client connect or call";

impl Call {
    /// What goes on by the host's clock already, if anything does.
    pub(super) fn activity(&self) -> Option<Arc<Activity>> {
        if let Call::Timer(firing) = self { Some(Arc::clone(&firing.activity)) } else { None }
    }

    /// The same call once more; `None` where what came can be read once only.
    pub(super) fn again(&self) -> Option<Call> {
        Some(match self {
            Call::Http(request) => Call::Http(Arc::clone(request)),
            Call::Timer(firing) => Call::Timer(firing.clone()),
            Call::SignalR(event) => Call::SignalR(event.clone()),
            Call::ByHand => Call::ByHand,
            Call::Proxied(_) => return None,
        })
    }
}

/// Runs one invocation and tells the observer about it. `retry_context` is for a function with a `retry` policy.
pub(super) async fn run(host: &Shared, function: &Function, call: Call, retry_context: Option<Value>) -> Finished {
    let (id, started) = (Uuid::new_v4(), Instant::now());
    let (reason, details) = match &call {
        Call::Timer(firing) => (firing.reason.clone(), firing.details.clone()),
        Call::Http(_) | Call::Proxied(_) | Call::ByHand => (CALLED_BY_HTTP.to_owned(), None),
        Call::SignalR(_) => (NO_REASON.to_owned(), None),
    };
    let name = function.name.clone();
    let span = tracing::info_span!("invocation", function = %name, %id, %reason, duration_ms = tracing::field::Empty,
        outcome = tracing::field::Empty, error = tracing::field::Empty);
    host.observer.tell(&HostEvent::Triggered { function: name.clone(), id, cause: call.cause() });
    host.observer.tell(&HostEvent::Executing { function: name.clone(), id, reason, details });
    let result = Invocation { host, function, id, retry_context }.run(call).instrument(span.clone()).await;
    let duration = started.elapsed();
    span.record("duration_ms", u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    span.record("outcome", if result.is_ok() { "Succeeded" } else { "Failed" });
    if let Err(error) = &result {
        span.record("error", error.as_str());
    }
    let error = result.as_ref().err().cloned();
    host.observer.tell(&HostEvent::Executed { function: name, id, duration, error });
    Finished { id, duration, result }
}

struct Invocation<'a> {
    host: &'a Shared,
    function: &'a Function,
    id: Uuid,
    retry_context: Option<Value>,
}

impl Invocation<'_> {
    async fn run(&self, call: Call) -> Result<Reply, String> {
        let link = self.host.worker.link().await.map_err(|reason| reason.to_string())?;
        let notes = Notes::default();
        let steps = self.steps(call, &link, &notes);
        let result = match self.host.app.host.function_timeout {
            None => steps.await,
            Some(timeout) => tokio::select! {
                biased;
                result = steps => result,
                () = self.host.timers.clock().sleep(timeout) => Err(self.time_out(timeout, &link)),
            },
        };
        for note in notes.take() {
            self.host.observer.warn(note.about(&self.function.name));
        }
        result
    }

    /// The handler cannot be told to stop one invocation, so all of it is restarted (functions-host 1.8).
    fn time_out(&self, timeout: Duration, link: &Link) -> String {
        let text =
            format!("A function timeout has occurred. Restarting worker process executing invocationId '{}'.", self.id);
        let warning = Warning::new(WarningCode::FunctionTimeout, text).about(&self.function.name);
        self.host.observer.tell(&HostEvent::Warning(warning));
        self.host.worker.restart(link);
        let limit = time_span::display(SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX));
        format!("Timeout value of {limit} was exceeded by function: Functions.{}", self.function.name)
    }

    async fn steps(&self, call: Call, link: &Link, notes: &Notes) -> Result<Reply, String> {
        match call {
            // Each future has room for all that it may become, so what is not common has a place of its own.
            Call::Proxied(request) => Box::pin(self.proxy(*request, link)).await,
            Call::Http(request) => match self.forwarding_path(&request) {
                Some(path) => Box::pin(self.forward(&request, &path, link)).await,
                None => self.invoke(Call::Http(request), link, notes).await,
            },
            Call::Timer(_) | Call::SignalR(_) | Call::ByHand => self.invoke(call, link, notes).await,
        }
    }

    async fn proxy(&self, request: Proxied, link: &Link) -> Result<Reply, String> {
        match request.pass_on(self.id, link).await {
            Ok(()) => Ok(Reply::Streamed),
            Err(error) => {
                self.host.worker.settle(link).await;
                Err(error.to_string())
            }
        }
    }

    async fn forward(&self, request: &HttpCall, path: &str, link: &Link) -> Result<Reply, String> {
        match forward::send(request, path, self.id, link).await {
            Ok(rendered) => Ok(Reply::Forwarded(rendered)),
            Err(error) => Err(self.broken(&error, link).await),
        }
    }

    /// Default mode: the envelope to the handler, and its answer to caller and outputs.
    async fn invoke(&self, call: Call, link: &Link, notes: &Notes) -> Result<Reply, String> {
        let zone = &self.host.app.time_zone;
        let (trigger, binding_data) = self.read_trigger(call, zone)?;
        let clock = self.host.timers.clock();
        let Shared { app, named_endpoints, .. } = self.host;
        let context = Context::new(&app.settings, named_endpoints, &binding_data, notes, clock);
        let mut data = vec![(self.function.trigger.name(), trigger)];
        for input in &self.function.inputs {
            let value = signalr_input::value(input, context)?;
            data.push((input.name(), InputValue::Json(value)));
        }
        let answer = self.send(envelope(&data, &binding_data, self.retry_context.as_ref()), link, zone).await?;
        self.tell_logs(&answer);
        let Outcome { response, outputs, returned, notes: about_the_answer } =
            answer.outcome(&self.function.outputs, zone).map_err(|error| error.to_string())?;
        about_the_answer.into_iter().for_each(|note| notes.add(note));
        self.tell_outputs(&outputs);
        if !outputs.is_empty() {
            Box::pin(self.send_outputs(outputs, context)).await?;
        }
        Ok(match self.function.trigger {
            Trigger::SignalR(_) => Reply::Returned(returned),
            Trigger::Http(_) | Trigger::Timer(_) => Reply::Output(response),
        })
    }

    /// Where a request goes that the handler gets as it is; `None` for all that go as an envelope (functions-host 2.1).
    fn forwarding_path(&self, request: &HttpCall) -> Option<String> {
        match self.host.app.host.custom_handler.http_mode {
            _ if !self.function.is_pure_http() => None,
            HttpMode::Forward => Some(request.path.clone()),
            HttpMode::ForwardToFunctionName => Some(format!("/{}", self.function.name)),
            HttpMode::Envelope | HttpMode::Proxy => None,
        }
    }

    fn read_trigger(&self, call: Call, zone: &TimeZone) -> Result<(InputValue, BindingData), String> {
        let method_name = self.function.name.clone();
        let sys = Sys { method_name, utc_now: self.host.timers.clock().now(), rand_guid: Uuid::new_v4() };
        match (call, &self.function.trigger) {
            (Call::Http(request), _) => {
                let binding_data = BindingData::of_call(&request, sys, zone);
                Ok((InputValue::Request(request), binding_data))
            }
            (Call::Timer(firing), _) => {
                Ok((InputValue::Json(firing.timer.to_json()), BindingData::of_values(Map::new(), sys)))
            }
            (Call::ByHand, Trigger::Timer(trigger)) => {
                let timer = self.host.timers.manual_run(&self.function.name, trigger);
                Ok((InputValue::Json(timer.to_json()), BindingData::of_values(Map::new(), sys)))
            }
            (Call::SignalR(event), Trigger::SignalR(trigger)) => {
                Ok((InputValue::Json(event.value()), event.binding_data(trigger, sys)?))
            }
            // Only a request can start an HTTP function; the real host notices at the same late point.
            (Call::ByHand, Trigger::Http(_)) => Err("An HttpRequest is required".to_owned()),
            (Call::ByHand, Trigger::SignalR(_)) => Err(NOT_AN_EVENT.to_owned()),
            (Call::SignalR(_), Trigger::Http(_) | Trigger::Timer(_)) => {
                Err("only functions with a signalRTrigger hear of SignalR clients".to_owned())
            }
            (Call::Proxied(_), _) => Err("a request that is passed on is not read".to_owned()),
        }
    }

    /// Posts the envelope and reads the answer.
    async fn send(&self, body: Vec<u8>, link: &Link, zone: &TimeZone) -> Result<Answer, String> {
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(format!("/{}", self.function.name)).map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        add_host_headers(headers, self.id);
        let framing = self.host.framing;
        let response = match link.http.call(request, |body| framing.frame(body)).await {
            Ok(response) => response,
            Err(error) => return Err(self.broken(&error, link).await),
        };
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Answer::read(response.status(), content_type, response.body(), zone).map_err(|error| error.to_string())
    }

    /// Before anything is made of the outputs, so that a failure there does not lose them.
    fn tell_logs(&self, answer: &Answer) {
        let Invocation { host, function, id, .. } = self;
        for member in answer.left_out() {
            host.observer.log(LogLevel::Debug, format!("{member} not set on http response for invocationId:{id}"));
        }
        for line in &answer.logs {
            let event = HostEvent::FunctionLog { function: function.name.clone(), id: *id, line: line.clone() };
            host.observer.tell(&event);
        }
    }

    fn tell_outputs(&self, outputs: &[(usize, OutputValue)]) {
        let Invocation { host, function, id, .. } = self;
        let outputs = given_outputs(&function.outputs, outputs);
        host.observer.tell(&HostEvent::Answered { function: function.name.clone(), id: *id, outputs });
    }

    async fn broken(&self, error: &CallError, link: &Link) -> String {
        self.host.worker.settle(link).await;
        error.to_string()
    }

    /// Bindings are served at the same time and waited for together (functions-host 3.7).
    async fn send_outputs(&self, outputs: Vec<(usize, OutputValue)>, context: Context<'_>) -> Result<(), String> {
        let sendings = outputs.into_iter().filter_map(|(place, value)| match &self.function.outputs[place] {
            OutputBinding::SignalR(binding) => {
                Some(signalr_output::send(binding, value, context, &self.host.signalr, self.id))
            }
            OutputBinding::Http { .. } => None,
        });
        join_all(sendings).await.into_iter().collect()
    }
}

/// The headers by which a handler recognises its host (functions-host 2.2).
pub(super) fn add_host_headers(headers: &mut HeaderMap, id: Uuid) {
    let mut text = Uuid::encode_buffer();
    let id = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).expect("an id is digits and hyphens");
    headers.insert(HOST_VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    headers.insert(INVOCATION_ID_HEADER, id);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
}

impl BodyFraming {
    fn frame(self, body: Bytes) -> Body {
        match self {
            BodyFraming::ContentLength => Body::from(body),
            BodyFraming::Chunked => Body::from_stream(futures_util::stream::iter([Ok::<_, Infallible>(body)])),
        }
    }
}
