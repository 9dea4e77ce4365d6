//! A handler of one function, `broadcast`: it sends the number in the body to everyone and answers with its own version.
//!
//! Easily missed: it dies at once when it is interrupted, so whoever replaces it has to wait for its last answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// What a change of this file changes.
const VERSION: &str = "1";

fn main() {
    let port: u16 = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT").expect("a host sets it").parse().expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(|| serve(stream));
    }
}

/// Answers one request and hangs up.
fn serve(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let number = body.split_once("\"Body\":\"").map_or("0", |(_, rest)| rest.split('"').next().unwrap_or_default());
    // Slow enough that there is always a call in progress when the handler is replaced.
    std::thread::sleep(std::time::Duration::from_millis(60));
    let answer = format!(
        r#"{{"Outputs":{{"res":{{"body":"{VERSION}"}},"messages":[{{"target":"number","arguments":[{number}]}}]}}}}"#
    );
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
    .ok()
}
