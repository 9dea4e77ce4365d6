//! Frames as a client writes them, cut in every way.

use proptest::prelude::*;

use super::*;

const FINAL: u8 = 0x80;

/// A frame of a client, masked, with the shortest length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Everything that a stream says: its data joined, the control frames, and the violation at its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    data: Vec<u8>,
    control: Vec<Event<'static>>,
    violation: Option<Violation>,
}

fn hear(mut stream: Vec<u8>, chunk_sizes: &[usize]) -> Heard {
    let mut reader = FrameReader::default();
    let mut heard = Heard::default();
    let mut rest = &mut stream[..];
    for size in chunk_sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let size = (*size).min(rest.len());
        let (mut chunk, later) = rest.split_at_mut(size);
        rest = later;
        loop {
            match reader.next(&mut chunk) {
                Ok(None) => break,
                Ok(Some(Event::Data(data))) => heard.data.extend_from_slice(data),
                Ok(Some(Event::Ping(payload))) => heard.control.push(Event::Ping(payload)),
                Ok(Some(Event::Pong)) => heard.control.push(Event::Pong),
                Ok(Some(Event::Close(code))) => heard.control.push(Event::Close(code)),
                Err(violation) => {
                    heard.violation = Some(violation);
                    return heard;
                }
            }
        }
        assert!(reader.control.len() <= 125);
    }
    heard
}

#[track_caller]
fn check(frames: &[Vec<u8>], data: &[u8], control: &[Event<'static>]) {
    for size in [1, 3, 1000] {
        let heard = hear(frames.concat(), &[size]);
        assert_eq!(heard.violation, None);
        assert_eq!((&heard.data[..], &heard.control[..]), (data, control), "in chunks of {size}");
    }
}

#[track_caller]
fn check_violation(frames: &[Vec<u8>], code: u16, complaint: &str) {
    for size in [1, 3, 1000] {
        let violation = hear(frames.concat(), &[size]).violation.expect("a violation");
        assert_eq!((violation.code(), violation.complaint()), (code, complaint), "in chunks of {size}");
    }
}

#[test]
fn messages_whole_fragmented_and_empty_are_one_stream() {
    check(&[frame(FINAL | TEXT, b"one"), frame(FINAL | BINARY, b"two")], b"onetwo", &[]);
    check(&[frame(TEXT, b"o"), frame(CONTINUATION, b"n"), frame(FINAL | CONTINUATION, b"e")], b"one", &[]);
    check(&[frame(FINAL | TEXT, b""), frame(BINARY, b""), frame(FINAL | CONTINUATION, b"x")], b"x", &[]);
    check(&[frame(FINAL | BINARY, &[b'x'; 126])], &[b'x'; 126], &[]);
    check(&[frame(FINAL | BINARY, &[7; 70_000])], &[7; 70_000], &[]);
    check(&[frame(FINAL | BINARY, &[0xff, 0xfe])], &[0xff, 0xfe], &[]);
}

#[test]
fn control_frames_come_between_the_fragments_of_a_message() {
    check(
        &[
            frame(TEXT, "h\u{e9}".as_bytes()),
            frame(FINAL | PING, b"are you there"),
            frame(FINAL | PONG, b""),
            frame(FINAL | CONTINUATION, b"y"),
            frame(FINAL | CLOSE, b""),
        ],
        "h\u{e9}y".as_bytes(),
        &[Event::Ping(b"are you there".to_vec()), Event::Pong, Event::Close(None)],
    );
    check(&[frame(FINAL | CLOSE, b"\x03\xe8bye")], b"", &[Event::Close(Some(1000))]);
    check(&[frame(FINAL | CLOSE, b"\x0f\xa0")], b"", &[Event::Close(Some(4000))]);
}

#[test]
fn a_character_may_be_cut_between_frames() {
    let text = "a\u{20ac}\u{1f600}";
    let frames: Vec<Vec<u8>> = text
        .bytes()
        .enumerate()
        .map(|(index, byte)| frame(if index == 0 { TEXT } else { CONTINUATION }, &[byte]))
        .chain([frame(FINAL | CONTINUATION, b"")])
        .collect();
    check(&frames, text.as_bytes(), &[]);
}

#[test]
fn what_breaks_the_websocket_protocol_is_named() {
    check_violation(&[vec![FINAL | TEXT, 0x03]], 1002, "a frame is not masked");
    check_violation(&[frame(FINAL | 0x40 | TEXT, b"x")], 1002, "a frame has a reserved bit set");
    check_violation(&[frame(FINAL | 0x3, b"x")], 1002, "a frame has an unknown opcode");
    check_violation(&[frame(FINAL | 0xb, b"x")], 1002, "a frame has an unknown opcode");
    check_violation(&[frame(FINAL | CONTINUATION, b"x")], 1002, "a continuation continues no message");
    check_violation(&[frame(TEXT, b"x"), frame(TEXT, b"y")], 1002, "a message begins within another one");
    check_violation(&[frame(PING, b"x")], 1002, "a control frame is fragmented");
    check_violation(&[frame(FINAL | PING, &[0; 126])], 1002, "a control frame is too long");
    check_violation(&[frame(FINAL | CLOSE, &[3])], 1002, "a close frame has half a code");
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        let close = frame(FINAL | CLOSE, &code.to_be_bytes());
        check_violation(&[close], 1002, "a close frame has a code that must not be sent");
    }
    check_violation(&[frame(FINAL | CLOSE, b"\x03\xe8\xff")], 1007, "a text message is not UTF-8");
    check_violation(&[frame(FINAL | TEXT, b"\xff")], 1007, "a text message is not UTF-8");
    check_violation(&[frame(FINAL | TEXT, b"\xe2\x82")], 1007, "a text message is not UTF-8");
    check_violation(&[frame(TEXT, b"\xe2"), frame(CONTINUATION, b"x")], 1007, "a text message is not UTF-8");
    check_violation(&[frame(FINAL | TEXT, b"\xed\xa0\x80")], 1007, "a text message is not UTF-8");
}

#[test]
fn a_length_is_written_in_its_shortest_form() {
    const COMPLAINT: &str = "the length of a frame is not written in its shortest form";
    check_violation(&[vec![FINAL | BINARY, 0x80 | 126, 0, 125, 0, 0, 0, 0]], 1002, COMPLAINT);
    check_violation(&[[vec![FINAL | BINARY, 0x80 | 127], vec![0; 12]].concat()], 1002, COMPLAINT);
    check_violation(&[[vec![FINAL | BINARY, 0x80 | 127], vec![0xff; 12]].concat()], 1002, COMPLAINT);
}

proptest! {
    #[test]
    fn any_chunking_says_the_same(
        messages in prop::collection::vec((any::<bool>(), "\\PC{0,60}", prop::option::of("[a-z]{0,20}")), 1..8),
        sizes in prop::collection::vec(1usize..40, 1..20),
    ) {
        let (mut stream, mut data, mut control) = (Vec::new(), Vec::new(), Vec::new());
        for (split, text, ping) in messages {
            let (first, second) = text.as_bytes().split_at(if split { text.len() / 2 } else { text.len() });
            stream.extend(frame(TEXT, first));
            if let Some(ping) = ping {
                stream.extend(frame(FINAL | PING, ping.as_bytes()));
                control.push(Event::Ping(ping.into_bytes()));
            }
            stream.extend(frame(FINAL | CONTINUATION, second));
            data.extend_from_slice(text.as_bytes());
        }
        prop_assert_eq!(hear(stream, &sizes), Heard { data, control, violation: None });
    }

    #[test]
    fn garbage_never_panics(stream in prop::collection::vec(any::<u8>(), 0..400), sizes in prop::collection::vec(1usize..40, 1..20)) {
        let whole = hear(stream.clone(), &[stream.len().max(1)]);
        prop_assert_eq!(hear(stream, &sizes).violation, whole.violation);
    }
}
