//! Hub messages: what a server says ([`ServerMessage`]) and what a client says ([`ClientMessage`]).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::protocol::{Frame, HubProtocol};
use crate::{Arguments, Payload};

/// How an invocation or a stream ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It ended and there is no value.
    Void,
    /// It ended with a value, which may be `null`.
    Result(Payload),
    /// It failed; the text reaches the user of the other side.
    Error(String),
}

/// A message of the server. It is encoded at most once per hub protocol, however many connections it goes to, and
/// cheap to clone.
///
/// ```
/// use signalr_server::{Arguments, ServerMessage};
///
/// let arguments = Arguments::serialize(&("Ada", "hello"))?;
/// let message = ServerMessage::invocation("newMessage", arguments);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ServerMessage(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    content: Option<Content>,
    json: OnceLock<Option<Frame>>,
    messagepack: OnceLock<Option<Frame>>,
}

/// What a message says, before it is encoded.
#[derive(Debug)]
pub(crate) enum Content {
    Invocation { invocation_id: Option<String>, target: String, arguments: Arguments },
    StreamItem { invocation_id: String, item: Payload },
    Completion { invocation_id: String, outcome: Outcome },
    Close { error: Option<String>, reconnect: Reconnect },
}

/// Whether a client that is closed may connect again by itself (signalr-protocol 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// `allowReconnect: true`: a client with automatic reconnect starts anew.
    Allowed,
    /// The client stays closed.
    Denied,
}

impl ServerMessage {
    /// Calls the clients' method `target`; nothing comes back. Clients match `target` without regard to case.
    pub fn invocation(target: impl Into<String>, arguments: Arguments) -> Self {
        Self::new(Content::Invocation { invocation_id: None, target: target.into(), arguments })
    }

    /// Calls a client's method `target` and asks for its result, which arrives as [`ClientMessage::Completion`] with
    /// the same id.
    pub fn invocation_with_result(
        invocation_id: impl Into<String>,
        target: impl Into<String>,
        arguments: Arguments,
    ) -> Self {
        Self::new(Content::Invocation { invocation_id: Some(invocation_id.into()), target: target.into(), arguments })
    }

    /// Ends the client's invocation or stream `invocation_id`.
    pub fn completion(invocation_id: impl Into<String>, outcome: Outcome) -> Self {
        Self::new(Content::Completion { invocation_id: invocation_id.into(), outcome })
    }

    /// One item of the stream that the client started as `invocation_id`.
    pub fn stream_item(invocation_id: impl Into<String>, item: Payload) -> Self {
        Self::new(Content::StreamItem { invocation_id: invocation_id.into(), item })
    }

    /// A message that is encoded already: per protocol its complete bytes, JSON with the record separator, MessagePack
    /// with the length. Connections of a protocol that is not among them do not get the message
    /// ([`Fanout::unencoded`](crate::Fanout::unencoded), [`SendError::NotEncoded`](crate::SendError::NotEncoded)).
    pub fn encoded(messages: impl IntoIterator<Item = (HubProtocol, Bytes)>) -> Self {
        let shared = Shared { content: None, json: OnceLock::new(), messagepack: OnceLock::new() };
        for (protocol, message) in messages {
            let _ = shared.slot(protocol).set(Some(Frame::encoded(protocol, &message)));
        }
        Self(Arc::new(shared))
    }

    pub(crate) fn close(error: Option<&str>, reconnect: Reconnect) -> Self {
        Self::new(Content::Close { error: error.map(str::to_owned), reconnect })
    }

    fn new(content: Content) -> Self {
        Self(Arc::new(Shared { content: Some(content), json: OnceLock::new(), messagepack: OnceLock::new() }))
    }

    /// The message in `protocol`, encoded on first use; `None` when there is no such encoding.
    pub(crate) fn frame(&self, protocol: HubProtocol) -> Option<&Frame> {
        let encode = || self.0.content.as_ref().and_then(|content| protocol.encode(content));
        self.0.slot(protocol).get_or_init(encode).as_ref()
    }
}

impl Shared {
    fn slot(&self, protocol: HubProtocol) -> &OnceLock<Option<Frame>> {
        match protocol {
            HubProtocol::Json => &self.json,
            HubProtocol::MessagePack => &self.messagepack,
        }
    }
}

/// Headers of a message: a map from string to string, usually empty.
pub type Headers = BTreeMap<String, String>;

/// A message of a client. Ping, Close, Ack and Sequence never get here.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientMessage {
    /// The client calls a method.
    Invocation {
        /// Present when the client waits for a Completion; without it nothing may be sent back.
        invocation_id: Option<String>,
        /// The method; .NET servers match it without regard to case.
        target: String,
        /// The arguments.
        arguments: Arguments,
        /// The streams that the client is going to upload as further arguments.
        stream_ids: Vec<String>,
        /// The headers.
        headers: Headers,
    },
    /// The client calls a method that answers with a stream.
    StreamInvocation {
        /// Names the stream in the answers.
        invocation_id: String,
        /// The method.
        target: String,
        /// The arguments.
        arguments: Arguments,
        /// The streams that the client is going to upload as further arguments.
        stream_ids: Vec<String>,
        /// The headers.
        headers: Headers,
    },
    /// One item of a stream that the client uploads.
    StreamItem {
        /// The stream.
        invocation_id: String,
        /// The item.
        item: Payload,
        /// The headers.
        headers: Headers,
    },
    /// The end of an uploaded stream, or the result of an invocation of the server.
    Completion {
        /// The stream or the invocation.
        invocation_id: String,
        /// How it ended.
        outcome: Outcome,
        /// The headers.
        headers: Headers,
    },
    /// The client wants no further items of a stream, or no longer waits for a result.
    CancelInvocation {
        /// The stream or the invocation.
        invocation_id: String,
        /// The headers.
        headers: Headers,
    },
}
