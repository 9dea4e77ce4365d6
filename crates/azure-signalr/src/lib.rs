//! What a server needs to talk to Azure SignalR Service in serverless mode.

mod access_key;
mod connection_string;
mod message;
mod names;
mod rest;
pub mod token;
pub mod upstream;

pub use access_key::AccessKey;
pub use connection_string::{ApplicationCredential, Authentication, ConnectionString, ConnectionStringError};
pub use message::{GroupAction, Member, Message, OutputItem, Recipient};
pub use names::{ApplicationName, ConnectionId, GroupName, HubName, NameError, Target, UserId};
pub use rest::{RestClient, RestError};
