//! What is fuzzed in this crate: what callers of the REST interface, settings and upstreams say.
//!
//! Compiled only for tests and under `cfg(fuzzing)`, which cargo-fuzz sets, so it is no part of the interface. The seeds in
//! `fuzz/seeds` go through the same functions in every `cargo test`.

use std::str::from_utf8;

use http::{HeaderValue, Method};
use signalr_server::HubProtocol;

use crate::commands;
use crate::data_plane::check_names;
use crate::filter::Filter;
use crate::listing::{GroupMember, PageRequest};
use crate::message::{Content, Format, Message};
use crate::names::internal_hub_name;
use crate::operation::{Operation, Route, Unroutable};
use crate::parameters::Parameters;
use crate::stream_item::StreamItem;
use crate::{Pattern, UpstreamTemplate, upstream};

/// What is done with an input.
pub type Target = fn(&[u8]);

/// The targets by the names of their files in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 2] = [("rest_requests", rest_requests), ("upstream_templates", upstream_templates)];

/// `POST /api/hubs/chat/:send?excluded=a`, and from the second line on the body.
pub fn rest_requests(input: &[u8]) {
    let (line, body) = split_at_line_end(input);
    let Ok(line) = from_utf8(line) else { return };
    let (method, target) = line.split_once(' ').unwrap_or(("POST", line));
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let parameters = Parameters::parse(query);
    read_parameters(&parameters);
    let mut stream = "s";
    let route = Method::from_bytes(method.as_bytes()).ok().map(|method| Route::parse(&method, path));
    match &route {
        Some(Err(Unroutable::MethodNotAllowed(allowed))) => assert!(HeaderValue::try_from(allowed).is_ok()),
        Some(Ok(Route::Hub { family, hub, operation })) => {
            let name = internal_hub_name(hub, None);
            // What was taken is the name that it was made.
            assert!(name.as_ref().is_ok_and(|name| internal_hub_name(name, None) == Ok(name.clone())) || name.is_err());
            let _ = internal_hub_name(hub, parameters.first("application"));
            let _ = check_names(operation);
            assert!(operation.success(*family).is_success());
            if let Operation::SendStreamItem { stream: named, .. } = operation {
                stream = named;
            }
        }
        _ => {}
    }
    read_body(body, stream);
}

fn read_parameters(parameters: &Parameters) {
    let _ = (parameters.check_version(), parameters.unknown_newer_version(), parameters.lifetime());
    let _ = (parameters.flag("completed"), parameters.excluded());
    let members = ["a", "b", "c"].map(|id| GroupMember { connection_id: id.to_owned(), user_id: None });
    if let Ok(request) = PageRequest::read(parameters) {
        let page = request.cut(members.to_vec(), "http://localhost/", parameters.first("api-version"));
        serde_json::to_string(&page).expect("texts can be written as JSON");
    }
}

/// Whatever is taken can be sent to a client of its protocol.
fn read_body(body: &[u8], stream: &str) {
    if let Ok(commands) = commands::read(body) {
        assert!(commands.len() <= body.len());
    }
    if let Ok(text) = from_utf8(body) {
        let _ = Filter::parse(text);
    }
    for format in [Format::Json, Format::FrameMap, Format::MessagePack] {
        if let Ok(message) = Message::parse(format, body) {
            assert!(message.size() <= body.len().max("[]".len()));
            for protocol in [HubProtocol::Json, HubProtocol::MessagePack] {
                let arguments = message.arguments(protocol);
                assert!(arguments.is_ok() || matches!(message.content, Content::Frames(_)));
            }
            let _ = message.to_clients();
        }
        if let Ok(item) = StreamItem::parse(format, stream, body) {
            // A packed item counts as JSON.
            assert!(item.size() <= body.len() || matches!(format, Format::MessagePack));
            let _ = item.to_client(stream);
        }
    }
}

/// An address, a pattern and what a client invokes, each in a line, and from the fourth line on what the upstream answers.
pub fn upstream_templates(input: &[u8]) {
    let (address, rest) = split_at_line_end(input);
    let (pattern, rest) = split_at_line_end(rest);
    let (event, answer) = split_at_line_end(rest);
    let [Ok(address), Ok(pattern), Ok(event)] = [address, pattern, event].map(from_utf8) else { return };
    upstream::check_reply(answer, event);
    let Ok(template) = UpstreamTemplate::new(address) else { return };
    let template = template.with_event_pattern(Pattern::new(pattern));
    let _ = template.warnings();
    template.check_event(event);
}

fn split_at_line_end(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;
