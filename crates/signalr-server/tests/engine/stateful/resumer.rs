//! A client of stateful reconnect, in both hub protocols.

use http::StatusCode;
use rmpv::Value;
use serde_json::{Value as Json, json};
use signalr_server::{Connection, HubProtocol};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, RS, Server, negotiate, text};

/// A client that numbers what it sends and gets, as the JavaScript client does.
pub(super) struct Resumer {
    pub(super) client: Client,
    pub(super) query: String,
    protocol: HubProtocol,
    unread: Vec<u8>,
    /// The number of the next message, and of the latest one that was taken.
    next: u64,
    pub(super) latest: u64,
    pub(super) awaits_sequence: bool,
    /// What was sent and not acknowledged, and the number of the first of it.
    pub(super) sent: Vec<Json>,
    pub(super) first: u64,
}

impl Resumer {
    pub(super) async fn join(server: &Server, protocol: HubProtocol, more: &str) -> (Self, Connection) {
        let answer = negotiate(server, "?negotiateVersion=1&useStatefulReconnect=true").await;
        assert_eq!(answer["useStatefulReconnect"], true);
        let query = format!("?id={}{more}", text(&answer, "connectionToken"));
        let mut client = Client::open(server, &query).await;
        client.send(&format!(r#"{{"protocol":"{}","version":2}}"#, protocol.name())).await;
        let mut resumer = Self {
            client,
            query,
            protocol,
            unread: Vec::new(),
            next: 1,
            latest: 0,
            awaits_sequence: false,
            sent: Vec::new(),
            first: 1,
        };
        resumer.fill().await;
        assert_eq!(std::mem::take(&mut resumer.unread), format!("{{}}{RS}").into_bytes());
        (resumer, server.connected().await)
    }

    pub(super) async fn json(server: &Server) -> (Self, Connection) {
        Self::join(server, HubProtocol::Json, "").await
    }

    /// Comes back over another socket; the one before it is dropped as it is.
    pub(super) async fn resume(&mut self, server: &Server) {
        self.client = Client::open(server, &self.query).await;
        self.go_on().await;
    }

    pub(super) async fn go_on(&mut self) {
        self.unread.clear();
        self.awaits_sequence = true;
        self.write(&json!({"type": 9, "sequenceId": self.first})).await;
        for message in self.sent.clone() {
            self.write(&message).await;
        }
    }

    pub(super) async fn status(&self, server: &Server) -> StatusCode {
        Client::try_open(server, &self.query).await.err().expect("no WebSocket").0
    }

    pub(super) async fn send(&mut self, message: Json) {
        self.write(&message).await;
        self.sent.push(message);
    }

    pub(super) async fn write(&mut self, message: &Json) {
        let frame = match self.protocol {
            HubProtocol::Json => Message::text(format!("{message}{RS}")),
            HubProtocol::MessagePack => Message::binary(packed(message)),
        };
        self.client.send_frame(frame).await;
    }

    /// Reads one more WebSocket message.
    async fn fill(&mut self) {
        match self.client.next_frame().await {
            Some(Message::Text(text)) => self.unread.extend_from_slice(text.as_bytes()),
            Some(Message::Binary(bytes)) => self.unread.extend_from_slice(&bytes),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// The next hub message, whatever it is.
    pub(super) async fn read(&mut self) -> Json {
        while self.unread.is_empty() {
            self.fill().await;
        }
        match self.protocol {
            HubProtocol::Json => {
                let end = self.unread.iter().position(|byte| *byte == RS as u8).expect("whole messages");
                let message: Vec<u8> = self.unread.drain(..=end).collect();
                serde_json::from_slice(&message[..end]).expect("JSON")
            }
            HubProtocol::MessagePack => {
                let length = usize::from(self.unread[0]);
                assert!(length < 128, "longer than these tests write");
                let message: Vec<u8> = self.unread.drain(..=length).collect();
                unpacked(&message[1..])
            }
        }
    }

    /// The next message that is new; control messages are followed on the way.
    pub(super) async fn next(&mut self) -> Json {
        loop {
            let message = self.read().await;
            match message["type"].as_u64().expect("a type") {
                9 => {
                    let number = message["sequenceId"].as_u64().expect("a number");
                    assert!(number <= self.next, "the server goes on at {number}, {} is next", self.next);
                    self.next = number;
                    self.awaits_sequence = false;
                }
                _ if self.awaits_sequence => panic!("{message} comes before the Sequence"),
                8 => self.acknowledged(message["sequenceId"].as_u64().expect("a number")),
                6 => {}
                7 => return message,
                _ => {
                    self.next += 1;
                    if self.next - 1 > self.latest {
                        self.latest = self.next - 1;
                        return message;
                    }
                }
            }
        }
    }

    fn acknowledged(&mut self, number: u64) {
        while self.first <= number {
            self.sent.remove(0);
            self.first += 1;
        }
    }

    pub(super) async fn target(&mut self) -> String {
        let message = self.next().await;
        message["target"].as_str().unwrap_or_else(|| panic!("no target in {message}")).to_owned()
    }

    /// Everything that was sent until now has been acknowledged.
    pub(super) async fn is_acknowledged(&mut self) {
        while !self.sent.is_empty() {
            let message = self.read().await;
            match message["type"].as_u64() {
                Some(8) => self.acknowledged(message["sequenceId"].as_u64().expect("a number")),
                Some(6) => {}
                _ => panic!("not an Ack: {message}"),
            }
        }
    }
}

fn packed(message: &Json) -> Vec<u8> {
    let array = match message["type"].as_u64().expect("a type") {
        1 => vec![
            Value::from(1),
            Value::Map(Vec::new()),
            Value::Nil,
            Value::from(message["target"].as_str().expect("a target")),
            Value::Array(vec![Value::from(message["arguments"][0].as_u64().expect("a number"))]),
        ],
        kind => vec![Value::from(kind), Value::from(message["sequenceId"].as_u64().expect("a number"))],
    };
    let mut bytes = vec![0];
    rmpv::encode::write_value(&mut bytes, &Value::Array(array)).expect("memory");
    bytes[0] = u8::try_from(bytes.len() - 1).expect("a short message");
    bytes
}

fn unpacked(mut message: &[u8]) -> Json {
    let value = rmpv::decode::read_value(&mut message).expect("MessagePack");
    let item = |index: usize| value[index].as_u64();
    match item(0).expect("a type") {
        1 => json!({"type": 1, "target": value[3].as_str(), "arguments": [value[4][0].as_u64()]}),
        kind @ (8 | 9) => json!({"type": kind, "sequenceId": item(1)}),
        kind => json!({"type": kind}),
    }
}
