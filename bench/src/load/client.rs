//! One WebSocket client: as little as can count deliveries.
//!
//! It closes with a reset, so that ten thousand clients leave no ten thousand half-dead sockets behind.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use super::dialect::{Dialect, Greeting, Target};
use super::frames::{self, FrameReader, masked};
use super::tally::Tally;
use crate::http::Head;

/// Bytes per read: more than eight broadcasts of the larger size.
const SCRATCH: usize = 32 * 1024;

/// Addresses to connect from. One has only 28,000 ports, and those of the last run may not be free yet.
const SOURCES: usize = 8;

/// A connected client that has said its greeting.
#[derive(Debug)]
pub(crate) struct Client {
    socket: TcpStream,
    reader: FrameReader,
    dialect: Dialect,
}

impl Client {
    /// Connects as a client of the server's kind does. `index` tells the clients apart.
    pub(crate) async fn connect(target: &Target, index: usize) -> Result<Self> {
        let path = target.open_path(index).await?;
        let mut socket = dial(target.address, index).await.context("cannot connect")?;
        let early = upgrade(&mut socket, target.address, &path).await?;
        let mut client = Self { socket, reader: FrameReader::default(), dialect: target.dialect.clone() };
        if let Some(greeting) = client.dialect.greeting() {
            client.greet(&greeting, early).await?;
        } else {
            ensure!(early.is_empty(), "the server speaks before the client does");
        }
        Ok(client)
    }

    /// The bare socket, which does not block.
    pub(crate) fn into_socket(self) -> Result<std::net::TcpStream> {
        self.socket.into_std().context("cannot take the socket out of the runtime")
    }

    async fn greet(&mut self, greeting: &Greeting, early: Vec<u8>) -> Result<()> {
        let mut unread = early;
        if let Some(awaited) = greeting.awaited {
            self.await_message(awaited, &mut unread).await?;
        }
        self.socket.write_all(&masked(frames::TEXT, greeting.said.as_bytes())).await?;
        self.await_message(greeting.answered, &mut unread).await
    }

    /// Reads until a message that begins with `start`. During a greeting messages come one at a time.
    async fn await_message(&mut self, start: &str, unread: &mut Vec<u8>) -> Result<()> {
        loop {
            let mut messages = Vec::new();
            let fed =
                self.reader.feed(unread, |frame| messages.push(String::from_utf8_lossy(frame.payload).into_owned()));
            fed.map_err(|unreadable| anyhow::anyhow!(unreadable.0))?;
            unread.clear();
            match messages.as_slice() {
                [] => ensure!(self.socket.read_buf(unread).await? > 0, "the server hung up during the greeting"),
                [message] if message.starts_with(start) => return Ok(()),
                other => bail!("the server answered {other:?} where `{start}` was expected"),
            }
        }
    }

    /// Counts what arrives until the client is dropped. An end of the connection spoils the tally.
    pub(super) async fn count(mut self, index: usize, tally: Rc<Tally>) {
        loop {
            let answer = match poll_fn(|context| self.poll_count(context, index, &tally)).await {
                Ok(None) => continue,
                Ok(Some(answer)) => answer,
                Err(cause) => return tally.fail(format!("client {index}: {cause}")),
            };
            if let Err(error) = self.socket.write_all(&answer).await {
                return tally.fail(format!("client {index} cannot answer: {error}"));
            }
        }
    }

    /// Reads once and counts; what has to be answered is handed out. Not inlined, so that the buffer is on the stack
    /// only while it is used.
    #[inline(never)]
    fn poll_count(&mut self, context: &mut Context<'_>, index: usize, tally: &Tally) -> Poll<Result<Option<Vec<u8>>>> {
        let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(anyhow::anyhow!("the server hung up")));
        }
        let (dialect, mut answer, mut closed) = (&self.dialect, None, false);
        let fed = self.reader.feed(buffer.filled(), |frame| match frame.opcode {
            frames::PING => answer = Some(masked(frames::PONG, frame.payload)),
            frames::CLOSE => closed = true,
            _ => match dialect.answer(frame.payload) {
                Some(text) => answer = Some(masked(frames::TEXT, text.as_bytes())),
                None => tally.delivered(index, frame.payload),
            },
        });
        Poll::Ready(match fed {
            Err(unreadable) => Err(anyhow::anyhow!(unreadable.0)),
            Ok(()) if closed => Err(anyhow::anyhow!("the server said Close")),
            Ok(()) => Ok(answer),
        })
    }
}

async fn dial(address: SocketAddr, index: usize) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCES) as u8);
    socket.bind((source, 0).into())?;
    socket.set_zero_linger()?;
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// Turns the connection into a WebSocket and returns what came behind the answer's head. The proof in
/// `Sec-WebSocket-Accept` is not checked: it protects from servers that do not know what they answer.
async fn upgrade(socket: &mut TcpStream, address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut rest = Vec::new();
    let head = Head::read(socket, &mut rest).await?.context("the server hung up instead of answering the upgrade")?;
    let status = head.first_line();
    ensure!(status.starts_with("HTTP/1.1 101 "), "the upgrade was answered with `{status}`");
    Ok(rest)
}
