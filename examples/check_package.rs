//! Runs an unpacked function app, with the handler that is in it, and tries it: part of `cargo xtask package`.
//!
//! ```text
//! check_package target/package/unpacked
//! ```
//!
//! Every function has to be valid by the rules of the host, the handler has to start, and a broadcast has to reach a client that is
//! connected. What is written is for people.

use std::error::Error;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use functions_host::app::App;
use futures_util::{SinkExt, StreamExt};
use local_stack::{LocalStack, StackOptions};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Far more than anything here takes; reached only when something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often the start is measured.
const STARTS: usize = 11;

/// What the settings of the app in Azure would say; the broadcast is tried by somebody who has not signed in.
const SETTINGS: [(&str, &str); 2] = [("FUNCTIONS_WORKER_RUNTIME", "custom"), ("RequireSignIn", "never")];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("the folder of the unpacked app is missing")?;
    let app = check_functions(&folder)?;
    measure_start(&folder.join(&app.host.custom_handler.executable))?;
    tokio::time::timeout(DEADLINE, check_broadcast(&folder)).await.map_err(|_| "the broadcast takes too long")?
}

fn settings() -> Vec<(String, String)> {
    SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Every function.json is one that the host takes.
fn check_functions(folder: &Path) -> Result<App> {
    let app = App::load(folder, settings(), &[])?;
    let broken: Vec<_> = app.broken.iter().map(|function| format!("{}: {}", function.name, function.message)).collect();
    if !broken.is_empty() {
        return Err(format!("the host would not run these functions: {}", broken.join("; ")).into());
    }
    let names: Vec<_> = app.functions.iter().map(|function| function.name.as_str()).collect();
    say(&format!("{} functions: {}", names.len(), names.join(", ")))?;
    Ok(app)
}

/// How long the handler takes until it listens, and how much memory it then has.
fn measure_start(handler: &Path) -> Result<()> {
    let mut starts = (0..STARTS).map(|_| start(handler)).collect::<Result<Vec<_>>>()?;
    starts.sort_unstable();
    let (median, memory) = starts[STARTS / 2];
    let memory = memory.map_or_else(|| "an unknown amount".to_owned(), |kilobytes| format!("{kilobytes} KB"));
    say(&format!(
        "the handler listens after {:.1} ms (median of {STARTS}) and then has {memory} of memory",
        median.as_secs_f64() * 1000.0
    ))
}

fn start(handler: &Path) -> Result<(Duration, Option<u64>)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let started = Instant::now();
    let process = Command::new(handler)
        .env_clear()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .stdout(Stdio::null())
        .spawn()?;
    let mut process = Running(process);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if let Some(status) = process.0.try_wait()? {
            return Err(format!("the handler ended at once: {status}").into());
        }
        if started.elapsed() > DEADLINE {
            return Err("the handler does not listen".into());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok((started.elapsed(), resident_kilobytes(process.0.id())))
}

/// Ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn resident_kilobytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// Somebody connects, somebody else broadcasts, and the message arrives.
async fn check_broadcast(folder: &Path) -> Result<()> {
    let stack = LocalStack::start(StackOptions { environment: settings(), ..StackOptions::new(folder) }).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let post = |path: &str, body: Value| http.post(format!("{}{path}", stack.host_url())).json(&body).send();

    let info: Value = post("/api/negotiate", json!({})).await?.error_for_status()?.json().await?;
    let mut client = Client::connect(text(&info, "url")?, text(&info, "accessToken")?).await?;
    let broadcast = json!({"message": "the package works"});
    post("/api/broadcast", broadcast).await?.error_for_status()?;
    let received = client.next_invocation().await?;
    if received["target"] != "newNotification" || received["arguments"] != json!(["the package works"]) {
        return Err(format!("something else than the broadcast arrived: {received}").into());
    }
    say("a broadcast reached a connected client")?;
    stack.shutdown().await;
    Ok(())
}

struct Client {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    received: Vec<Value>,
}

impl Client {
    /// Connects as clients do that skip the negotiation with the service (signalr-service 2.4 item 8).
    async fn connect(url: &str, token: &str) -> Result<Self> {
        let address = format!("{url}&access_token={token}").replacen("http", "ws", 1);
        let (mut socket, _) = connect_async(address).await?;
        socket.send(Message::text("{\"protocol\":\"json\",\"version\":1}\u{1e}")).await?;
        let mut client = Self { socket, received: Vec::new() };
        let answer = client.next().await?;
        if answer == json!({}) { Ok(client) } else { Err(format!("the handshake failed: {answer}").into()) }
    }

    async fn next_invocation(&mut self) -> Result<Value> {
        loop {
            let message = self.next().await?;
            if message["type"] == 1 {
                return Ok(message);
            }
        }
    }

    async fn next(&mut self) -> Result<Value> {
        while self.received.is_empty() {
            let frame = self.socket.next().await.ok_or("the service closed the connection")??;
            if let Message::Text(text) = frame {
                for message in text.split_terminator('\u{1e}') {
                    self.received.push(serde_json::from_str(message)?);
                }
            }
        }
        Ok(self.received.remove(0))
    }
}

fn text<'a>(info: &'a Value, name: &str) -> Result<&'a str> {
    info[name].as_str().ok_or_else(|| format!("negotiate gives no `{name}`").into())
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "    {line}")?)
}
