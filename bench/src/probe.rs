//! The ceiling: a server that does nothing but send.
//!
//! One writer, frames that are encoded once, and one `write` per socket for everything that waits. It reads nothing,
//! checks nothing and keeps no queues, so no server with a real protocol is going to be faster on the same machine. A
//! client that does not read stops it for everybody, which is one of the reasons why it is no product.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::Head;

/// Broadcasts that may wait, and that are written together. With more the publishers wait.
const WAITING: usize = 32;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1
    #[arg(long, env = "PORT")]
    port: u16,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    Join(TcpStream),
    Send(Vec<u8>),
}

/// Serves until the process ends.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let address = (Ipv4Addr::LOCALHOST, options.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address:?}"))?;
    serve(listener, CancellationToken::new()).await
}

/// Serves until `shutdown`.
pub(crate) async fn serve(listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    let (orders, inbox) = mpsc::channel(WAITING);
    let tasks = TaskTracker::new();
    let accepting = async {
        loop {
            let (stream, _) = listener.accept().await.context("cannot accept")?;
            // A caller that breaks off is no business of the others.
            let conversation = converse(stream, orders.clone());
            let until = shutdown.clone();
            tasks.spawn(async move { until.run_until_cancelled(conversation).await.map(Result::ok) });
        }
    };
    let result = tokio::select! {
        result = accepting => result,
        () = write(inbox) => Ok(()),
        () = shutdown.cancelled() => Ok(()),
    };
    tasks.close();
    tasks.wait().await;
    result
}

/// Writes every broadcast to every client, and those that wait at the same time together.
async fn write(mut inbox: mpsc::Receiver<Order>) {
    let (mut clients, mut orders, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    while inbox.recv_many(&mut orders, WAITING).await > 0 {
        bytes.clear();
        for order in orders.drain(..) {
            match order {
                Order::Join(stream) => clients.push(stream),
                Order::Send(frame) => bytes.extend_from_slice(&frame),
            }
        }
        if bytes.is_empty() {
            continue;
        }
        let mut index = 0;
        while let Some(client) = clients.get_mut(index) {
            match write_whole(client, &bytes).await {
                Ok(()) => index += 1,
                Err(_) => drop(clients.swap_remove(index)),
            }
        }
    }
}

async fn write_whole(client: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    match client.try_write(bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(written) => client.write_all(&bytes[written..]).await,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => client.write_all(bytes).await,
        Err(error) => Err(error),
    }
}

/// Serves the requests of one connection, until it becomes a client.
async fn converse(mut stream: TcpStream, orders: mpsc::Sender<Order>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(head) = Head::read(&mut stream, &mut buffer).await? {
        if head.first_line().starts_with("GET /client ") {
            stream.write_all(switching_protocols().as_bytes()).await?;
            return Ok(orders.send(Order::Join(stream)).await?);
        }
        ensure!(head.first_line().starts_with("POST /broadcast "), "there are only /client and /broadcast");
        let length = head.body_length()?;
        while buffer.len() < length {
            ensure!(stream.read_buf(&mut buffer).await? > 0, "the body ended early");
        }
        let body: Vec<u8> = buffer.drain(..length).collect();
        orders.send(Order::Send(frame(&body))).await?;
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await?;
    }
    Ok(())
}

/// Good for the one key that the load's clients send (RFC 6455, 1.3): the probe's clients are always those.
fn switching_protocols() -> &'static str {
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
}

/// A text message of a server: no mask.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::*;
    use crate::load::crowd::Crowd;
    use crate::load::phase::{Pace, Phase};
    use crate::load::{Dialect, Target};

    async fn broadcast(pace: Pace, payload_size: usize) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = Target::new(listener.local_addr().unwrap(), Dialect::Plain).unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::task::spawn_local(serve(listener, shutdown.clone()));
        let (crowd, _) = Crowd::connect(&target, 5).await.unwrap();
        let pid = std::process::id();
        let phase = Phase::run(&crowd, pid, pace, payload_size, Duration::from_millis(50)).await.unwrap();
        assert_eq!(crowd.complaint(), None);
        assert_eq!(crowd.deliveries(), phase.deliveries);
        assert_eq!(phase.deliveries, 5 * phase.latencies.len() as u64);
        assert!(phase.deliveries > 0);
        crowd.leave().await;
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn every_delivery_of_the_probe_is_counted() {
        let broadcasts = async {
            for pace in Pace::with(5) {
                broadcast(pace, 20).await;
                broadcast(pace, 2048).await;
                broadcast(pace, 100_000).await;
            }
        };
        LocalSet::new().run_until(broadcasts).await;
    }
}
