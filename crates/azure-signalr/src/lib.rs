//! What a server needs to talk to Azure SignalR Service in serverless mode: connection strings, tokens, messages, group
//! actions, upstream signatures, and a client for the REST interface.
//!
//! In serverless mode the server keeps no connection to its clients. It does two things:
//!
//! 1. **It lets clients in.** It answers their *negotiate* call with an address and a token that it signs itself. No
//!    call to the service is needed for that.
//! 2. **It speaks to them through the service**: either by returning [`OutputItem`]s from an Azure Function, whose host
//!    then makes the calls, or by making them itself with [`RestClient`].
//!
//! ```
//! use std::time::SystemTime;
//!
//! use azure_signalr::token::{ClientToken, client_url};
//! use azure_signalr::{ConnectionString, HubName, Message, OutputItem, Target};
//!
//! let connection: ConnectionString =
//!     "Endpoint=https://contoso.service.signalr.net;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
//!         .parse()?;
//! let hub: HubName = "chat".parse()?;
//!
//! // The answer to alice's negotiate call: {"url": url, "accessToken": access_token}
//! let url = client_url(&connection, &hub);
//! let access_token = ClientToken::new(&hub).user_id(Some("alice")).sign(&connection, SystemTime::now())?;
//! assert_eq!(url, "https://contoso.service.signalr.net/client/?hub=chat");
//!
//! // A message to all of alice's connections, as a function returns it.
//! const NEW_MESSAGE: Target = Target::from_static("newMessage");
//! let message = Message::to_user("alice".parse()?, NEW_MESSAGE).argument("hello")?.argument(&42)?;
//! assert_eq!(
//!     serde_json::to_string(&[OutputItem::from(message)])?,
//!     r#"[{"target":"newMessage","arguments":["hello",42],"userId":"alice"}]"#
//! );
//! # assert!(!access_token.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Everybody has to be named
//!
//! On the wire, a message without a recipient goes to every client of the hub, so a forgotten or empty user id is a
//! leak. Here a [`UserId`], [`GroupName`] or [`ConnectionId`] cannot be empty, nor a text that an address would drop,
//! and [`Recipient::Everyone`] is spelled out.
//!
//! # The other side
//!
//! A stand-in for the service checks tokens with [`token::Verifier`] and signs its webhook calls with
//! [`upstream::sign`]; whoever receives those checks them with [`upstream::verify`].
//!
//! # Not here
//!
//! Server connections ("persistent" transport), several endpoints, and signing with Microsoft Entra: such connection
//! strings are read, and signing then says what to use instead.

mod access_key;
mod connection_string;
mod credential;
#[cfg(feature = "entra")]
pub mod entra;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod invocation;
mod message;
mod names;
pub mod rest;
pub mod token;
pub mod upstream;

pub use access_key::AccessKey;
pub use connection_string::{ApplicationCredential, Authentication, ConnectionString, ConnectionStringError};
pub use credential::{BearerToken, CredentialError, TokenFuture, TokenSource};
pub use invocation::Invocation;
pub use message::{GroupAction, Member, Message, OutputItem, Recipient};
pub use names::{ApplicationName, ConnectionId, GroupName, HubName, NameError, StreamId, Target, UserId};
pub use rest::{HubClient, RestClient, RestError};
