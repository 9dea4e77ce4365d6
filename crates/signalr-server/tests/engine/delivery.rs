//! Who gets what, in which order, and what a client that does not read costs the others.

use std::time::Duration;

use bytes::Bytes;
use signalr_server::{
    Arguments, Disconnect, Fanout, HubProtocol, Recipients, Reconnect, SendError, ServerMessage, ServerOptions,
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, Event, Server};

fn message(text: &str) -> ServerMessage {
    ServerMessage::invocation(text, Arguments::none())
}

fn queued(queued: usize) -> Fanout {
    Fanout { queued, ..Fanout::default() }
}

async fn gets(client: &mut Client, text: &str) {
    assert_eq!(client.next().await, format!(r#"{{"type":1,"target":"{text}","arguments":[]}}"#));
}

#[tokio::test]
async fn everyone_a_user_a_group_and_a_connection_are_reached() {
    let server = Server::start(ServerOptions::default()).await;
    let clients = &server.clients;
    let (mut ada, first) = server.join("?user=ada").await;
    let (mut ada_again, second) = server.join("?user=ada").await;
    let (mut grace, third) = server.join("?user=grace").await;
    assert!(clients.join(first.id(), "g") && clients.join(third.id(), "g") && clients.join(third.id(), "g"));
    let excluded = [third.id().to_owned()];
    assert_eq!(clients.send(&Recipients::everyone(), &message("all")), queued(3));
    assert_eq!(clients.send(&Recipients::user("ada"), &message("ada")), queued(2));
    assert_eq!(clients.send(&Recipients::group("g"), &message("group")), queued(2));
    assert_eq!(clients.send(&Recipients::group("g").excluding(&excluded), &message("rest")), queued(1));
    assert_eq!(clients.send(&Recipients::connection(second.id()), &message("one")), queued(1));
    for nobody in [Recipients::user("Ada"), Recipients::group(""), Recipients::connection("x")] {
        assert_eq!(clients.send(&nobody, &message("nobody")), queued(0));
    }
    for text in ["all", "ada", "group", "rest"] {
        gets(&mut ada, text).await;
    }
    for text in ["all", "ada", "one"] {
        gets(&mut ada_again, text).await;
    }
    for text in ["all", "group"] {
        gets(&mut grace, text).await;
    }
}

#[tokio::test]
async fn groups_and_users_exist_as_long_as_they_have_a_connection() {
    let server = Server::start(ServerOptions::default()).await;
    let clients = &server.clients;
    let (ada, first) = server.join("?user=ada").await;
    let (_ada_again, second) = server.join("?user=ada").await;
    assert!(!clients.join("nobody", "a") && !clients.leave("nobody", "a") && !clients.leave_all("nobody"));
    for group in ["a", "b", "c"] {
        assert!(clients.join(first.id(), group));
    }
    assert!(clients.join(second.id(), "b"));
    assert_eq!(clients.groups_of(first.id()), ["a", "b", "c"]);
    assert!(clients.leave(first.id(), "a") && !clients.leave(first.id(), "a"));
    assert!(!clients.has_group("a") && clients.has_group("b") && clients.has_group("c"));
    assert_eq!((clients.members("b").len(), clients.connections_of_user("ada").len()), (2, 2));
    drop(ada);
    server.disconnected().await;
    assert!(clients.has_user("ada") && clients.has_group("b") && !clients.has_group("c"));
    assert_eq!(clients.members("b"), std::slice::from_ref(&second));
    assert!(clients.leave_all(second.id()));
    assert!(!clients.has_group("b") && clients.groups_of(second.id()).is_empty());
    second.abort();
    server.disconnected().await;
    assert!(!clients.has_user("ada") && clients.is_empty());
    assert!(!clients.join(second.id(), "a"), "a connection that is gone joins nothing");
}

#[tokio::test]
async fn connections_are_listed_in_the_order_in_which_they_came() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut sockets, mut connections) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let (socket, connection) = server.join("?user=ada").await;
        sockets.push(socket);
        connections.push(connection);
    }
    for connection in connections.iter().rev() {
        assert!(server.clients.join(connection.id(), "g"));
    }
    drop(sockets.swap_remove(3));
    server.disconnected().await;
    connections.remove(3);
    assert_eq!(server.clients.connections_of_user("ada"), connections);
    assert_eq!(server.clients.members("g"), connections);
    assert!(
        connections.iter().all(|connection| server.clients.connection(connection.id()).as_ref() == Some(connection))
    );
}

#[tokio::test]
async fn a_message_in_one_protocol_reaches_its_clients_only() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("").await;
    let binary = ServerMessage::encoded([(HubProtocol::MessagePack, Bytes::from_static(&[2, 0x91, 6]))]);
    assert_eq!(server.clients.send(&Recipients::everyone(), &binary), Fanout { unencoded: 1, ..Fanout::default() });
    assert_eq!(connection.send(&binary), Err(SendError::NotEncoded));
    let json = Bytes::from_static(b"{\"type\":1,\"target\":\"as it is\",\"arguments\":[]}\x1e");
    let encoded = ServerMessage::encoded([(HubProtocol::Json, json), (HubProtocol::MessagePack, Bytes::new())]);
    assert_eq!(server.clients.send(&Recipients::everyone(), &encoded), queued(1));
    gets(&mut client, "as it is").await;
}

#[tokio::test]
async fn a_burst_arrives_whole_and_in_order() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut first, _) = server.join("").await;
    let (mut second, _) = server.join("").await;
    for index in 0..1000 {
        assert_eq!(server.clients.send(&Recipients::everyone(), &message(&index.to_string())), queued(2));
    }
    for index in 0..1000 {
        gets(&mut first, &index.to_string()).await;
        gets(&mut second, &index.to_string()).await;
    }
}

#[tokio::test]
async fn what_goes_to_one_and_what_goes_to_all_keep_their_order() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut first, connection) = server.join("").await;
    let (mut second, _) = server.join("").await;
    for index in 0..300 {
        if index % 3 == 0 {
            connection.send(&message(&index.to_string())).unwrap();
        } else {
            assert_eq!(server.clients.send(&Recipients::everyone(), &message(&index.to_string())), queued(2));
        }
    }
    for index in 0..300 {
        gets(&mut first, &index.to_string()).await;
        if index % 3 > 0 {
            gets(&mut second, &index.to_string()).await;
        }
    }
}

#[tokio::test]
async fn what_was_sent_to_all_before_a_close_arrives_before_it() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut first, _) = server.join("").await;
    let (mut second, _) = server.join("").await;
    for index in 0..10 {
        server.clients.send(&Recipients::everyone(), &message(&index.to_string()));
    }
    assert_eq!(server.clients.close(&Recipients::everyone(), None, Reconnect::Denied), 2);
    for client in [&mut first, &mut second] {
        for index in 0..10 {
            gets(client, &index.to_string()).await;
        }
        assert_eq!(client.next().await, r#"{"type":7}"#);
        client.is_closed_with(CloseCode::Normal).await;
    }
}

#[tokio::test]
async fn a_broadcast_from_outside_of_the_runtime_arrives() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut first, _) = server.join("").await;
    let (mut second, _) = server.join("").await;
    let clients = server.clients.clone();
    let sent = std::thread::spawn(move || clients.send(&Recipients::everyone(), &message("from a thread")));
    gets(&mut first, "from a thread").await;
    gets(&mut second, "from a thread").await;
    assert_eq!(sent.join().unwrap(), queued(2));
}

/// Every publisher's messages arrive in its order, once, whoever writes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_on_many_threads_lose_and_double_nothing() {
    let server = Server::start(ServerOptions::default()).await;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(server.join("").await.0);
    }
    let publishers = (0..4).map(|publisher| {
        let clients = server.clients.clone();
        tokio::spawn(async move {
            for index in 0..50 {
                let fanout = clients.send(&Recipients::everyone(), &message(&format!("{publisher} {index}")));
                assert_eq!(fanout, queued(100));
                tokio::task::yield_now().await;
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    for socket in &mut sockets {
        let mut next = [0; 4];
        for _ in 0..200 {
            let message: serde_json::Value = serde_json::from_str(&socket.next().await).unwrap();
            let (publisher, index) = message["target"].as_str().unwrap().split_once(' ').unwrap();
            let next = &mut next[publisher.parse::<usize>().unwrap()];
            assert_eq!(index, next.to_string());
            *next += 1;
        }
        assert_eq!(next, [50; 4]);
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

#[tokio::test]
async fn a_message_larger_than_the_queue_passes_alone() {
    let server = Server::start(ServerOptions { queue_limit: 1000, ..Default::default() }).await;
    let (mut client, connection) = server.join("").await;
    let large = "x".repeat(100_000);
    connection.send(&message(&large)).unwrap();
    gets(&mut client, &large).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_the_others_notice_nothing() {
    let options =
        ServerOptions { queue_limit: 64 * 1024, close_grace: Duration::from_millis(200), ..Default::default() };
    let server = Server::start(options).await;
    let (mut reader, healthy) = server.join("").await;
    let _stalled = Client::narrow(&server).await;
    let stalled = server.connected().await;
    let text = "x".repeat(8 * 1024);
    let mut accepted = 0;
    let fanout = loop {
        let fanout = server.clients.send(&Recipients::everyone(), &message(&text));
        gets(&mut reader, &text).await;
        match fanout {
            Fanout { dropped_full: 0, .. } => accepted += 1,
            full => break full,
        }
        // The kernel's buffers of both sockets are a few megabytes at most.
        assert!(accepted < 4096, "the queue of a client that never reads has no end");
    };
    assert_eq!(fanout, Fanout { queued: 1, dropped_full: 1, unencoded: 0 });
    assert_eq!(stalled.send(&message("more")), Err(SendError::Gone));
    let Event::Disconnected(gone, reason) = server.event().await else { panic!("still there") };
    assert_eq!((gone, reason), (stalled, Disconnect::QueueFull));
    assert_eq!(server.clients.send(&Recipients::everyone(), &message("on we go")), queued(1));
    gets(&mut reader, "on we go").await;
    assert_eq!(server.clients.connection(healthy.id()), Some(healthy));
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_dropped() {
    let options =
        ServerOptions { send_timeout: Duration::from_millis(100), queue_limit: 64 * 1024 * 1024, ..Default::default() };
    let server = Server::start(options).await;
    let _stalled = Client::narrow(&server).await;
    let connection = server.connected().await;
    connection.send(&message(&"x".repeat(32 * 1024 * 1024))).unwrap();
    assert_eq!(server.disconnected().await, Disconnect::Stalled);
}
