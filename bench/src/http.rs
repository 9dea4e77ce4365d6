//! HTTP as far as the load and the probe need it: the heads of messages, and one request after the other.
//!
//! Requests whose cost is not part of a figure go through reqwest. This is for those that are sent so often that a library
//! would be most of the load, and for the bytes before a connection turns into a WebSocket, where what follows the head has
//! to be kept.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LIMIT: usize = 32 * 1024;

/// The head of a request or an answer, without its empty line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head(String);

impl Head {
    /// Reads one head and leaves what came behind it in `buffer`; `None` when the peer is done.
    pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<Option<Self>> {
        loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end + 4);
                return Ok(Some(Self(head)));
            }
            ensure!(buffer.len() < LIMIT, "the head of an HTTP message is longer than {LIMIT} bytes");
            if stream.read_buf(buffer).await? == 0 {
                ensure!(buffer.is_empty(), "the connection ended within the head of an HTTP message");
                return Ok(None);
            }
        }
    }

    /// The request line or the status line.
    pub(crate) fn first_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// The value of a header; names ignore case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        let line = self.0.lines().skip(1).find(|line| named(line))?;
        Some(line.split_once(':')?.1.trim())
    }

    /// `Content-Length`, and 0 where there is none.
    pub(crate) fn body_length(&self) -> Result<usize> {
        let Some(length) = self.header("content-length") else { return Ok(0) };
        length.parse().with_context(|| format!("`{length}` is not a length"))
    }
}

/// Sends a request and gives the body of the answer, for which the connection may be kept.
///
/// # Errors
/// When the answer is not 200, or breaks off: figures of failures mean nothing.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &str) -> Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(1024);
    let head = Head::read(stream, &mut buffer).await?.context("there is no answer")?;
    ensure!(head.first_line().starts_with("HTTP/1.1 200"), "the answer is `{}`", head.first_line());
    let length = head.body_length()?;
    while buffer.len() < length {
        ensure!(stream.read_buf(&mut buffer).await? > 0, "the answer breaks off");
    }
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_follows_a_head_is_kept() {
        let mut stream = &b"POST /broadcast HTTP/1.1\r\nContent-length: 5\r\nX: y\r\n\r\nhello"[..];
        let mut buffer = Vec::new();
        let head = Head::read(&mut stream, &mut buffer).await.unwrap().unwrap();
        assert_eq!(head.first_line(), "POST /broadcast HTTP/1.1");
        assert_eq!(head.body_length().unwrap(), 5);
        assert_eq!(head.header("x"), Some("y"));
        assert_eq!(head.header("y"), None);
        assert_eq!(buffer, b"hello");
    }

    #[tokio::test]
    async fn an_end_is_only_an_end_between_messages() {
        assert_eq!(Head::read(&mut &b""[..], &mut Vec::new()).await.unwrap(), None);
        assert!(Head::read(&mut &b"GET / HT"[..], &mut Vec::new()).await.is_err());
    }
}
