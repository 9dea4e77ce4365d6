//! Every operation of the REST client, seen from real clients: what `azure-signalr` sends is what the service does.

use std::num::NonZeroU32;
use std::time::Duration;

use azure_signalr::rest::{Closing, Command, ErrorCode, RetryPolicy};
use azure_signalr::{
    ConnectionId, GroupAction, GroupName, HubClient, Invocation, Member, Message, Recipient, RestClient, RestError,
    StreamId, Target, UserId,
};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::harness::{Client, Service};

const NEWS: Target = Target::from_static("news");

fn client_of(service: &Service) -> RestClient {
    RestClient::new(service.connection.clone()).with_retry(RetryPolicy::none())
}

fn hub_of(service: &Service) -> HubClient {
    client_of(service).hub(&"chat".parse().unwrap())
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn id_of(client: &Client) -> ConnectionId {
    client.id.parse().unwrap()
}

fn news() -> Invocation {
    Invocation::new(NEWS).argument("hello").unwrap()
}

async fn expect_news(client: &mut Client) {
    assert_eq!(client.next().await, json!({"type": 1, "target": "news", "arguments": ["hello"]}));
}

#[tokio::test]
async fn a_message_reaches_those_who_were_named_and_nobody_else() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", Some("a/n n")).await;
    let mut ben = service.connect("chat", Some("ben")).await;
    hub.connection(&id_of(&ben)).join(&group("red & blue")).await.unwrap();

    hub.send(&news().to(Recipient::User(user("a/n n")))).await.unwrap();
    expect_news(&mut ann).await;
    service.expect_nothing_for("chat", &mut ben).await;
    hub.send(&news().to(Recipient::Group(group("red & blue")))).await.unwrap();
    expect_news(&mut ben).await;
    hub.send(&news().to(Recipient::Connection(id_of(&ben)))).await.unwrap();
    expect_news(&mut ben).await;
    service.expect_nothing_for("chat", &mut ann).await;
    hub.send(&Message::to_everyone(NEWS).argument("hello").unwrap()).await.unwrap();
    expect_news(&mut ann).await;
    expect_news(&mut ben).await;
}

#[tokio::test]
async fn connections_can_be_left_out() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", None).await;
    let mut ben = service.connect("chat", None).await;
    let red = group("red");
    hub.connection(&id_of(&ann)).join(&red).await.unwrap();
    hub.connection(&id_of(&ben)).join(&red).await.unwrap();
    hub.everyone().send_excluding(&[id_of(&ann)], &news()).await.unwrap();
    hub.group(&red).send_excluding(&[id_of(&ann)], &news()).await.unwrap();
    expect_news(&mut ben).await;
    expect_news(&mut ben).await;
    service.expect_nothing_for("chat", &mut ann).await;
}

#[tokio::test]
async fn memberships_come_and_go() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", Some("ann")).await;
    let (ann_id, ann_user, red, blue) = (id_of(&ann), user("ann"), group("red"), group("blue"));

    hub.user(&ann_user).join(&red).await.unwrap();
    hub.user(&ann_user).join_for(&blue, Duration::from_secs(600)).await.unwrap();
    assert!(hub.user(&ann_user).is_in(&red).await.unwrap() && hub.user(&ann_user).is_in(&blue).await.unwrap());
    hub.user(&ann_user).leave(&red).await.unwrap();
    assert!(!hub.user(&ann_user).is_in(&red).await.unwrap());
    hub.user(&ann_user).leave_all().await.unwrap();
    assert!(!hub.user(&ann_user).is_in(&blue).await.unwrap());

    hub.connection(&ann_id).join(&red).await.unwrap();
    hub.connection(&ann_id).join(&blue).await.unwrap();
    hub.connection(&ann_id).leave(&red).await.unwrap();
    assert!(!hub.group(&red).exists().await.unwrap() && hub.group(&blue).exists().await.unwrap());
    hub.connection(&ann_id).leave_all().await.unwrap();
    assert!(!hub.group(&blue).exists().await.unwrap());
    hub.send(&news().to(Recipient::Group(blue.clone()))).await.unwrap();
    service.expect_nothing_for("chat", &mut ann).await;

    let member = Member::Connection(ann_id);
    hub.apply(&GroupAction::Add { member: member.clone(), group: red.clone() }).await.unwrap();
    hub.send(&news().to(Recipient::Group(red.clone()))).await.unwrap();
    expect_news(&mut ann).await;
    hub.apply(&GroupAction::Remove { member, group: red.clone() }).await.unwrap();
    assert!(!hub.group(&red).exists().await.unwrap());
}

#[tokio::test]
async fn what_is_gone_is_a_no_and_no_error() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let ann = service.connect("chat", Some("ann")).await;
    let id = id_of(&ann);
    assert!(hub.connection(&id).exists().await.unwrap() && hub.user(&user("ann")).exists().await.unwrap());
    ann.vanish();
    service.until_disconnected(id.as_str()).await;
    assert!(!hub.connection(&id).exists().await.unwrap() && !hub.user(&user("ann")).exists().await.unwrap());
    hub.connection(&id).join(&group("red")).await.unwrap();
    hub.connection(&id).close(Some("again")).await.unwrap();
}

#[tokio::test]
async fn connections_are_closed_with_a_reason_and_exceptions() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let (ann, red) = (user("ann"), group("red"));
    let mut first = service.connect("chat", Some("ann")).await;
    let mut second = service.connect("chat", Some("ann")).await;
    let mut third = service.connect("chat", None).await;
    let close = |reason: &str| json!({"type": 7, "error": reason, "allowReconnect": true});

    hub.user(&ann).close_connections(&Closing::because("one is enough").excluding([id_of(&second)])).await.unwrap();
    assert_eq!(first.next().await, close("one is enough"));
    service.expect_nothing_for("chat", &mut second).await;
    hub.connection(&id_of(&second)).close(Some("you too")).await.unwrap();
    assert_eq!(second.next().await, close("you too"));
    hub.connection(&id_of(&third)).join(&red).await.unwrap();
    hub.group(&red).close_connections(&Closing::because("the group ends")).await.unwrap();
    assert_eq!(third.next().await, close("the group ends"));
    let mut last = service.connect("chat", None).await;
    hub.everyone().close_connections(&Closing::default()).await.unwrap();
    assert_eq!(last.next().await["type"], 7);
}

#[tokio::test]
async fn members_of_a_group_are_listed_page_by_page() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let online = group("online");
    let mut clients = Vec::new();
    for name in [Some("ann"), None, Some("ben"), Some("ann"), None] {
        let client = service.connect("chat", name).await;
        hub.connection(&id_of(&client)).join(&online).await.unwrap();
        clients.push((client.id.clone(), name, client));
    }
    let mut expected: Vec<_> = clients.iter().map(|(id, name, _)| (id.as_str(), *name)).collect();
    expected.sort_unstable();
    for page_size in [1, 2, 5, 200] {
        let members = hub.group(&online).members().page_size(page_size).into_stream();
        let members: Vec<_> = members.try_collect().await.unwrap();
        let mut found: Vec<_> =
            members.iter().map(|member| (member.connection_id.as_str(), member.user_id.as_deref())).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "pages of {page_size}");
    }
    let mut top = hub.group(&online).members().page_size(2).top(3);
    let mut sizes = Vec::new();
    while let Some(page) = top.next_page().await.unwrap() {
        sizes.push(page.len());
    }
    assert_eq!(sizes, [2, 1]);
    assert_eq!(hub.group(&group("nobody")).members().next_page().await.unwrap(), Some(Vec::new()));
}

#[tokio::test]
async fn a_token_that_the_service_makes_lets_its_user_in() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let token = hub.generate_token(Some(&user("ann")), NonZeroU32::new(5).unwrap()).await.unwrap();
    let mut ann = service.connect_with("chat", &token).await;
    hub.send(&news().to(Recipient::User(user("ann")))).await.unwrap();
    expect_news(&mut ann).await;
    let anonymous = hub.generate_token(None, NonZeroU32::MIN).await.unwrap();
    service.connect_with("chat", &anonymous).await;
}

#[tokio::test]
async fn a_client_is_asked_and_answers() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", None).await;
    let id = id_of(&ann);
    let question = news();
    let answering = async {
        let asked = ann.next().await;
        let id = asked["invocationId"].as_str().unwrap();
        ann.write(&format!(r#"{{"type":3,"invocationId":"{id}","result":{{"yes":1.0}}}}"#)).await;
        let asked = ann.next().await;
        let id = asked["invocationId"].as_str().unwrap();
        ann.write(&format!(r#"{{"type":3,"invocationId":"{id}","error":"no"}}"#)).await;
    };
    let asking = async {
        let answer = hub.connection(&id).invoke(&question).await.unwrap();
        assert_eq!(answer.result.get(), r#"{"yes":1.0}"#);
        let error = hub.connection(&id).invoke(&question).await.unwrap_err();
        assert!(matches!(error, RestError::InvalidArgument { .. }), "{error:?}");
    };
    tokio::join!(answering, asking);
    let gone = "gone".parse().unwrap();
    let error = hub.connection(&gone).invoke(&question).await.unwrap_err();
    assert_eq!(error.error_code(), Some(&ErrorCode::ConnectionRequired));
}

#[tokio::test]
async fn a_stream_reaches_the_client_that_waits_for_it() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", None).await;
    let (id, prices, failing): (_, StreamId, StreamId) = (id_of(&ann), "0".parse().unwrap(), "1".parse().unwrap());
    let stream = hub.connection(&id);
    let stream = stream.stream(&prices);
    stream.send(&1.5).await.unwrap();
    stream.send_last("last").await.unwrap();
    assert_eq!(ann.next().await, json!({"type": 2, "invocationId": "0", "item": 1.5}));
    assert_eq!(ann.next().await, json!({"type": 2, "invocationId": "0", "item": "last"}));
    assert_eq!(ann.next().await, json!({"type": 3, "invocationId": "0"}));
    let connection = hub.connection(&id);
    connection.stream(&failing).fail("no more").await.unwrap();
    assert_eq!(ann.next().await, json!({"type": 3, "invocationId": "1", "error": "no more"}));
    connection.stream(&failing).complete().await.unwrap();
    assert_eq!(ann.next().await, json!({"type": 3, "invocationId": "1"}));
}

#[tokio::test]
async fn commands_are_for_those_whom_a_filter_matches() {
    let service = Service::start().await;
    let hub = hub_of(&service);
    let mut ann = service.connect("chat", Some("ann")).await;
    let mut ben = service.connect("chat", Some("ben")).await;
    let commands = [Command::Send(news()), Command::JoinGroup(group("red"))];
    hub.execute(&"userId eq 'ann'".parse().unwrap(), &commands).await.unwrap();
    expect_news(&mut ann).await;
    hub.send(&news().to(Recipient::Group(group("red")))).await.unwrap();
    expect_news(&mut ann).await;
    service.expect_nothing_for("chat", &mut ben).await;
    let commands = [Command::LeaveGroup(group("red")), Command::CloseConnection { reason: Some("done".to_owned()) }];
    hub.execute(&"userId eq 'ann'".parse().unwrap(), &commands).await.unwrap();
    assert_eq!(ann.next().await["error"], "done");
}

#[tokio::test]
async fn hubs_of_an_application_are_its_own() {
    let service = Service::start().await;
    let hub = client_of(&service).with_application("shop".parse().unwrap()).hub(&"chat".parse().unwrap());
    let mut outside = service.connect("chat", None).await;
    let mut inside = service.connect("shop_chat", None).await;
    hub.send(&Message::to_everyone(NEWS).argument("hello").unwrap()).await.unwrap();
    expect_news(&mut inside).await;
    service.expect_nothing_for("chat", &mut outside).await;
}

#[tokio::test]
async fn the_service_is_well_until_it_is_gone_and_knows_its_own_key() {
    let service = Service::start().await;
    let client = client_of(&service);
    client.health().await.unwrap();
    let stranger = crate::harness::with_key(&service, "another");
    let error = RestClient::new(stranger).hub(&"chat".parse().unwrap()).send(&Message::to_everyone(NEWS)).await;
    assert!(matches!(error, Err(RestError::Unauthorized { .. })), "{error:?}");
    service.shut_down().await;
    assert!(matches!(client.health().await, Err(RestError::Unanswered { .. })));
}
