//! How the clients of a server under test introduce themselves, and what they have to answer later.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use azure_signalr::token::ClientToken;
use azure_signalr::{ConnectionString, HubName, UserId};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::http::exchange;

/// The hub that everybody is in.
const HUB: &str = "bench";

/// A server under test, seen from its clients.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    pub(super) http: reqwest::Client,
    /// Connections for the next negotiates. One request over and over needs no HTTP library, which would cost the load
    /// more than all else that a connect costs it.
    negotiating: Rc<RefCell<Vec<TcpStream>>>,
    users: Users,
}

/// As whom the clients of a SignalR service connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Users {
    /// As nobody in particular.
    Nobody,
    /// Each as a user of its own.
    Numbered,
}

impl Users {
    /// The user of the client with this number.
    pub(crate) fn name(number: usize) -> Result<UserId> {
        Ok(format!("user-{number}").parse()?)
    }

    fn of(self, number: usize) -> Result<Option<UserId>> {
        if self == Self::Numbered { Self::name(number).map(Some) } else { Ok(None) }
    }
}

/// What is spoken inside the WebSocket.
#[derive(Debug, Clone)]
pub(crate) enum Dialect {
    /// Bare messages.
    Plain,
    /// engine.io 4 with the default namespace of socket.io 5, over its WebSocket transport.
    EngineIo,
    /// SignalR with the JSON protocol, in front of a service that wants tokens (signalr-protocol 2, 4.1).
    SignalR(Arc<ConnectionString>),
    /// SignalR with the JSON protocol, in front of a hub at `/hub` that lets everybody in without a negotiate.
    Hub,
}

/// What the client says once the upgrade is through, and what the server's answer begins with.
pub(super) struct Greeting {
    /// What the server says without being asked.
    pub(super) awaited: Option<&'static str>,
    pub(super) said: &'static str,
    pub(super) answered: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Negotiated {
    connection_token: String,
}

impl Target {
    /// A server on this machine.
    pub(crate) fn new(address: SocketAddr, dialect: Dialect) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().context("cannot set up HTTP")?;
        Ok(Self { address, dialect, http, negotiating: Rc::default(), users: Users::Nobody })
    }

    /// The same with clients who connect as these users.
    pub(crate) fn with_users(self, users: Users) -> Self {
        Self { users, ..self }
    }

    /// Path and query under which the client with this number may open its WebSocket; for SignalR that takes a negotiate.
    pub(super) async fn open_path(&self, number: usize) -> Result<String> {
        match &self.dialect {
            Dialect::Plain => Ok("/client".to_owned()),
            Dialect::EngineIo => Ok("/client/?EIO=4&transport=websocket".to_owned()),
            Dialect::SignalR(connection) => self.negotiate(connection, number).await,
            Dialect::Hub => Ok("/hub".to_owned()),
        }
    }

    async fn negotiate(&self, connection: &ConnectionString, number: usize) -> Result<String> {
        let user = self.users.of(number)?;
        let token = ClientToken::new(&hub()).user_id(user.as_ref().map(UserId::as_str));
        let access_token = token.sign(connection, SystemTime::now())?;
        let request = format!(
            "POST /client/negotiate?hub={HUB}&negotiateVersion=1 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer \
             {access_token}\r\nContent-Length: 0\r\n\r\n",
            self.address
        );
        let idle = self.negotiating.borrow_mut().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => dial(self.address).await?,
        };
        let answer = exchange(&mut stream, &request).await.context("negotiate")?;
        self.negotiating.borrow_mut().push(stream);
        let Negotiated { connection_token } =
            serde_json::from_slice(&answer).context("negotiate gave no connection token")?;
        Ok(format!("/client/?hub={HUB}&id={connection_token}&access_token={access_token}"))
    }
}

async fn dial(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Dialect {
    pub(super) fn greeting(&self) -> Option<Greeting> {
        match self {
            Self::Plain => None,
            Self::EngineIo => Some(Greeting { awaited: Some("0{"), said: "40", answered: "40{" }),
            Self::SignalR(_) | Self::Hub => Some(Greeting {
                awaited: None,
                said: "{\"protocol\":\"json\",\"version\":1}\u{1e}",
                answered: "{}\u{1e}",
            }),
        }
    }

    /// What the client has to answer to a message of its server, if anything. engine.io pings in messages and drops
    /// clients that do not answer; SignalR's Ping wants no answer (signalr-protocol 6.1).
    pub(super) fn answer(&self, message: &[u8]) -> Option<&'static str> {
        (matches!(self, Self::EngineIo) && message == b"2").then_some("3")
    }
}

/// The hub's name as a type.
pub(super) fn hub() -> HubName {
    HUB.parse().expect("the name is made of letters")
}
