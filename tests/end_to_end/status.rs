//! The timer tells every client how the system is doing.

use crate::harness::{SignalRClient, http, send, start};
use crate::presence::becomes;
use signalr_functions::api::Presence;
use std::time::SystemTime;

#[tokio::test]
async fn a_status_update_has_real_values() {
    let stack = start().await;
    let mut client = SignalRClient::connect(&stack).await;
    // The service reports a client beside its handshake, and who is reported is counted.
    let one = Presence { connections: 1, user_count: 0, users: Vec::new(), anonymous: 1, detail: None };
    becomes(&stack, &one).await;
    let run = format!("{}/admin/functions/statusUpdate", stack.host_url());
    let reply = send(http().post(run).header("content-type", "application/json").body("{}")).await;
    assert_eq!(reply.status(), 202);
    let (target, arguments) = client.next().await;
    assert_eq!(target, "statusUpdate");
    let update = &arguments[0];
    assert_eq!(update["servicesHealthy"], true);
    assert_eq!(update["activeUsers"], 1);
    let timestamp = update["timestamp"].as_str().unwrap();
    // The host would rewrite a fraction and an offset (functions-host 3.5), so there are none: 2024-01-01T00:00:00Z.
    assert_eq!((timestamp.len(), timestamp.ends_with('Z'), timestamp.contains('.')), (20, true, false), "{timestamp}");
    let timestamp: jiff::Timestamp = timestamp.parse().unwrap();
    let age = SystemTime::now().duration_since(timestamp.into()).unwrap();
    assert!(age.as_secs() < 60, "{update}");
    drop(client);
    stack.shutdown().await;
}
