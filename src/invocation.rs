//! How an invocation runs: the envelope is read, the caller found out, the function called, and its log lines are collected, whatever
//! way it ends.
//!
//! There are two kinds of functions. [`http`] is for those with a caller, which is always answered with an envelope; [`event`] for those
//! without, whose failure is a failed invocation.

use crate::App;
use crate::error::{CallError, Challenge, RunError, shown};
use crate::identity::{Caller, Disbelief, Now};
use crate::logs;
use crate::rights::{self, Act, Denial};
use crate::trace_context::TraceParent;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, post};
use azure_signalr::NameError;
use custom_handler::{HttpRequest, Invocation, InvocationResult};
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use tracing::{Instrument, Span};

/// The name of the `httpTrigger` binding in every function.json.
const HTTP_TRIGGER: &str = "req";
/// The id of an invocation, which the host's own log lines have too (functions-host 2.2).
const INVOCATION_ID: &str = "x-azure-functions-invocationid";
/// Whose trace a call belongs to.
const TRACE_PARENT: &str = "traceparent";

/// A call of an HTTP function, by a caller who is who they say.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) request: HttpRequest,
    pub(crate) caller: Caller,
    invocation: Invocation,
}

impl Call {
    async fn begin(app: App, invocation: Invocation, request: HttpRequest) -> Result<Self, CallError> {
        let caller = app.identity.caller(&request, Now::read()).await.map_err(|disbelief| disbelieved(&disbelief))?;
        Ok(Self { app, request, caller, invocation })
    }

    /// Goes on only if the caller may do this.
    pub(crate) fn may(&self, act: Act) -> Result<(), CallError> {
        let config = self.app.identity.config();
        rights::check(config, &self.caller, act).map_err(|denial| match denial {
            Denial::SignInFirst => CallError::Unauthorized {
                detail: format!("nobody has signed in, and this takes somebody; {}", config.way_to_sign_in()),
                challenge: Challenge::NoCredential,
            },
            Denial::Role(role) => CallError::Forbidden {
                detail: format!("this takes the role `{role}`; ask for it where users get their roles"),
            },
        })
    }

    /// A parameter of the route, as the name that it is.
    pub(crate) fn parameter<T: FromStr<Err = NameError>>(&self, name: &'static str) -> Result<T, CallError> {
        let text = self.request.parameter(name).unwrap_or_default();
        let refused = |detail| CallError::BadRequest { detail, field: Some(name.to_owned()) };
        // ASP.NET decodes all of an address but this, so `%252F` looks the same, and to guess would be to reach somebody else.
        if text.to_ascii_lowercase().contains("%2f") {
            let detail = "has an escaped `/` in it, which the Functions host does not tell from the text `%2F`";
            return Err(refused(format!("`{name}` {detail}; such a name cannot be given in an address")));
        }
        text.parse()
            .map_err(|error: NameError| refused(format!("`{}` cannot be used as `{name}`; {error}", shown(text))))
    }

    /// Another input of the function.
    pub(crate) fn input<T: DeserializeOwned>(&self, name: &str) -> Result<T, CallError> {
        self.invocation.input(name).map_err(CallError::internal)
    }
}

fn disbelieved(disbelief: &Disbelief) -> CallError {
    if disbelief.is_temporary() {
        let (detail, reason) = (disbelief.to_string(), crate::error::chain(disbelief));
        return CallError::Unavailable { detail, reason };
    }
    CallError::Unauthorized { detail: disbelief.to_string(), challenge: Challenge::InvalidToken }
}

/// A function with a caller.
pub(crate) fn http<F, R, O>(function: F) -> MethodRouter<App>
where
    F: FnOnce(Call) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<InvocationResult<O>, CallError>> + Send,
    O: Serialize + Send,
{
    post(async move |State(app): State<App>, request: Request| {
        let (parts, body) = request.into_parts();
        let parsed = Invocation::receive_with_request(body, HTTP_TRIGGER).await.map_err(CallError::from);
        let of_the_caller = parsed.as_ref().ok().and_then(|(_, request)| request.header(TRACE_PARENT));
        let origin = Origin::new(parts, of_the_caller);
        let span = app.span(&origin);
        // It lies apart, because each of the layers around it would hold it twice, and copy it.
        let work = Box::pin(async {
            let (invocation, request) = parsed?;
            function(Call::begin(app, invocation, request).await?).await
        });
        let work = async {
            caught(work).await.unwrap_or_else(|panic| Err(CallError::Panic(panic))).inspect_err(CallError::log)
        };
        let (result, lines) = logs::collected(origin, work).instrument(span).await;
        match result {
            Ok(result) => result.logs(lines).into_response(),
            Err(error) => error.into_result().logs(lines).into_response(),
        }
    })
}

/// A function that nobody calls: a timer or an event fires. Its own log lines are lost when it fails, except for warnings and errors.
pub(crate) fn event<F, R, O, V>(function: F) -> MethodRouter<App>
where
    F: FnOnce(App, Invocation) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<InvocationResult<O, V>, RunError>> + Send,
    O: Serialize + Send,
    V: Serialize + Send,
{
    post(async move |State(app): State<App>, request: Request| {
        let (parts, body) = request.into_parts();
        let invocation = Invocation::receive(body).await;
        let origin = Origin::new(parts, None);
        let span = app.span(&origin);
        // As above.
        let work = Box::pin(async { function(app, invocation?).await });
        let work = async {
            caught(work).await.unwrap_or_else(|panic| Err(RunError::panic(&panic))).inspect_err(RunError::log)
        };
        let (result, lines) = logs::collected(origin, work).instrument(span).await;
        result.map_or_else(RunError::into_response, |result| result.logs(lines).into_response())
    })
}

/// What an invocation is known by. Nothing of it is read before a line of the log, or a span, says so: most invocations need neither.
#[derive(Debug)]
pub(crate) struct Origin {
    parts: Parts,
    trace_of_the_caller: Option<String>,
}

impl Origin {
    /// `of_the_caller` is the trace that counts where the host has none of its own.
    fn new(parts: Parts, of_the_caller: Option<&str>) -> Self {
        Self { parts, trace_of_the_caller: of_the_caller.map(str::to_owned) }
    }

    fn function(&self) -> &str {
        self.parts.uri.path().rsplit('/').next().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.header(INVOCATION_ID).unwrap_or_default()
    }

    /// The trace that it is a part of: the host's word counts, and without one the caller's.
    pub(crate) fn trace_parent(&self) -> Option<TraceParent> {
        self.header(TRACE_PARENT).or(self.trace_of_the_caller.as_deref())?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

/// Such as `invocation{function="broadcast" id="5f…" trace_id=0a…}`: the function and the invocation; the trace too, if it is somebody's.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invocation{{function={:?} id={:?}", self.function(), self.id())?;
        match self.trace_parent() {
            Some(parent) => write!(f, " trace_id={}}}", parent.trace_id),
            None => f.write_str("}"),
        }
    }
}

impl App {
    /// The invocation as a part of somebody's trace, where spans are exported.
    #[cfg(feature = "otel")]
    fn span(&self, origin: &Origin) -> Span {
        if !self.exports_spans {
            return Span::none();
        }
        let span = tracing::info_span!(
            "invocation",
            function = origin.function(),
            id = origin.id(),
            trace_id = tracing::field::Empty
        );
        if let Some(parent) = origin.trace_parent() {
            span.record("trace_id", &parent.trace_id);
            crate::telemetry::continue_trace(&span, &parent);
        }
        span
    }

    /// Without the feature `otel` nobody wants spans, and each would cost a tenth of what a call does.
    #[cfg(not(feature = "otel"))]
    #[expect(clippy::unused_self, reason = "with the feature `otel` it is used")]
    fn span(&self, _origin: &Origin) -> Span {
        Span::none()
    }
}

/// What `work` gives, or the message of its panic.
async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(message)
}

fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => {
            panic.downcast::<&str>().map_or_else(|_| "without a message".to_owned(), |message| (*message).to_owned())
        }
    }
}

#[cfg(test)]
impl Origin {
    /// A call of this function by nobody in particular.
    pub(crate) fn made_up(function: &str) -> Self {
        let uri = format!("/{function}");
        let (parts, _body) = Request::builder().uri(uri).body(axum::body::Body::empty()).unwrap().into_parts();
        Self::new(parts, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{App, functions};
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use custom_handler::NoOutputs;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    async fn answer(route: MethodRouter<App>) -> (StatusCode, String) {
        let app = App::new(&functions::tests::config());
        let router = Router::new().route("/f", route).with_state(app);
        let body = json!({"Data": {"req": {"Method": "POST"}}}).to_string();
        let response = router.oneshot(Request::post("/f").body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_500_for_the_caller_and_a_failed_run_for_an_event() {
        functions::tests::log();
        let (status, body) =
            answer(http(async |_: Call| -> Result<InvocationResult<NoOutputs>, CallError> { panic!("a bug") })).await;
        let result: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(500)));
        assert_eq!(result["Logs"], json!(["ERROR: panicked: a bug"]));
        let run =
            async |_: App, _: Invocation| -> Result<InvocationResult<NoOutputs>, RunError> { panic!("a {}", "bug") };
        assert_eq!(answer(event(run)).await, (StatusCode::INTERNAL_SERVER_ERROR, "panicked: a bug".to_owned()));
    }

    #[tokio::test]
    async fn the_lines_of_an_invocation_are_in_its_answer() {
        functions::tests::log();
        let run = async |_: App, _: Invocation| -> Result<InvocationResult<NoOutputs>, RunError> {
            tracing::info!(number = 7, "done");
            Ok(InvocationResult::new(NoOutputs {}))
        };
        let (_, body) = answer(event(run)).await;
        assert_eq!(body, r#"{"Outputs":{},"Logs":["done, number=7"],"ReturnValue":null}"#);
    }
}
