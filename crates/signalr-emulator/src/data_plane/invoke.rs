//! `:invoke`: asks one client and waits for its result (signalr-service 1.3, 1.5, 7, since 2024-12-01).
//!
//! No status of a failure is published. The client's own error is a 400, the one status whose text the SDK hands to the
//! developer; a result that does not come in time is a 500, after which the SDK never repeats a message
//! (signalr-service 1.9), so that the client is not asked twice.

use std::pin::pin;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use signalr_server::{Connection, HubProtocol, InvokeError, Payload};

use super::Refused;
use super::perform::Call;
use crate::answer::Answer;
use crate::events::{Event, SentTo};
use crate::message::Message;
use crate::operation::Family;

/// Why there is no result. The text is for the caller.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// There is no such connection, or it ended before the client answered.
    #[error("The connection does not exist, or it ended before the client answered.")]
    Gone,
    /// What the client said.
    #[error("{0}")]
    Client(String),
    /// The client answers too slowly, or is asked too often.
    #[error("Too many invocations of the client wait for its result.")]
    TooMany,
    /// The client is still there and says nothing.
    #[error("The client did not answer within {0:?}.")]
    TimedOut(Duration),
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Gone => StatusCode::NOT_FOUND,
            Self::Client(_) => StatusCode::BAD_REQUEST,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TimedOut(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The first is the service's own code (signalr-service 1.6); the others are ours.
    fn code(&self) -> &'static str {
        match self {
            Self::Gone => "Error.Connection.NotExisted",
            Self::Client(_) => "ClientInvocationFailed",
            Self::TooMany => "TooManyClientInvocations",
            Self::TimedOut(_) => "ClientInvocationTimeout",
        }
    }

    fn refusal(&self, family: Family) -> Refused {
        let message = self.to_string();
        let reason = format!("{}: {message}", self.code());
        Refused::because(Answer::failure(self.status(), family, self.code(), &message), reason)
    }
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Client(error) => Self::Client(error),
            InvokeError::TooMany => Self::TooMany,
            // A connection that was closed for not reading is as good as gone.
            _ => Self::Gone,
        }
    }
}

/// `ClientInvocationResponse`. Its `protocol` is for hub protocols that have no JSON form, of which there are none here.
#[derive(Serialize)]
struct ClientInvocationResponse<'a> {
    result: &'a RawValue,
}

impl Call<'_> {
    /// Asks the client; a caller that hangs up no longer waits.
    pub(super) async fn invoke(&self, connection: &str, message: Message) -> Result<Answer, Refused> {
        let refused = |failure: Failure| failure.refusal(self.family);
        let connection = self.hub.clients.connection(connection).ok_or_else(|| refused(Failure::Gone))?;
        let arguments = message.arguments(connection.protocol()).map_err(|error| Refused::body(self.family, &error))?;
        let mut question = pin!(connection.invoke(&message.target, arguments));
        // What was not asked is known at once; only what was is an event.
        let at_once = tokio::select! { biased; outcome = &mut question => Some(outcome), () = async {} => None };
        let outcome = match at_once {
            Some(outcome) => outcome.map_err(Failure::from),
            None => {
                self.report_question(&connection, message);
                let limit = self.service.invocation_timeout;
                let answered = tokio::time::timeout(limit, question).await;
                answered.map_err(|_| Failure::TimedOut(limit)).and_then(|outcome| outcome.map_err(Failure::from))
            }
        };
        let result = outcome.map_err(refused)?;
        self.report_result(&connection, &result);
        Ok(Answer::json(&ClientInvocationResponse { result: result.json() }))
    }

    fn report_question(&self, connection: &Connection, message: Message) {
        self.service.reporter.report(Event::Sent {
            hub: self.hub.name.clone(),
            call: self.rest.clone(),
            bytes: message.size(),
            target: message.target,
            to: SentTo::Connection(connection.id().to_owned()),
            queued: 1,
            dropped: 0,
        });
    }

    fn report_result(&self, connection: &Connection, result: &Payload) {
        let bytes = match connection.protocol() {
            HubProtocol::Json => result.json().get().len(),
            HubProtocol::MessagePack => result.messagepack().len(),
        };
        self.service.reporter.report(Event::Received {
            hub: self.hub.name.clone(),
            connection_id: connection.id().to_owned(),
            kind: "Completion",
            target: None,
            invocation_id: None,
            bytes,
            call: Some(self.rest.clone()),
        });
    }
}
