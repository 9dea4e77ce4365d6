//! What a server needs to talk to Azure SignalR Service in serverless mode: connection strings, tokens, messages, group
//! actions, upstream signatures, and a client for the REST interface.
//!
//! In serverless mode the server keeps no connection to its clients. It does two things:
//!
//! 1. **It lets clients in.** It answers their *negotiate* call with an address and a token that it signs itself. No
//!    call to the service is needed for that.
//! 2. **It speaks to them through the service**: either by returning [`OutputItem`]s from an Azure Function, whose host
//!    then makes the calls, or by making them itself with [`RestClient`], which has every operation of the REST interface up to
//!    version 2024-12-01.
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
//! # Calls of its own
//!
//! The output binding sends messages and changes groups. [`RestClient`] does everything else that the service offers: leaving
//! connections out, closing them, asking who is there, waiting for a client's answer, streams.
//!
//! ```no_run
//! use azure_signalr::{ConnectionString, GroupName, RestClient};
//!
//! # async fn example(connection: ConnectionString) -> Result<(), Box<dyn std::error::Error>> {
//! let hub = RestClient::new(connection).hub(&"chat".parse()?);
//! let online: GroupName = "online".parse()?;
//! let mut members = hub.group(&online).members();
//! while let Some(page) = members.next_page().await? {
//!     for member in page {
//!         println!("{} {:?}", member.connection_id, member.user_id);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A call is made again where that is safe; [`rest::RetryPolicy`] says when. Nothing is built before the first call.
//!
//! # Without a key
//!
//! With the feature `entra`, [`RestClient::with_identity`] makes calls with a managed identity, a workload identity, an application or
//! the developer's own sign-in, as `AuthType` of the connection string says. Without a key no client token can be signed here;
//! [`HubClient::generate_token`] has the service do it.
//!
//! # Everybody has to be named
//!
//! On the wire, a message without a recipient goes to every client of the hub, so a forgotten or empty user id is a
//! leak. Here a [`UserId`], [`GroupName`] or [`ConnectionId`] cannot be empty, nor a text that an address would drop,
//! and [`Recipient::Everyone`] is spelled out. What is wrong does not compile, or is an error before anything is sent:
//!
//! ```
//! use azure_signalr::{GroupAction, Member, Message, Target, UserId};
//!
//! const HELLO: Target = Target::from_static("hello");
//! let alice: UserId = "alice".parse()?;
//! let message = Message::to_user(alice.clone(), HELLO);
//! let action = GroupAction::Add { member: Member::User(alice), group: "admins".parse()? };
//! assert!("".parse::<UserId>().is_err());
//! # Ok::<(), azure_signalr::NameError>(())
//! ```
//!
//! A user id is not just any text (E0308: expected `UserId`, found `&str`):
//!
//! ```compile_fail,E0308
//! # use azure_signalr::{Message, Target};
//! # const HELLO: Target = Target::from_static("hello");
//! let message = Message::to_user("", HELLO);
//! ```
//!
//! and cannot be made without its check (E0423: the field of `UserId` is private):
//!
//! ```compile_fail,E0423
//! # use azure_signalr::{Message, Target, UserId};
//! # const HELLO: Target = Target::from_static("hello");
//! let message = Message::to_user(UserId(String::new()), HELLO);
//! ```
//!
//! There is no message without a recipient (E0063: missing field `recipient`):
//!
//! ```compile_fail,E0063
//! # use azure_signalr::{Message, Target};
//! # const HELLO: Target = Target::from_static("hello");
//! let message = Message { target: HELLO, arguments: Vec::new() };
//! ```
//!
//! no group action without somebody (E0063: missing field `member`):
//!
//! ```compile_fail,E0063
//! # use azure_signalr::{GroupAction, GroupName};
//! # let admins: GroupName = "admins".parse().unwrap();
//! let action = GroupAction::Add { group: admins };
//! ```
//!
//! none that removes a connection from all groups, for which the binding would silently send nothing (E0308: expected `UserId`, found
//! `ConnectionId`):
//!
//! ```compile_fail,E0308
//! # use azure_signalr::{ConnectionId, GroupAction};
//! # let connection: ConnectionId = "c".parse().unwrap();
//! let action = GroupAction::RemoveUserFromAll(connection);
//! ```
//!
//! and no call of a method without a name, where the name is a constant (E0080: the evaluation panicked):
//!
//! ```compile_fail,E0080
//! # use azure_signalr::Target;
//! const NOTHING: Target = Target::from_static("");
//! # let _ = NOTHING;
//! ```
//!
//! # The other side
//!
//! A stand-in for the service checks tokens with [`token::Verifier`] and signs its webhook calls with
//! [`upstream::sign`]; whoever receives those checks them with [`upstream::verify`].
//!
//! # Not here
//!
//! Server connections ("persistent" transport), and choosing between several endpoints: with one client per endpoint, send through all.

mod access_key;
mod connection_string;
mod credential;
#[cfg(feature = "entra")]
pub mod entra;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod group_action;
mod invocation;
mod message;
mod names;
pub mod rest;
pub mod token;
pub mod upstream;

pub use access_key::AccessKey;
pub use connection_string::{ApplicationCredential, Authentication, ConnectionString, ConnectionStringError};
pub use credential::{BearerToken, CredentialError, TokenFuture, TokenSource};
pub use group_action::{GroupAction, Member};
pub use invocation::Invocation;
pub use message::{Message, OutputItem, Recipient};
pub use names::{ApplicationName, ConnectionId, GroupName, HubName, NameError, StreamId, Target, UserId};
pub use rest::{HubClient, RestClient, RestError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
