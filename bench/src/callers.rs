//! The callers: each has a connection of its own and asks again as soon as it has its answer.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::exchange;

/// A request as it goes over the wire, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Request(Rc<str>);

impl Request {
    pub(crate) fn new(path: &str, body: &str) -> Request {
        let length = body.len();
        Request(
            format!(
                "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:7071\r\nContent-Type: application/json\r\nContent-Length: \
                 {length}\r\n\r\n{body}"
            )
            .into(),
        )
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When the answer is not 200, or breaks off: figures of failures mean nothing.
    pub(crate) async fn answer(&self, stream: &mut TcpStream) -> Result<String> {
        let answer = exchange(stream, &self.0).await?;
        String::from_utf8(answer).context("the answer is no text")
    }
}

/// Lets everybody call for a while and answers how long each call took.
pub(crate) async fn call(
    address: SocketAddr,
    request: &Request,
    callers: usize,
    duration: Duration,
) -> Result<Vec<Duration>> {
    let end = Instant::now() + duration;
    let mut everybody = JoinSet::new();
    for _ in 0..callers {
        let request = request.clone();
        everybody.spawn_local(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut times = Vec::new();
            while Instant::now() < end {
                let started = Instant::now();
                request.answer(&mut stream).await?;
                times.push(started.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(own) = everybody.join_next().await {
        times.extend(own??);
    }
    Ok(times)
}
