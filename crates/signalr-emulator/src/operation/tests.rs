//! Every row of signalr-service 1.3 and 1.4, under both path families, with its status of success.

use std::collections::HashSet;

use serde_json::Value;

use super::*;

fn parse(method: &str, path: &str) -> Result<Route, Unroutable> {
    Route::parse(&method.parse().unwrap(), path)
}

/// `path` is what follows `/api/hubs/chat` and `/api/v1/hubs/chat`.
#[track_caller]
fn check(method: &str, path: &str, expected: &Operation, status_v1: u16, status_versioned: u16) {
    for (base, family, status) in [("/api/v1", Family::V1, status_v1), ("/api", Family::Versioned, status_versioned)] {
        let path = format!("{base}/hubs/chat{path}");
        let hub = "chat".to_owned();
        assert_eq!(
            parse(method, &path),
            Ok(Route::Hub { family, hub, operation: expected.clone() }),
            "{method} {path}"
        );
        assert_eq!(expected.success(family).as_u16(), status, "{method} {path}");
    }
}

#[track_caller]
fn check_unroutable(method: &str, path: &str, expected: Unroutable) {
    assert_eq!(parse(method, path), Err(expected), "{method} {path}");
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn messages_go_to_everyone_a_user_a_group_or_a_connection() {
    let everyone = Operation::Send(Audience::Everyone);
    check("POST", "", &everyone, 202, 202);
    check("POST", "/", &everyone, 202, 202);
    check("POST", "/:send", &everyone, 202, 202);
    check("POST", "/users/u", &Operation::Send(Audience::User(text("u"))), 202, 202);
    check("POST", "/users/u/:send", &Operation::Send(Audience::User(text("u"))), 202, 202);
    check("POST", "/groups/g", &Operation::Send(Audience::Group(text("g"))), 202, 202);
    check("POST", "/groups/g/:send", &Operation::Send(Audience::Group(text("g"))), 202, 202);
    check("POST", "/connections/c", &Operation::Send(Audience::Connection(text("c"))), 202, 202);
    check("POST", "/connections/c/:send", &Operation::Send(Audience::Connection(text("c"))), 202, 202);
}

#[test]
fn connections_are_closed_one_by_one_or_together() {
    check("DELETE", "/connections/c", &Operation::CloseConnection { connection: text("c") }, 202, 200);
    check("POST", "/:closeConnections", &Operation::CloseConnections(Audience::Everyone), 204, 204);
    check("POST", "/users/u/:closeConnections", &Operation::CloseConnections(Audience::User(text("u"))), 204, 204);
    check("POST", "/groups/g/:closeConnections", &Operation::CloseConnections(Audience::Group(text("g"))), 204, 204);
}

#[test]
fn existence_is_asked_with_get_and_with_head() {
    for method in ["GET", "HEAD"] {
        check(method, "/connections/c", &Operation::ConnectionExists { connection: text("c") }, 200, 200);
        check(method, "/users/u", &Operation::UserExists { user: text("u") }, 200, 200);
        check(method, "/groups/g", &Operation::GroupExists { group: text("g") }, 200, 200);
        let user_in_group = Operation::UserInGroup { user: text("u"), group: text("g") };
        check(method, "/users/u/groups/g", &user_in_group, 200, 200);
        check(method, "/groups/g/users/u", &user_in_group, 200, 200);
    }
}

#[test]
fn memberships_are_changed_in_both_segment_orders() {
    let (connection, user, group) = (text("c"), text("u"), text("g"));
    let add = Operation::AddConnection { connection: connection.clone(), group: group.clone() };
    check("PUT", "/groups/g/connections/c", &add, 200, 200);
    check("PUT", "/connections/c/groups/g", &add, 200, 200);
    let remove = Operation::RemoveConnection { connection: connection.clone(), group: group.clone() };
    check("DELETE", "/groups/g/connections/c", &remove, 200, 200);
    check("DELETE", "/connections/c/groups/g", &remove, 200, 200);
    check("DELETE", "/connections/c/groups", &Operation::RemoveConnectionFromAll { connection }, 200, 200);
    let add = Operation::AddUser { user: user.clone(), group: group.clone() };
    check("PUT", "/users/u/groups/g", &add, 202, 200);
    check("PUT", "/groups/g/users/u", &add, 202, 200);
    let remove = Operation::RemoveUser { user: user.clone(), group };
    check("DELETE", "/users/u/groups/g", &remove, 202, 204);
    check("DELETE", "/groups/g/users/u", &remove, 202, 204);
    check("DELETE", "/users/u/groups", &Operation::RemoveUserFromAll { user }, 200, 204);
}

#[test]
fn newer_operations_are_known() {
    check("POST", "/:generateToken", &Operation::GenerateToken, 200, 200);
    check("GET", "/groups/g/connections", &Operation::ListConnections { group: text("g") }, 200, 200);
    let (connection, stream) = (text("c"), text("s"));
    check("POST", "/connections/c/:invoke", &Operation::Invoke { connection: connection.clone() }, 200, 200);
    let send = Operation::SendStreamItem { connection: connection.clone(), stream: stream.clone() };
    check("POST", "/connections/c/streams/s/:send", &send, 202, 202);
    let complete = Operation::CompleteStream { connection, stream };
    check("POST", "/connections/c/streams/s/:complete", &complete, 202, 202);
}

#[test]
fn health_needs_no_hub() {
    for path in ["/api/health", "/api/v1/health", "/api/health/"] {
        assert_eq!(parse("HEAD", path), Ok(Route::Health), "{path}");
        assert_eq!(parse("GET", path), Ok(Route::Health), "{path}");
    }
}

#[test]
fn words_ignore_case_and_names_keep_it() {
    let operation = Operation::Send(Audience::Group(text("Room")));
    let route = Route::Hub { family: Family::Versioned, hub: text("Chat"), operation };
    assert_eq!(parse("POST", "/API/Hubs/Chat/Groups/Room/:Send"), Ok(route));
}

#[test]
fn segments_are_decoded_after_the_path_is_split() {
    let group = |name: &str| Operation::Send(Audience::Group(text(name)));
    check("POST", "/groups/a%2Fb/:send", &group("a/b"), 202, 202);
    check("POST", "/groups/50%25/:send", &group("50%"), 202, 202);
    check("POST", "/groups/%2525/:send", &group("%25"), 202, 202);
    check("POST", "/groups/room%201/:send", &group("room 1"), 202, 202);
    check("POST", "/groups/a+b/:send", &group("a+b"), 202, 202);
    check("POST", "/groups/Z%C3%BCrich%20%F0%9F%A6%80/:send", &group("Zürich 🦀"), 202, 202);
    check("POST", "/users/%3Asend", &Operation::Send(Audience::User(text(":send"))), 202, 202);
    check("POST", "/users/groups/:send", &Operation::Send(Audience::User(text("groups"))), 202, 202);
    check_unroutable("POST", "/api/hubs/chat/groups/%FF/:send", Unroutable::NotUtf8);
}

#[test]
fn an_empty_name_never_becomes_everyone() {
    check_unroutable("POST", "/api/hubs/chat/users//:send", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs/chat/users/", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs/chat/groups//:closeConnections", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs//:send", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs/chat//:send", Unroutable::NotFound);
}

#[test]
fn what_is_not_built_says_so() {
    let key = Unroutable::Missing("`auth/accessKey` (Entra identities)");
    check_unroutable("GET", "/api/v1/auth/accessKey", key);
    let server = Unroutable::Missing("the endpoint of application servers (Default mode)");
    check_unroutable("GET", "/server/", server);
}

#[test]
fn other_paths_and_methods_are_refused() {
    check_unroutable("GET", "/", Unroutable::NotFound);
    check_unroutable("POST", "/api", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs", Unroutable::NotFound);
    check_unroutable("POST", "/api/v2/hubs/chat/:send", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs/chat/:shout", Unroutable::NotFound);
    check_unroutable("POST", "/api/hubs/chat/users/u/:send/more", Unroutable::NotFound);
    check_unroutable("GET", "/api/hubs/chat/:send", Unroutable::MethodNotAllowed(text("POST")));
    check_unroutable(
        "PUT",
        "/api/hubs/chat/connections/c",
        Unroutable::MethodNotAllowed(text("GET, HEAD, POST, DELETE")),
    );
    check_unroutable("POST", "/api/health", Unroutable::MethodNotAllowed(text("GET, HEAD")));
    check_unroutable("HEAD", "/api/hubs/chat/groups/g/connections", Unroutable::MethodNotAllowed(text("GET")));
}

/// The description that is served at `/api/openapi.json`.
#[test]
fn the_description_of_the_interface_has_every_operation_with_its_status() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut described = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let Ok(route) = parse(&method, path) else { panic!("{method} {path} is no operation") };
            let Route::Hub { family, operation: found, .. } = route else { continue };
            let status = found.success(family).as_u16().to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} succeeds with {status}");
            let taken = path.matches('{').count();
            let parameters = operation["parameters"].as_array().unwrap();
            let of_path = parameters.iter().filter(|parameter| is_in_path(&document, parameter));
            assert_eq!(of_path.count(), taken, "{method} {path} describes the names in its path");
            described.insert(std::mem::discriminant(&found));
        }
    }
    assert_eq!(described.len(), 19, "every kind of operation is described");
}

fn is_in_path(document: &Value, parameter: &Value) -> bool {
    let named = parameter["$ref"].as_str().map(|reference| &document["components"]["parameters"][&reference[24..]]);
    named.unwrap_or(parameter)["in"] == "path"
}
