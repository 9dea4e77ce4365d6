//! A stream of items to one client.
//!
//! The client asks for a stream through upstream, which gives the stream its id. How an item is written is not documented: this is
//! the item itself, as JSON, as the official library sends it (signalr-service 9, item 8).

use serde::Serialize;

use super::call::{Call, Last};
use super::{HubClient, RestError};
use crate::{ConnectionId, StreamId};

/// A stream that a client waits for; from [`Connection::stream`](super::Connection::stream).
#[derive(Debug, Clone, Copy)]
pub struct ClientStream<'a> {
    hub: &'a HubClient,
    connection: &'a ConnectionId,
    id: &'a StreamId,
}

impl<'a> ClientStream<'a> {
    pub(super) fn new(hub: &'a HubClient, connection: &'a ConnectionId, id: &'a StreamId) -> Self {
        Self { hub, connection, id }
    }

    /// Sends one item; more may follow.
    ///
    /// # Errors
    ///
    /// [`RestError::Unwritable`] when `item` cannot be written as JSON; otherwise as every call, after repetitions where those are safe.
    pub async fn send<T: Serialize + ?Sized>(&self, item: &T) -> Result<(), RestError> {
        self.item(item, Last::No).await
    }

    /// Sends the last item.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_last<T: Serialize + ?Sized>(&self, item: &T) -> Result<(), RestError> {
        self.item(item, Last::Yes).await
    }

    /// Ends the stream without another item.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions where those are safe.
    pub async fn complete(&self) -> Result<(), RestError> {
        self.hub.perform(&Call::complete_stream(self.hub.name(), (self.connection, self.id), None)).await
    }

    /// Ends the stream with an error, which the client is told.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub async fn fail(&self, reason: &str) -> Result<(), RestError> {
        self.hub.perform(&Call::complete_stream(self.hub.name(), (self.connection, self.id), Some(reason))).await
    }

    async fn item<T: Serialize + ?Sized>(&self, item: &T, last: Last) -> Result<(), RestError> {
        let item = serde_json::to_vec(item).map_err(RestError::Unwritable)?;
        self.hub.perform(&Call::stream_item(self.hub.name(), (self.connection, self.id), item, last)).await
    }
}
