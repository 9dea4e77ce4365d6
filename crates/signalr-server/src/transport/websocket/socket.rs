//! The byte stream below a WebSocket.
//!
//! Usually the plain TCP socket, taken out of hyper's hands and shared with whoever writes for many; whatever else a server
//! was built on (TLS, a test stream) is used through hyper, and by its own task only.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::outbox::Sink;

#[derive(Debug)]
pub(super) enum Socket {
    Plain(Arc<TcpStream>),
    Other(TokioIo<Upgraded>),
}

impl Socket {
    /// The socket, and what had been read from it together with the request.
    pub(super) fn from_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        match plain(upgraded) {
            Ok((stream, read)) => {
                // Frames are batched here; the kernel must not wait for more. It only fails on a socket that is gone.
                let _ = stream.set_nodelay(true);
                (Self::Plain(Arc::new(stream)), read)
            }
            Err(upgraded) => (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
        }
    }

    /// What others may write to.
    pub(super) fn wire(&self) -> Option<&Arc<TcpStream>> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Other(_) => None,
        }
    }

    /// Ready when there may be something to read. For plain sockets this costs less than to try.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            // An error is met again by the read.
            Self::Plain(stream) => stream.poll_read_ready(context).map(drop),
            Self::Other(_) => Poll::Ready(()),
        }
    }

    pub(super) fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match self {
            Self::Plain(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                if let Some(read) = unless_blocked(stream.try_read_buf(buffer)) {
                    return Poll::Ready(read.map(drop));
                }
            },
            Self::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Says that nothing more is going to be written. Nobody else may have hold of the socket any more.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::Plain(stream) => {
                let stream = Arc::get_mut(stream).expect("the socket was detached from the queue");
                Pin::new(stream).poll_shutdown(context)
            }
            Self::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The socket as its own task sees it.
impl Sink for Socket {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self {
            Self::Plain(stream) => loop {
                ready!(stream.poll_write_ready(context))?;
                if let Some(written) = unless_blocked(stream.try_write(bytes)) {
                    return Poll::Ready(written);
                }
            },
            Self::Other(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        match self {
            Self::Plain(stream) => loop {
                ready!(stream.poll_write_ready(context))?;
                if let Some(written) = unless_blocked(stream.try_write_vectored(slices)) {
                    return Poll::Ready(written);
                }
            },
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }
}

/// The TCP socket below, and what was read from it; of hyper-util's server, which is axum's, or of hyper's own.
fn plain(upgraded: Upgraded) -> std::result::Result<(TcpStream, Bytes), Upgraded> {
    match upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
            Ok((parts.io.into_inner(), parts.read_buf))
        }
    }
}

/// Nothing when the socket was not as ready as it was said to be: the next look at its readiness waits.
fn unless_blocked<T>(result: Result<T>) -> Option<Result<T>> {
    let is_blocked = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    (!is_blocked).then_some(result)
}
