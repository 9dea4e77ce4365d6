//! Identities, as a process of its own meets them: the Azure SDK reads their endpoints from the environment of the process.
//!
//! The service and the endpoint of the identity are listeners of this test; what runs is `examples/broadcast.rs`.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::process::Command;

type Requests = Arc<Mutex<Vec<(Uri, HeaderMap)>>>;

/// A listener that answers every request in one way and remembers them all.
struct Listener {
    address: String,
    requests: Requests,
}

impl Listener {
    async fn answering(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the test stands on it");
        let address = format!("http://{}", listener.local_addr().expect("the test stands on it"));
        let requests = Requests::default();
        let record = Arc::clone(&requests);
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            record.lock().expect("the test stands on it").push((uri, headers));
            std::future::ready(answer())
        });
        // Ends with the runtime of its test.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, requests }
    }

    async fn service() -> Self {
        Self::answering(|| StatusCode::ACCEPTED.into_response()).await
    }

    /// The endpoint of a managed identity, in the form of App Service.
    async fn identity() -> Self {
        Self::answering(|| {
            let expires_on = SystemTime::now().duration_since(UNIX_EPOCH).expect("the test stands on it").as_secs() + 3600;
            let token = format!(
                r#"{{"access_token":"from-identity","expires_on":"{expires_on}","resource":"https://signalr.azure.com","token_type":"Bearer"}}"#
            );
            ([("content-type", "application/json")], token).into_response()
        })
        .await
    }

    fn headers(&self, name: &str) -> Vec<String> {
        let requests = self.requests.lock().expect("the test stands on it");
        requests.iter().map(|(_, headers)| headers[name].to_str().expect("the test stands on it").to_owned()).collect()
    }

    fn queries(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("the test stands on it")
            .iter()
            .map(|(uri, _)| uri.query().unwrap_or_default().to_owned())
            .collect()
    }
}

/// Runs the example with two messages in an environment of these variables alone.
async fn broadcast(service: &Listener, auth: &str, environment: &[(&str, &str)]) -> Output {
    let connection = format!("Endpoint={};{auth}", service.address);
    let mut command = Command::new(example("broadcast"));
    command.args(["chat", "hello", "world"]).env_clear().env("AzureSignalRConnectionString", connection);
    // Nothing that is on this machine may go through a proxy.
    command.env("HTTP_PROXY", "http://127.0.0.1:1").envs(environment.iter().copied());
    command.output().await.expect("the test stands on it")
}

/// Cargo builds examples beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test stands on it");
    let folder = test.parent().and_then(Path::parent).expect("the test stands on it").join("examples");
    folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[track_caller]
fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_managed_identity_of_an_app_is_asked_once() {
    let (service, identity) = (Listener::service().await, Listener::identity().await);
    let endpoint = format!("{}/msi/token", identity.address);
    let environment = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", "proof")];
    expect_success(&broadcast(&service, "AuthType=azure.msi", &environment).await);

    assert_eq!(identity.queries(), ["api-version=2019-08-01&resource=https%3A%2F%2Fsignalr.azure.com"]);
    assert_eq!(identity.headers("x-identity-header"), ["proof"]);
    assert_eq!(service.headers("authorization"), ["Bearer from-identity", "Bearer from-identity"]);
}

#[tokio::test]
async fn a_user_assigned_identity_is_named_by_its_client_id() {
    let (service, identity) = (Listener::service().await, Listener::identity().await);
    let environment = [("IDENTITY_ENDPOINT", &*identity.address), ("IDENTITY_HEADER", "proof")];
    expect_success(&broadcast(&service, "AuthType=azure.msi;ClientId=11-22", &environment).await);
    expect_success(
        &broadcast(&service, "AuthType=azure", &[&environment[..], &[("AZURE_CLIENT_ID", "33-44")]].concat()).await,
    );
    let queries = identity.queries();
    assert!(queries[0].ends_with("&client_id=11-22") && queries[1].ends_with("&client_id=33-44"), "{queries:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_developer_is_known_by_the_azure_command_line() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("the test stands on it");
    let az = folder.path().join("az");
    let token = r#"{"accessToken":"from-az","expires_on":4102444800,"expiresOn":"2100-01-01 00:00:00.000000","tokenType":"Bearer"}"#;
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token -o json --scope https://signalr.azure.com/.default' ] || exit 9\necho '{token}'\n"
    );
    std::fs::write(&az, script).expect("the test stands on it");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("the test stands on it");
    let service = Listener::service().await;
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    expect_success(&broadcast(&service, "AuthType=azure", &[("PATH", &path)]).await);
    assert_eq!(service.headers("authorization"), ["Bearer from-az", "Bearer from-az"]);
}

#[tokio::test]
async fn an_identity_that_is_refused_says_whose_it_is_and_nothing_is_sent() {
    let service = Listener::service().await;
    let identity = Listener::answering(|| (StatusCode::BAD_REQUEST, "no identity").into_response()).await;
    let environment = [("IDENTITY_ENDPOINT", &*identity.address), ("IDENTITY_HEADER", "proof")];
    let output = broadcast(&service, "AuthType=azure.msi", &environment).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("the managed identity"), "{said}");
    assert!(said.contains("The requested identity has not been assigned to this resource"), "{said}");
    assert!(!said.contains("proof"), "{said}");
    assert!(service.requests.lock().expect("the test stands on it").is_empty());
}
