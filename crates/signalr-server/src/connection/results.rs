//! Results of clients: the server invokes, the client answers (signalr-protocol 4.10).
//!
//! An answer does not wait for its turn among the messages for the hub: the hub may be waiting for it in the very call
//! that holds them up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{Connection, SendError};
use crate::message::{Outcome, ServerMessage};
use crate::{Arguments, Payload};

/// Why there is no result of a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The client says why, such as `Client didn't provide a result.` when it has no such method. The client's fault.
    #[error("{0}")]
    Client(String),
    /// The connection ended before the client answered. Nobody's fault.
    #[error("the connection ended before the client answered")]
    Unanswered,
    /// As many invocations of this client as allowed
    /// ([`ServerOptions::pending_invocations`](crate::ServerOptions::pending_invocations)) wait already. The caller's
    /// fault, or that of a client that does not answer.
    #[error("too many invocations of the client wait for their result")]
    TooMany,
    /// The invocation was not sent.
    #[error(transparent)]
    NotSent(#[from] SendError),
}

/// What a client is being asked. Takes no memory until the first question.
#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unused,
    Used(Box<Pending>),
    Over,
}

#[derive(Debug, Default)]
struct Pending {
    asked: u64,
    waiting: HashMap<String, oneshot::Sender<Outcome>>,
}

impl Results {
    fn ask(&self, limit: usize) -> Result<(String, oneshot::Receiver<Outcome>), InvokeError> {
        let mut state = self.lock();
        if matches!(*state, State::Unused) {
            *state = State::Used(Box::default());
        }
        let State::Used(pending) = &mut *state else {
            return Err(InvokeError::NotSent(SendError::Gone));
        };
        if pending.waiting.len() >= limit {
            return Err(InvokeError::TooMany);
        }
        pending.asked += 1;
        // The letter keeps them apart from the streams of clients, whose ends are completions, too.
        let id = format!("r{}", pending.asked);
        let (answer, result) = oneshot::channel();
        pending.waiting.insert(id.clone(), answer);
        Ok((id, result))
    }

    fn forget(&self, id: &str) {
        if let State::Used(pending) = &mut *self.lock() {
            pending.waiting.remove(id);
        }
    }

    /// Whether somebody waits for the completion `id`.
    pub(crate) fn awaits(&self, id: &str) -> bool {
        matches!(&*self.lock(), State::Used(pending) if pending.waiting.contains_key(id))
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn answer(&self, id: &str, outcome: Outcome) {
        let waiting = match &mut *self.lock() {
            State::Used(pending) => pending.waiting.remove(id),
            State::Unused | State::Over => None,
        };
        if let Some(waiting) = waiting {
            // Whoever has given up in this moment needs no answer.
            let _ = waiting.send(outcome);
        }
    }

    /// No answer comes any more.
    pub(crate) fn end(&self) {
        *self.lock() = State::Over;
    }

    /// A panic elsewhere leaves the state as good as it was: every change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An invocation whose result is awaited. Whoever drops it gives up.
struct Question {
    connection: Connection,
    id: String,
    result: oneshot::Receiver<Outcome>,
}

impl Connection {
    /// Invokes a method of the client and waits for its result: `null` from a client that answers without a value. The
    /// invocation is queued at once, before the future is first polled; dropping the future gives up waiting. There is
    /// no timeout of its own, and a client that is away under stateful reconnect may still answer.
    ///
    /// It may be called within [`Hub::received`](crate::Hub::received): the answer does not wait behind that call,
    /// unless the client sends so much meanwhile (64 KiB) that it is not read until the call returns.
    ///
    /// # Errors
    /// [`InvokeError`], through the future.
    pub fn invoke(
        &self,
        target: &str,
        arguments: Arguments,
    ) -> impl Future<Output = Result<Payload, InvokeError>> + Send + use<> {
        let question = self.ask(target, arguments);
        async move {
            match (&mut question?.result).await {
                Ok(Outcome::Result(value)) => Ok(value),
                Ok(Outcome::Void) => Ok(Payload::from_json(RawValue::NULL.to_owned())),
                Ok(Outcome::Error(error)) => Err(InvokeError::Client(error)),
                Err(_) => Err(InvokeError::Unanswered),
            }
        }
    }

    fn ask(&self, target: &str, arguments: Arguments) -> Result<Question, InvokeError> {
        let (id, result) = self.results().ask(self.engine().options().pending_invocations)?;
        let question = Question { connection: self.clone(), id, result };
        self.send(&ServerMessage::invocation_with_result(&question.id, target, arguments))?;
        Ok(question)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.connection.results().forget(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reaches_who_asked_and_nobody_else() {
        let results = Results::default();
        assert!(!results.awaits("r1"));
        let (first, mut one) = results.ask(2).unwrap();
        let (second, mut two) = results.ask(2).unwrap();
        assert_eq!(results.ask(2).unwrap_err(), InvokeError::TooMany);
        assert!(results.awaits(&first) && results.awaits(&second) && !results.awaits("1"));
        results.answer(&second, Outcome::Void);
        results.answer("1", Outcome::Void);
        assert!(one.try_recv().is_err() && matches!(two.try_recv(), Ok(Outcome::Void)));
        results.forget(&first);
        assert!(!results.awaits(&first));
        let (third, mut three) = results.ask(2).unwrap();
        assert!(third != first && third != second);
        results.end();
        assert!(matches!(three.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert_eq!(results.ask(2).unwrap_err(), InvokeError::NotSent(SendError::Gone));
    }
}
