//! A body of `application/x-msgpack`: the message as one MessagePack map, `{"target": "m", "arguments": [..]}`.
//!
//! Every description since 2022-06-01 takes this type for the message of the JSON body, and none says how it is packed
//! (signalr-service 1.5 item 6). So this is the plain reading of it: the same properties, their names in any case.

use rmpv::ValueRef;
use rmpv::encode::write_value_ref;
use signalr_server::{Arguments, Payload};

use crate::frames;
use crate::message::{BodyError, Content, Message};

/// Reads the body of a send.
pub(crate) fn read(body: &[u8]) -> Result<Message, BodyError> {
    let value = frames::value(body).ok_or(BodyError::NotPacked("it is not one MessagePack value"))?;
    let properties = match value {
        ValueRef::Map(properties) => properties,
        ValueRef::Nil => return Err(BodyError::Missing),
        _ => return Err(BodyError::NotPacked("it is not a map with `target` and `arguments`")),
    };
    let target = property(&properties, "target").and_then(|target| match target {
        ValueRef::String(target) => target.as_str().filter(|target| !target.is_empty()).map(str::to_owned),
        _ => None,
    });
    let target = target.ok_or(BodyError::NoTarget)?;
    let (arguments, size) = match property(&properties, "arguments") {
        None | Some(ValueRef::Nil) => (Arguments::none(), 1),
        Some(arguments) => packed(arguments)?,
    };
    Ok(Message { target, content: Content::Arguments { arguments, size } })
}

/// Reads an item of a stream, which is a value of any kind.
pub(crate) fn read_item(body: &[u8]) -> Result<Payload, BodyError> {
    Payload::from_messagepack(body).map_err(|_| BodyError::NotPacked("it is not one MessagePack value"))
}

fn packed(arguments: &ValueRef<'_>) -> Result<(Arguments, usize), BodyError> {
    let mut bytes = Vec::new();
    write_value_ref(&mut bytes, arguments).expect("a vector takes every write");
    let payload = Payload::from_messagepack(&bytes).map_err(|_| BodyError::NotAnArray)?;
    Ok((Arguments::try_from(payload).map_err(|_| BodyError::NotAnArray)?, bytes.len()))
}

/// Of several with the same name the last counts, as in the JSON body.
fn property<'a, 'v>(properties: &'a [(ValueRef<'v>, ValueRef<'v>)], name: &str) -> Option<&'a ValueRef<'v>> {
    let is_it = |key: &ValueRef<'_>| match key {
        ValueRef::String(key) => key.as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)),
        _ => false,
    };
    properties.iter().rev().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: Result<(&str, &str, usize), &str>) {
        let found = read(body).map(|message| {
            let Content::Arguments { arguments, size } = message.content else { panic!("these are arguments") };
            (message.target, arguments.json().get().to_owned(), size)
        });
        let found = found.as_ref().map(|(target, arguments, size)| (target.as_str(), arguments.as_str(), *size));
        assert_eq!(found.map_err(ToString::to_string), expected.map_err(str::to_owned), "{body:02x?}");
    }

    #[test]
    fn a_map_with_the_properties_of_the_json_body_is_a_message() {
        check(b"\x82\xa6target\xa1m\xa9arguments\x92\xa2hi\xcb\x3f\xf8\0\0\0\0\0\0", Ok(("m", r#"["hi",1.5]"#, 13)));
        check(b"\x83\xa9ARGUMENTS\x91\x2a\xa1x\xc0\xa6Target\xa1m", Ok(("m", "[42]", 2)));
        check(b"\x81\xa6target\xa1m", Ok(("m", "[]", 1)));
        check(b"\x82\xa6target\xa1m\xa9arguments\xc0", Ok(("m", "[]", 1)));
    }

    #[test]
    fn everything_else_is_told_what_it_lacks() {
        let message = |text: &'static str| Err(text);
        check(b"\xc0", message("Message in request body is required."));
        check(b"\x80", message("The Target field is required."));
        check(b"\x81\xa6target\xa0", message("The Target field is required."));
        check(b"\x81\xa6target\x01", message("The Target field is required."));
        check(b"\x82\xa6target\xa1m\xa9arguments\x01", message("The Arguments field is not an array."));
        let no_map = "The request body is not a packed message: it is not a map with `target` and `arguments`";
        check(b"\x92\xa1m\x90", message(no_map));
        let no_value = "The request body is not a packed message: it is not one MessagePack value";
        for body in [&b"\x80\x80"[..], b"\x81\xa6target", &[0x91; 4096], b"\xdf\xff\xff\xff\xff"] {
            check(body, message(no_value));
        }
    }

    #[test]
    fn an_item_is_one_value_of_any_kind() {
        assert_eq!(read_item(b"\xa2hi").unwrap().json().get(), r#""hi""#);
        assert!(read_item(b"\xa2hi\x01").is_err() && read_item(b"").is_err());
    }
}
