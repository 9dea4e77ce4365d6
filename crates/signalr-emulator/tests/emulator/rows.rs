//! Every row of the tables of signalr-service 1.3 and 1.4: its status in both path families, and what it does to clients
//! that are connected.
//!
//! A row is called on a hub of its own, so rows cannot lean on one another. After each call everybody on that hub is
//! looked at, also those to whom nothing was to happen.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::harness::{Client, Service};

/// Who is connected to the hub: ada twice, bob, and somebody without a name. The first ada and the anonymous one are in
/// group `g`, bob belongs to group `h`.
const EVERYONE: [&str; 4] = ["ada1", "ada2", "bob", "eve"];

/// One row of a table.
struct Row {
    /// The table that has it.
    section: &'static str,
    /// Method and path behind the hub. Names in braces stand for the ids of connections.
    call: &'static str,
    /// The status under `/api/v1`.
    v1: u16,
    /// The status under `/api`.
    versioned: u16,
    effect: Effect,
}

/// What a call does.
enum Effect {
    /// These get the message, nobody else gets anything.
    Hear(&'static [&'static str]),
    /// These are closed, with the reason if there is one, and stay closed; nobody else notices.
    Close(&'static [&'static str], Option<&'static str>),
    /// From now on these are in group `g`.
    InG(&'static [&'static str]),
    /// From now on these are in group `h`.
    InH(&'static [&'static str]),
    /// Nothing, and the answer has this `x-ms-error-code`.
    Absent(&'static str),
    /// Nothing.
    Nothing,
}

use Effect::{Absent, Close, Hear, InG, InH, Nothing};

const fn row(section: &'static str, call: &'static str, v1: u16, versioned: u16, effect: Effect) -> Row {
    Row { section, call, v1, versioned, effect }
}

/// The statuses under `/api/v1` are those of 1.4 where it has the row, else those that the newer versions share with it.
const ROWS: [Row; 75] = [
    // Sends: `:send` of 1.3 and the bare paths of 1.4.
    row("1.3", "POST /:send", 202, 202, Hear(&EVERYONE)),
    row("1.4", "POST ", 202, 202, Hear(&EVERYONE)),
    row("1.3", "POST /:send?excluded={ada1}&excluded={bob}", 202, 202, Hear(&["ada2", "eve"])),
    row("1.4", "POST ?excluded={eve}", 202, 202, Hear(&["ada1", "ada2", "bob"])),
    row("1.3", "POST /connections/{bob}/:send", 202, 202, Hear(&["bob"])),
    row("1.4", "POST /connections/{eve}", 202, 202, Hear(&["eve"])),
    row("1.6", "POST /connections/nobody/:send", 202, 202, Nothing),
    row("1.6", "POST /connections/nobody", 202, 202, Nothing),
    row("1.3", "POST /groups/g/:send", 202, 202, Hear(&["ada1", "eve"])),
    row("1.4", "POST /groups/g", 202, 202, Hear(&["ada1", "eve"])),
    row("1.3", "POST /groups/g/:send?excluded={eve}", 202, 202, Hear(&["ada1"])),
    row("1.4", "POST /groups/g?excluded={ada1}", 202, 202, Hear(&["eve"])),
    row("1.2", "POST /groups/G/:send", 202, 202, Nothing),
    row("1.6", "POST /groups/nobody/:send", 202, 202, Nothing),
    row("1.3", "POST /users/ada/:send", 202, 202, Hear(&["ada1", "ada2"])),
    row("1.4", "POST /users/ada", 202, 202, Hear(&["ada1", "ada2"])),
    row("1.3", "POST /users/ada/:send?excluded={ada1}", 202, 202, Hear(&["ada1", "ada2"])),
    row("1.2", "POST /users/Ada/:send", 202, 202, Nothing),
    row("1.6", "POST /users/nobody", 202, 202, Nothing),
    // Closing.
    row("1.3", "POST /:closeConnections", 204, 204, Close(&EVERYONE, None)),
    row("1.3", "POST /:closeConnections?reason=go+away", 204, 204, Close(&EVERYONE, Some("go away"))),
    row("1.3", "POST /:closeConnections?excluded={ada1}", 204, 204, Close(&["ada2", "bob", "eve"], None)),
    row("1.3", "POST /groups/g/:closeConnections?reason=r", 204, 204, Close(&["ada1", "eve"], Some("r"))),
    row("1.3", "POST /groups/g/:closeConnections?excluded={ada1}", 204, 204, Close(&["eve"], None)),
    row("1.6", "POST /groups/nobody/:closeConnections", 204, 204, Nothing),
    row("1.3", "POST /users/ada/:closeConnections?reason=r", 204, 204, Close(&["ada1", "ada2"], Some("r"))),
    row("1.3", "POST /users/ada/:closeConnections?excluded={ada2}", 204, 204, Close(&["ada1"], None)),
    row("1.6", "POST /users/nobody/:closeConnections", 204, 204, Nothing),
    row("1.3", "DELETE /connections/{ada1}", 202, 200, Close(&["ada1"], None)),
    row("1.4", "DELETE /connections/{eve}?reason=r", 202, 200, Close(&["eve"], Some("r"))),
    row("1.6", "DELETE /connections/nobody", 202, 200, Nothing),
    // Existence; GET wherever HEAD.
    row("1.3", "HEAD /connections/{bob}", 200, 200, Nothing),
    row("1.4", "GET /connections/{bob}", 200, 200, Nothing),
    row("1.6", "HEAD /connections/nobody", 404, 404, Absent("Warning.Connection.NotExisted")),
    row("1.6", "GET /connections/nobody", 404, 404, Absent("Warning.Connection.NotExisted")),
    row("1.3", "HEAD /groups/g", 200, 200, Nothing),
    row("1.4", "GET /groups/g", 200, 200, Nothing),
    row("1.6", "HEAD /groups/nobody", 404, 404, Absent("Warning.Group.NotExisted")),
    row("1.6", "GET /groups/nobody", 404, 404, Absent("Warning.Group.NotExisted")),
    row("1.3", "HEAD /users/bob", 200, 200, Nothing),
    row("1.4", "GET /users/bob", 200, 200, Nothing),
    row("1.6", "HEAD /users/nobody", 404, 404, Absent("Warning.User.NotExisted")),
    row("1.6", "GET /users/nobody", 404, 404, Absent("Warning.User.NotExisted")),
    row("1.3", "HEAD /users/bob/groups/h", 200, 200, Nothing),
    row("1.3", "GET /users/bob/groups/h", 200, 200, Nothing),
    row("1.4", "HEAD /groups/h/users/bob", 200, 200, Nothing),
    row("1.4", "GET /groups/h/users/bob", 200, 200, Nothing),
    row("1.6", "HEAD /users/ada/groups/h", 404, 404, Absent("Info.User.NotInGroup")),
    row("1.6", "GET /groups/h/users/ada", 404, 404, Absent("Info.User.NotInGroup")),
    row("4.3", "GET /users/eve/groups/g", 404, 404, Absent("Info.User.NotInGroup")),
    // Connections in groups, in both orders of the segments.
    row("1.3", "PUT /groups/g/connections/{bob}", 200, 200, InG(&["ada1", "bob", "eve"])),
    row("1.3", "PUT /connections/{bob}/groups/g", 200, 200, InG(&["ada1", "bob", "eve"])),
    row("1.4", "PUT /groups/g/connections/{eve}", 200, 200, InG(&["ada1", "eve"])),
    row("1.6", "PUT /groups/g/connections/nobody", 404, 404, Absent("Error.Connection.NotExisted")),
    row("1.6", "PUT /connections/nobody/groups/g", 404, 404, Absent("Error.Connection.NotExisted")),
    row("1.3", "DELETE /groups/g/connections/{eve}", 200, 200, InG(&["ada1"])),
    row("1.4", "DELETE /connections/{ada1}/groups/g", 200, 200, InG(&["eve"])),
    row("1.6", "DELETE /groups/g/connections/{bob}", 200, 200, InG(&["ada1", "eve"])),
    row("1.6", "DELETE /groups/g/connections/nobody", 200, 200, InG(&["ada1", "eve"])),
    row("1.3", "DELETE /connections/{ada1}/groups", 200, 200, InG(&["eve"])),
    row("5.7", "DELETE /connections/{ada2}/groups", 200, 200, InG(&["ada1", "eve"])),
    row("5.7", "DELETE /connections/nobody/groups", 200, 200, InG(&["ada1", "eve"])),
    // Users in groups. `+` is a connection of the user that opens only now.
    row("1.3", "PUT /users/ada/groups/h", 202, 200, InH(&["ada1", "ada2", "ada+", "bob", "bob+"])),
    row("1.4", "PUT /groups/h/users/ada", 202, 200, InH(&["ada1", "ada2", "ada+", "bob", "bob+"])),
    row("4.2", "PUT /users/ada/groups/h?ttl=60", 202, 200, InH(&["ada1", "ada2", "ada+", "bob", "bob+"])),
    row("4.2", "PUT /groups/h/users/ada?ttl=0", 202, 200, InH(&["ada1", "ada2", "bob", "bob+"])),
    row("4.2", "PUT /users/nobody/groups/h", 202, 200, InH(&["bob", "bob+"])),
    row("1.3", "DELETE /users/bob/groups/h", 202, 204, InH(&[])),
    row("1.4", "DELETE /groups/h/users/bob", 202, 204, InH(&[])),
    row("4.2", "DELETE /users/ada/groups/g", 202, 204, InG(&["eve"])),
    row("5.7", "DELETE /users/nobody/groups/h", 202, 204, InH(&["bob", "bob+"])),
    row("1.3", "DELETE /users/bob/groups", 200, 204, InH(&[])),
    row("4.2", "DELETE /users/ada/groups", 200, 204, InG(&["eve"])),
    row("5.7", "DELETE /users/eve/groups", 200, 204, InG(&["ada1", "eve"])),
    row("5.7", "DELETE /users/nobody/groups", 200, 204, InH(&["bob", "bob+"])),
];

/// The hub of a row, and its clients by their names.
struct World<'a> {
    service: &'a Service,
    hub: String,
    clients: HashMap<&'static str, Client>,
}

impl<'a> World<'a> {
    async fn new(service: &'a Service, number: usize) -> Self {
        let hub = format!("row{number}");
        let mut clients = HashMap::new();
        for name in EVERYONE {
            clients.insert(name, service.connect(&hub, user(name)).await);
        }
        let world = Self { service, hub, clients };
        for path in ["groups/g/connections/{ada1}", "groups/g/connections/{eve}", "users/bob/groups/h"] {
            assert_eq!(
                world.service.status("PUT", &format!("api/hubs/{}/{}", world.hub, world.filled(path))).await,
                200
            );
        }
        world
    }

    fn base(&self, family: &str) -> String {
        format!("{family}/hubs/{}", self.hub)
    }

    /// A path with the ids of the clients that it names.
    fn filled(&self, path: &str) -> String {
        let fill = |path: String, (name, client): (&&str, &Client)| path.replace(&format!("{{{name}}}"), &client.id);
        self.clients.iter().fold(path.to_owned(), fill)
    }

    /// Calls the row and checks the answer, which never has a body.
    async fn call(&self, row: &Row, family: &str, expected: u16) {
        let base = self.base(family);
        let (method, path) = row.call.split_once(' ').unwrap();
        let mut request = self.service.request(method, &format!("{base}{}", self.filled(path)));
        if matches!(row.effect, Hear(_)) || path.ends_with(":send") || (method == "POST" && !path.contains(':')) {
            request = request.json(&json!({"TARGET": "m", "arguments": [1]}));
        }
        let answer = request.send().await.unwrap();
        let code = answer.headers().get("x-ms-error-code").map(|code| code.to_str().unwrap().to_owned());
        let expected_code = if let Absent(code) = row.effect { Some(code.to_owned()) } else { None };
        let told = format!("{} {base} {}", row.section, row.call);
        assert_eq!((answer.status().as_u16(), code), (expected, expected_code), "{told}");
        assert_eq!(answer.text().await.unwrap(), "", "{told}");
    }

    async fn check(&mut self, row: &Row) {
        match row.effect {
            Hear(names) => {
                for name in names {
                    let message = self.client(name).next().await;
                    assert_eq!(message, json!({"type": 1, "target": "m", "arguments": [1]}), "{} {name}", row.call);
                }
            }
            Close(names, reason) => {
                let error = reason.map(|reason| ("error".to_owned(), Value::from(reason)));
                let mut close = json!({"type": 7, "allowReconnect": true});
                close.as_object_mut().unwrap().extend(error);
                for name in names {
                    let mut client = self.clients.remove(name).unwrap();
                    assert_eq!(client.next().await, close, "{} {name}", row.call);
                    assert_eq!(client.next_text().await, None, "{} {name}: the transport ends", row.call);
                    self.service.until_disconnected(&client.id).await;
                    let path = format!("{}/connections/{}", self.base("api"), client.id);
                    assert_eq!(self.service.status("GET", &path).await, 404, "{} {name}", row.call);
                }
            }
            InG(names) => self.check_group("g", names, row).await,
            InH(names) => self.check_group("h", names, row).await,
            Absent(_) | Nothing => {}
        }
        for client in self.clients.values_mut() {
            self.service.expect_nothing_for(&self.hub, client).await;
        }
    }

    /// A message to the group reaches these, of those who were there and of those who come now.
    async fn check_group(&mut self, group: &str, names: &[&str], row: &Row) {
        for (name, user) in [("ada+", "ada"), ("bob+", "bob")] {
            self.clients.insert(name, self.service.connect(&self.hub, Some(user)).await);
        }
        self.service.send(&format!("{}/groups/{group}/:send", self.base("api")), "to the group").await;
        for name in names {
            assert_eq!(self.client(name).target().await, "to the group", "{} {name}", row.call);
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap()
    }
}

fn user(name: &str) -> Option<&str> {
    match name {
        "eve" => None,
        name => Some(name.trim_end_matches(char::is_numeric)),
    }
}

async fn check(section: &str) {
    let service = Service::start().await;
    let mut rows = 0;
    for row in ROWS.iter().filter(|row| row.section == section) {
        for (family, expected) in [("api/v1", row.v1), ("api", row.versioned)] {
            let mut world = World::new(&service, rows).await;
            world.call(row, family, expected).await;
            world.check(row).await;
            rows += 1;
        }
    }
    assert!(rows > 0, "no row is of section {section}");
}

#[tokio::test]
async fn names_of_groups_and_users_are_case_sensitive() {
    check("1.2").await;
}

#[tokio::test]
async fn calls_since_2022_06_01_do_what_they_say() {
    check("1.3").await;
}

#[tokio::test]
async fn calls_of_version_1_do_what_they_say() {
    check("1.4").await;
}

#[tokio::test]
async fn what_is_absent_has_the_status_and_the_code_that_the_sdk_reads() {
    check("1.6").await;
}

#[tokio::test]
async fn memberships_of_users_follow_their_rules() {
    check("4.2").await;
}

#[tokio::test]
async fn being_in_a_group_as_a_user_is_a_matter_of_record() {
    check("4.3").await;
}

#[tokio::test]
async fn leaving_what_nobody_is_in_succeeds() {
    check("5.7").await;
}

/// The rows whose answer has a body or that wait for a client, under both families.
#[tokio::test]
async fn calls_since_2022_11_01_answer_what_they_say() {
    let service = Service::start().await;
    for (number, family) in ["api/v1", "api"].into_iter().enumerate() {
        let mut world = World::new(&service, number).await;
        let base = world.base(family);
        check_token(&mut world, &base).await;
        check_listing(&world, &base).await;
        check_invocation(&mut world, &base).await;
        check_stream(&mut world, &base).await;
        check_commands(&mut world, &base).await;
        for client in world.clients.values_mut() {
            service.expect_nothing_for(&world.hub, client).await;
        }
    }
}

async fn document(world: &World<'_>, method: &str, path: &str) -> Value {
    let answer = world.service.call(method, path).await;
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8", "{path}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// `POST /:generateToken`.
async fn check_token(world: &mut World<'_>, base: &str) {
    let answer = document(world, "POST", &format!("{base}/:generateToken?userId=carol&minutesToExpire=5")).await;
    let carol = world.service.connect_with(&world.hub, answer["token"].as_str().unwrap()).await;
    assert_eq!(world.service.status("HEAD", &format!("{base}/users/carol")).await, 200);
    world.clients.insert("carol", carol);
}

/// `GET /groups/{group}/connections`.
async fn check_listing(world: &World<'_>, base: &str) {
    let mut expected = [("ada1", Some("ada")), ("eve", None)].map(|(name, user)| match user {
        Some(user) => json!({"connectionId": world.clients[name].id, "userId": user}),
        None => json!({"connectionId": world.clients[name].id}),
    });
    expected.sort_by_key(|member| member["connectionId"].as_str().unwrap().to_owned());
    let listing = document(world, "GET", &format!("{base}/groups/g/connections")).await;
    assert_eq!(listing, json!({"value": expected}));
    let first = document(world, "GET", &format!("{base}/groups/g/connections?maxpagesize=1")).await;
    assert_eq!(first["value"], json!([expected[0]]));
    let next = first["nextLink"].as_str().unwrap();
    let next = next.strip_prefix(world.service.connection.server_url().as_str()).unwrap();
    assert_eq!(document(world, "GET", next).await, json!({"value": [expected[1]]}));
}

/// `POST /connections/{connectionId}/:invoke`.
async fn check_invocation(world: &mut World<'_>, base: &str) {
    let path = format!("{base}/connections/{}/:invoke", world.clients["bob"].id);
    let asking = tokio::spawn(world.service.request("POST", &path).json(&json!({"target": "time"})).send());
    let question = world.client("bob").next().await;
    assert_eq!((&question["target"], &question["arguments"]), (&json!("time"), &json!([])));
    let completion = json!({"type": 3, "invocationId": question["invocationId"], "result": {"h": 12}});
    world.client("bob").write(&completion.to_string()).await;
    let answer = asking.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), r#"{"result":{"h":12}}"#);
}

/// `POST /connections/{connectionId}/streams/{streamId}/:send` and `:complete`.
async fn check_stream(world: &mut World<'_>, base: &str) {
    let stream = format!("{base}/connections/{}/streams/7", world.clients["bob"].id);
    for (path, item) in [("/:send", json!(1)), ("/:send?completed=true", json!({"last": true}))] {
        let sent = world.service.request("POST", &format!("{stream}{path}")).json(&item).send().await.unwrap();
        assert_eq!((sent.status().as_u16(), sent.text().await.unwrap().as_str()), (202, ""));
        assert_eq!(world.client("bob").next().await, json!({"type": 2, "invocationId": "7", "item": item}));
    }
    assert_eq!(world.client("bob").next().await, json!({"type": 3, "invocationId": "7"}));
    assert_eq!(world.service.status("POST", &format!("{stream}/:complete?reason=no+more")).await, 202);
    assert_eq!(world.client("bob").next().await, json!({"type": 3, "invocationId": "7", "error": "no more"}));
}

/// `POST /:execute`.
async fn check_commands(world: &mut World<'_>, base: &str) {
    let execute = |filter: &str, commands: Value| {
        let path = format!("{base}/:execute?filter={filter}");
        let call = world.service.request("POST", &path).json(&commands);
        async move {
            let answer = call.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let hello = json!({"type": "SendMessage", "message": {"target": "m", "arguments": [1]}});
    let commands = json!([{"type": "JoinGroup", "group": "new"}, hello, {"type": "LeaveGroup", "group": "g"}]);
    let done = execute("startswith(userId,%20'ad')", commands).await;
    assert_eq!(done, (202, String::new()));
    let refused = execute("userId", json!([hello])).await;
    assert_eq!(refused.0, 400, "nothing happens to anybody");
    let refused = execute("true", json!([hello, {"type": "JoinGroup", "group": " "}])).await;
    assert_eq!(refused.0, 400, "not even the command in front of the wrong one");
    for name in ["ada1", "ada2"] {
        assert_eq!(world.client(name).next().await, json!({"type": 1, "target": "m", "arguments": [1]}), "{name}");
    }
    for (group, members) in [("new", vec!["ada1", "ada2"]), ("g", vec!["eve"])] {
        world.service.send(&format!("{base}/groups/{group}/:send"), group).await;
        for name in members {
            assert_eq!(world.client(name).target().await, group, "{name}");
        }
    }
    let path = format!("{base}/:execute?filter=userId%20eq%20'bob'");
    let close = world.service.request("POST", &path).json(&json!([{"type": "CloseConnection", "reason": "bye"}]));
    assert_eq!(close.send().await.unwrap().status(), 202);
    let mut bob = world.clients.remove("bob").unwrap();
    assert_eq!(bob.next().await, json!({"type": 7, "error": "bye", "allowReconnect": true}));
    let everybody = world.service.request("POST", &format!("{base}/:execute")).json(&json!([hello]));
    assert_eq!(everybody.send().await.unwrap().status(), 202);
    for client in world.clients.values_mut() {
        assert_eq!(client.target().await, "m");
    }
}
