//! `bench hot-path`: one piece of the product's work, again and again, for `bench instructions` to count.
//!
//! Nothing here looks at the clock or depends on chance, so two runs of the same program take the same instructions but for
//! what the hash maps of the standard library are seeded with.

use std::hint::black_box;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream as Socket};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::response::IntoResponse as _;
use azure_signalr::{Message, OutputItem, Target as Method};
use clap::ValueEnum;
use custom_handler::{HttpResponse, Invocation, InvocationResult};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use signalr_server::{
    Admission, Arguments, ClientMessage, ClientRequest, Clients, Connection, Hub, Recipients, Refusal, ServerMessage,
    ServerOptions, router,
};
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use crate::calls::Function;
use crate::load::{Client, Dialect, Target};
use crate::tokens::Mint;

/// Clients that a broadcast goes to: enough for what it costs by itself not to show.
const CLIENTS: usize = 100;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HotPath {
    /// A negotiate as the host posts it is read, with its request and its connection information
    EnvelopeParse,
    /// The answer to a broadcast is written
    OutputsWrite,
    /// A client's token is made
    TokenMint,
    /// A client's token is checked
    TokenVerify,
    /// A message of 200 bytes is encoded and reaches one client
    BroadcastEncode,
    /// A message that is encoded already reaches one client more
    Delivery,
}

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The piece of work
    #[arg(value_enum)]
    path: HotPath,
    /// How often
    #[arg(long)]
    times: u32,
}

impl HotPath {
    pub(crate) const ALL: [Self; 6] = [
        Self::EnvelopeParse,
        Self::OutputsWrite,
        Self::TokenMint,
        Self::TokenVerify,
        Self::BroadcastEncode,
        Self::Delivery,
    ];

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EnvelopeParse => "envelope-parse",
            Self::OutputsWrite => "outputs-write",
            Self::TokenMint => "token-mint",
            Self::TokenVerify => "token-verify",
            Self::BroadcastEncode => "broadcast-encode",
            Self::Delivery => "delivery",
        }
    }

    /// How often the work is done each time.
    pub(crate) fn at_once(self) -> usize {
        if self == Self::Delivery { CLIENTS } else { 1 }
    }
}

/// Does the work.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let times = options.times;
    match options.path {
        HotPath::EnvelopeParse => parse(times),
        HotPath::OutputsWrite => write(times),
        HotPath::TokenMint => {
            let mint = Mint::new()?;
            (0..times).try_for_each(|_| mint.mint().map(|token| drop(black_box(token))))
        }
        HotPath::TokenVerify => {
            let mint = Mint::new()?;
            let token = mint.mint()?;
            (0..times).try_for_each(|_| mint.verify(black_box(&token)))
        }
        HotPath::BroadcastEncode => broadcast(1, times, message).await,
        HotPath::Delivery => {
            let encoded = message();
            broadcast(CLIENTS, times, || encoded.clone()).await
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionInfo {
    url: String,
    access_token: String,
}

fn parse(times: u32) -> Result<()> {
    let body = Function::Negotiate.envelope().to_string();
    for _ in 0..times {
        let (invocation, request) = Invocation::parse_with_request(black_box(body.as_bytes()), "req")?;
        let ConnectionInfo { url, access_token } = invocation.input("connectionInfo")?;
        black_box((request.header("authorization"), url, access_token));
    }
    Ok(())
}

#[derive(Serialize)]
struct Outputs {
    res: HttpResponse,
    #[serde(rename = "signalRMessages")]
    messages: Vec<OutputItem>,
}

fn write(times: u32) -> Result<()> {
    const TARGET: Method = Method::from_static("newNotification");
    for _ in 0..times {
        let res = HttpResponse::json(200, &[true])?;
        let message = Message::to_everyone(TARGET).argument("a notification for everybody who is connected")?;
        let outputs = Outputs { res, messages: vec![message.into()] };
        black_box(InvocationResult::new(outputs).log("sending `newNotification` to all clients").into_response());
    }
    Ok(())
}

/// Lets everybody in and listens to nobody.
struct Open(Clients);

impl Hub for Open {
    async fn admit(&self, _request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        Ok(Admission::to(self.0.clone()))
    }

    async fn received(&self, _connection: &Connection, _message: ClientMessage) {}
}

fn message() -> ServerMessage {
    let argument = RawValue::from_string(format!("\"{}\"", "x".repeat(200))).expect("a text without escapes is JSON");
    ServerMessage::invocation("newMessage", Arguments::from_json(&[argument]))
}

/// Sends to so many clients, so often. The clients read with one system call each, which is all that they add.
async fn broadcast(clients: usize, times: u32, message: impl Fn() -> ServerMessage) -> Result<()> {
    let (everybody, shutdown) = (Clients::default(), CancellationToken::new());
    let hub = router(Arc::new(Open(everybody.clone())), ServerOptions::default(), shutdown);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let target = Target::new(listener.local_addr()?, Dialect::Hub)?;
    tokio::task::spawn_local(async move { axum::serve(listener, axum::Router::new().nest("/hub", hub)).await });
    let mut sockets = Vec::new();
    for index in 0..clients {
        sockets.push(Client::connect(&target, index).await?.into_socket()?);
    }
    for _ in 0..times {
        let sent = everybody.send(&Recipients::everyone(), black_box(&message()));
        anyhow::ensure!(sent.queued == clients, "{sent:?} instead of {clients}");
        for socket in &mut sockets {
            receive(socket).await?;
        }
    }
    Ok(())
}

/// Reads one message, which is there as soon as the server has had its turn.
async fn receive(socket: &mut Socket) -> Result<()> {
    let mut buffer = [0; 512];
    loop {
        match socket.read(&mut buffer) {
            Ok(length) => {
                anyhow::ensure!(buffer[..length].ends_with(b"\x1e"), "a message is cut after {length} bytes");
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => yield_now().await,
            Err(error) => return Err(error).context("a client cannot read"),
        }
    }
}
