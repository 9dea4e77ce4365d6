//! The byte stream below a WebSocket.
//!
//! Usually the plain TCP socket, taken out of hyper's hands; whatever else a server was built on (TLS, a test stream)
//! is used through hyper.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Other(TokioIo<Upgraded>),
}

impl Socket {
    /// The socket, and what had been read from it together with the request.
    pub(super) fn from_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        match downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(Parts { io, read_buf, .. }) => {
                let stream = io.into_inner();
                // Frames are batched here; the kernel must not wait for more. It only fails on a socket that is gone.
                let _ = stream.set_nodelay(true);
                (Self::Plain(stream), read_buf)
            }
            Err(upgraded) => (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
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
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }

    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Says that nothing more is going to be written.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
