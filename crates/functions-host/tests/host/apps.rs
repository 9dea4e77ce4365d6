//! An app that is not ours, `fixtures/apps/rust`, run as it is. `cargo xtask verify` runs those in Node and Python.

use std::path::Path;

use functions_host::app::App;
use functions_host::events::HostEvent;
use functions_host::host::{Host, HostOptions};

use crate::harness::{Events, LONG, client, example, listener};
use crate::signalr::service;

const EXECUTABLE: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

#[tokio::test]
async fn a_bare_handler_in_rust_runs_unchanged() {
    let (connection, calls) = service().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps/rust");
    let program = example("bare_handler").to_string_lossy().into_owned();
    let settings = [("AzureSignalRConnectionString", connection), (EXECUTABLE, program)];
    let app = App::load(&folder, [], &settings.map(|(name, value)| (name.to_owned(), value))).unwrap();
    assert_eq!((app.functions.len(), app.broken.len()), (4, 0));
    let (observer, events) = Events::record();
    let host = Host::start(listener().await, HostOptions { observer, ..HostOptions::new(app) }).await.unwrap();
    let (http, url) = (client(), |path: &str| format!("http://{}{path}", host.address()));

    let hello = http.get(url("/api/hello?name=Ada")).send().await.unwrap();
    assert_eq!((hello.status().as_u16(), hello.headers()["x-handler"].to_str().unwrap()), (203, "rust"));
    assert_eq!(hello.text().await.unwrap(), "Hello, Ada!");

    let order = http.post(url("/api/order")).body(r#"{"item":"tea"}"#).send().await.unwrap();
    assert_eq!((order.status().as_u16(), order.text().await.unwrap()), (201, r#"{"item":"tea"}"#.to_owned()));
    let sent = r#"POST /api/hubs/fixture/:send {"Target":"ordered","Arguments":["tea"]}"#;
    assert!(calls.lock().unwrap().contains(&sent.to_owned()));

    let info: serde_json::Value = http.post(url("/api/negotiate")).send().await.unwrap().json().await.unwrap();
    assert!(info["url"].as_str().unwrap().ends_with("/client/?hub=fixture") && info["accessToken"].is_string());

    let ticked = |event: &HostEvent| match event {
        HostEvent::Executed { function, error, .. } if function == "tick" => Some(error.clone()),
        _ => None,
    };
    assert_eq!(events.wait_for("the timer has fired", ticked).await, None);
    let sent = r#"POST /api/hubs/fixture/:send {"Target":"tick","Arguments":[false]}"#;
    assert!(calls.lock().unwrap().contains(&sent.to_owned()));
    tokio::time::timeout(LONG, host.shutdown()).await.unwrap();
}
