//! Sends each argument after the hub to every client of that hub.
//!
//! ```text
//! AzureSignalRConnectionString='Endpoint=https://NAME.service.signalr.net;AuthType=azure' \
//!     cargo run --package azure-signalr --features entra --example broadcast -- chat hello world
//! ```
//!
//! Without the feature `entra` it takes connection strings with an access key, such as that of the emulator.

use std::error::Error;

use azure_signalr::{ConnectionString, Message, RestClient, Target};

const NEW_MESSAGE: Target = Target::from_static("newMessage");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let hub = arguments.next().ok_or("the first argument is the hub")?.parse()?;
    let connection = environment("AzureSignalRConnectionString").ok_or("`AzureSignalRConnectionString` is not set")?;
    let connection: ConnectionString = connection.parse()?;
    let hub = RestClient::new(connection).with_identity(environment)?.hub(&hub);
    for text in arguments {
        hub.send(&Message::to_everyone(NEW_MESSAGE).argument(&text)?).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
