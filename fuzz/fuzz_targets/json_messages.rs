#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| signalr_server::fuzzing::json_messages(input));
