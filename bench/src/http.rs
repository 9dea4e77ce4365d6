//! The heads of HTTP messages, as far as an upgrade and the probe need them.
//!
//! Ordinary requests go through reqwest. This is for the bytes before a connection turns into a WebSocket, where what
//! follows the head has to be kept.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _};

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
