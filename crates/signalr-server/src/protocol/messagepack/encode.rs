//! Appends single values in their shortest form.
//!
//! A length beyond 32 bits is cut to the largest one: its message is above 2 GiB and is refused as a whole.

use rmp::encode as rmp;

const TO_MEMORY: &str = "bytes are written to memory";

pub(super) fn nil(buffer: &mut Vec<u8>) {
    rmp::write_nil(buffer).expect(TO_MEMORY);
}

pub(super) fn boolean(value: bool, buffer: &mut Vec<u8>) {
    rmp::write_bool(buffer, value).expect(TO_MEMORY);
}

pub(super) fn unsigned(value: u64, buffer: &mut Vec<u8>) {
    rmp::write_uint(buffer, value).expect(TO_MEMORY);
}

pub(super) fn signed(value: i64, buffer: &mut Vec<u8>) {
    rmp::write_sint(buffer, value).expect(TO_MEMORY);
}

pub(super) fn double(value: f64, buffer: &mut Vec<u8>) {
    rmp::write_f64(buffer, value).expect(TO_MEMORY);
}

pub(super) fn text(value: &str, buffer: &mut Vec<u8>) {
    rmp::write_str_len(buffer, length(value.len())).expect(TO_MEMORY);
    buffer.extend_from_slice(value.as_bytes());
}

pub(super) fn optional_text(value: Option<&str>, buffer: &mut Vec<u8>) {
    match value {
        Some(value) => text(value, buffer),
        None => nil(buffer),
    }
}

/// The start of an array: its items follow.
pub(super) fn array(items: usize, buffer: &mut Vec<u8>) {
    rmp::write_array_len(buffer, length(items)).expect(TO_MEMORY);
}

/// The start of a map: its pairs follow.
pub(super) fn map(pairs: usize, buffer: &mut Vec<u8>) {
    rmp::write_map_len(buffer, length(pairs)).expect(TO_MEMORY);
}

/// Servers send no headers.
pub(super) fn no_headers(buffer: &mut Vec<u8>) {
    map(0, buffer);
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
