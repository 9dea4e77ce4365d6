//! A stream that a client uploads, as its method sees it.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::MethodError;
use super::calls::Part;

/// Items that the client sends while the method runs, in their order. Up to ten wait for the method (signalr-protocol
/// 6.1); then the client's further messages wait, too. It ends when the client completes it. What comes after the
/// method has dropped it is ignored.
///
/// # Errors
/// The last item is an error when the client says so, with its text, which is public; when an item is not a `T`; and
/// when the connection ends before the stream does.
pub struct Upload<T> {
    /// Absent behind the end.
    parts: Option<Feed>,
    items: PhantomData<fn() -> T>,
}

/// What comes of an upload.
pub(super) type Feed = mpsc::Receiver<Part>;

impl<T> From<Feed> for Upload<T> {
    fn from(feed: Feed) -> Self {
        Self { parts: Some(feed), items: PhantomData }
    }
}

impl<T: DeserializeOwned> Stream for Upload<T> {
    type Item = Result<T, MethodError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(parts) = &mut self.parts else {
            return Poll::Ready(None);
        };
        let item = match ready!(parts.poll_recv(context)) {
            Some(Part::Item(item)) => Some(item.deserialize().map_err(MethodError::private)),
            Some(Part::End(None)) => None,
            Some(Part::End(Some(error))) => Some(Err(MethodError::public(error))),
            None => Some(Err(MethodError::private("the connection ended before the upload did"))),
        };
        if !matches!(item, Some(Ok(_))) {
            self.parts = None;
        }
        Poll::Ready(item)
    }
}

impl<T> fmt::Debug for Upload<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upload").field("is_over", &self.parts.is_none()).finish()
    }
}
