//! Presence is the truth, however clients come and go.

use crate::harness::{SignalRClient, http, send, start};
use futures_util::stream::{self, StreamExt};
use local_stack::LocalStack;
use serde_json::{Value, json};
use signalr_functions::api::{Presence, PresentUser, UserPresence};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Far more than it takes for the service to tell the app of a crowd.
const DEADLINE: Duration = Duration::from_secs(120);
const CROWD: usize = 500;
/// Users have one to several connections each; every seventh connection belongs to nobody.
const USERS: usize = 120;

/// Who is connected, as the test knows it.
#[derive(Default)]
struct Crowd {
    clients: Vec<(Option<String>, SignalRClient)>,
    /// Those whose cable is pulled: the socket is there, and nothing goes over it.
    unplugged: Vec<SignalRClient>,
    came: usize,
}

impl Crowd {
    async fn come(&mut self, stack: &LocalStack, count: usize) {
        let first = self.came;
        self.came += count;
        let come = stream::iter(first..self.came).map(async |number| {
            if number % 7 == 0 {
                return (None, SignalRClient::connect(stack).await);
            }
            let user = format!("user-{:03}", number * 31 % USERS);
            let client = SignalRClient::connect_as(stack, "notifications", &user).await;
            (Some(user), client)
        });
        self.clients.extend(come.buffer_unordered(8).collect::<Vec<_>>().await);
    }

    /// Some close, some are killed, some are cut off.
    async fn go(&mut self, count: usize) {
        for number in 0..count {
            let place = number * 37 % self.clients.len();
            let (_, client) = self.clients.swap_remove(place);
            match number % 3 {
                0 => client.close().await,
                1 => client.reset(),
                _ => drop(client),
            }
        }
    }

    /// Neither end hears of it; the service notices by the silence.
    async fn pull_cables(&mut self, count: usize) {
        for number in 0..count {
            let place = number * 37 % self.clients.len();
            let (_, mut client) = self.clients.swap_remove(place);
            client.ping().await;
            self.unplugged.push(client);
        }
    }

    fn presence(&self) -> Presence {
        let mut users = BTreeMap::<_, u32>::new();
        for user in self.clients.iter().filter_map(|(user, _)| user.clone()) {
            *users.entry(user).or_default() += 1;
        }
        let count = |number: usize| u32::try_from(number).expect("a small crowd");
        let of_users: u32 = users.values().sum();
        Presence {
            connections: count(self.clients.len()),
            user_count: count(users.len()),
            users: users.into_iter().map(|(user_id, connections)| PresentUser { user_id, connections }).collect(),
            anonymous: count(self.clients.len()) - of_users,
            detail: None,
        }
    }
}

async fn presence(stack: &LocalStack) -> Presence {
    send(http().get(format!("{}/api/presence", stack.host_url()))).await.json().await.expect("presence")
}

/// The service reports and drops clients a moment after they have come or gone.
pub(crate) async fn becomes(stack: &LocalStack, expected: &Presence) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = presence(stack).await;
        if found == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "found {found:?}\nwanted {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn presence_is_the_truth_while_500_clients_come_close_are_cut_off_and_lose_their_cables() {
    let stack = start().await;
    let mut crowd = Crowd::default();
    crowd.come(&stack, CROWD).await;
    becomes(&stack, &crowd.presence()).await;
    for _ in 0..3 {
        crowd.go(150).await;
        crowd.come(&stack, 150).await;
        becomes(&stack, &crowd.presence()).await;
    }
    crowd.pull_cables(CROWD / 2).await;
    assert_ne!(presence(&stack).await, crowd.presence(), "nobody can know yet");
    crowd.go(CROWD / 2 - 1).await;
    becomes(&stack, &crowd.presence()).await;
    let (_, last) = &mut crowd.clients[0];
    let run = http().post(format!("{}/admin/functions/statusUpdate", stack.host_url()));
    send(run.header("content-type", "application/json").body("{}")).await;
    // The timer may have fired by itself before, when there were more.
    while last.next().await.1[0]["activeUsers"] != 1 {}
    drop(crowd);
    let nobody = Presence { connections: 0, user_count: 0, users: Vec::new(), anonymous: 0, detail: None };
    becomes(&stack, &nobody).await;
    stack.shutdown().await;
}

async fn user_presence(stack: &LocalStack, user: &str) -> UserPresence {
    let reply = send(http().get(format!("{}/api/presence/users/{user}", stack.host_url()))).await;
    reply.json().await.expect("presence of a user")
}

#[tokio::test]
async fn a_user_is_there_as_often_as_they_are_connected_also_after_leaving_all_groups() {
    let stack = start().await;
    let mut crowd = Crowd::default();
    for _ in 0..2 {
        let client = SignalRClient::connect_as(&stack, "notifications", "ann b ü").await;
        crowd.clients.push((Some("ann b ü".to_owned()), client));
    }
    becomes(&stack, &crowd.presence()).await;
    let path = "ann%20b%20%C3%BC";
    let ann = |connections| UserPresence {
        user_id: "ann b ü".to_owned(),
        online: connections > 0,
        connections: Some(connections),
    };
    assert_eq!(user_presence(&stack, path).await, ann(2));
    let leave = http().delete(format!("{}/api/users/{path}/groups", stack.host_url()));
    let reply = send(leave.header("x-development-user", "boss").header("x-development-roles", "manager")).await;
    assert_eq!(reply.text().await.unwrap(), r#"{"accepted":true}"#);
    assert_eq!(presence(&stack).await, crowd.presence());
    let slash = send(http().get(format!("{}/api/presence/users/a%2Fb", stack.host_url()))).await;
    assert_eq!(slash.status(), 400);
    crowd.go(2).await;
    becomes(&stack, &crowd.presence()).await;
    assert_eq!(user_presence(&stack, path).await, ann(0));
    stack.shutdown().await;
}

#[tokio::test]
async fn without_the_reports_of_the_service_nobody_claims_that_nobody_is_there() {
    // The app without `connected`, which is what an upstream that is not set comes to.
    let app = tempfile::tempdir().expect("a folder");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "host.json",
        "negotiate/function.json",
        "presence/function.json",
        "userPresence/function.json",
        "statusUpdate/function.json",
    ] {
        std::fs::create_dir_all(app.path().join(file).parent().expect("a folder")).expect("a folder");
        std::fs::copy(root.join(file), app.path().join(file)).expect("a copy");
    }
    let stack = crate::harness::start_app(app.path()).await;
    let none = presence(&stack).await;
    assert_eq!((none.connections, none.detail), (0, None));
    let reply = send(http().get(format!("{}/api/negotiate?developmentUser=ann", stack.host_url()))).await;
    let info: Value = reply.json().await.unwrap();
    let mut ann = SignalRClient::open(info["url"].as_str().unwrap(), info["accessToken"].as_str().unwrap()).await;
    let detail = presence(&stack).await.detail.expect("a reason");
    assert!(detail.contains("although clients are connected"), "{detail}");
    let ann_is = UserPresence { user_id: "ann".to_owned(), online: true, connections: None };
    assert_eq!(user_presence(&stack, "ann").await, ann_is);
    let run = http().post(format!("{}/admin/functions/statusUpdate", stack.host_url()));
    send(run.header("content-type", "application/json").body("{}")).await;
    let (_, arguments) = ann.next().await;
    assert_eq!((&arguments[0]["servicesHealthy"], &arguments[0]["activeUsers"]), (&json!(true), &Value::Null));
    drop(ann);
    stack.shutdown().await;
}
