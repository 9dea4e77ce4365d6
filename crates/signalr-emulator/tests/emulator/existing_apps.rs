//! A function app that was set up for the official emulator works without a change.

use std::time::SystemTime;

use azure_signalr::token::{ClientToken, RestAudience, RestToken, client_url};
use azure_signalr::{AccessKey, ConnectionString};
use serde_json::{Value, json};
use signalr_emulator::{DEFAULT_ACCESS_KEY, connection_string};

use crate::harness::{Client, Service};

/// As many a repository has it: with the connection string of the official emulator (signalr-service 5.4).
const LOCAL_SETTINGS: &str = r#"{
  "IsEncrypted": false,
  "Values": {
    "FUNCTIONS_WORKER_RUNTIME": "custom",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "AzureSignalRConnectionString": "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
  }
}"#;

fn settings() -> String {
    let settings: Value = serde_json::from_str(LOCAL_SETTINGS).unwrap();
    settings["Values"]["AzureSignalRConnectionString"].as_str().unwrap().to_owned()
}

#[test]
fn the_connection_string_of_the_official_emulator_is_that_of_this_one() {
    let address = ([127, 0, 0, 1], 8888).into();
    assert_eq!(connection_string(address, &AccessKey::new(DEFAULT_ACCESS_KEY)), settings());
}

/// The emulator of the test listens on another port, which no token mentions; everything else is as in the file.
#[tokio::test]
async fn what_is_signed_with_the_settings_of_an_existing_app_is_believed() {
    let service = Service::start().await;
    let settings: ConnectionString = settings().parse().unwrap();
    let hub = "Serverless".parse().unwrap();
    assert_eq!(client_url(&settings, &hub), "http://localhost:8888/client/?hub=serverless");
    let token = ClientToken::new(&hub).user_id(Some("alice")).sign(&settings, SystemTime::now()).unwrap();
    let path = format!("client/?hub=serverless&access_token={token}");
    let negotiate = service.http.post(service.url("client/negotiate?hub=serverless")).header("host", "localhost:8888");
    assert_eq!(negotiate.bearer_auth(&token).send().await.unwrap().status(), 200);
    let mut client = Client::open(&service, &path).await;
    service.until(|_| service.emulator.connection_count("serverless") == 1).await;
    let called = "http://localhost:8888/api/hubs/serverless/:send?api-version=2022-06-01".parse().unwrap();
    for audience in [RestAudience::Path, RestAudience::PathAndQuery] {
        let token = RestToken::new(&called).audience(audience).sign(&settings, SystemTime::now()).unwrap();
        let call = service.http.post(service.url("api/hubs/serverless/:send?api-version=2022-06-01"));
        let call = call.header("host", "localhost:8888").bearer_auth(token);
        let call = call.json(&json!({"Target": "newMessage", "Arguments": ["hi"]}));
        assert_eq!(call.send().await.unwrap().status(), 202, "{audience:?}");
        assert_eq!(client.target().await, "newMessage");
    }
}
