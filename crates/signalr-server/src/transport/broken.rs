//! A response that ends as if its cable were pulled: the client sees a broken connection, not the end of an answer.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame as Piece;

/// What makes hyper give a connection up.
pub(super) fn cut() -> Error {
    Error::new(ErrorKind::ConnectionAborted, "the connection is cut")
}

/// A response of which nothing arrives but its head, if that.
pub(super) fn response() -> Response {
    Response::new(Body::new(Broken))
}

#[derive(Debug)]
struct Broken;

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Piece<Bytes>, Error>>> {
        Poll::Ready(Some(Err(cut())))
    }
}
