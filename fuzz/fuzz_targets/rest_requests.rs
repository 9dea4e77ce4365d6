#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| signalr_emulator::fuzzing::rest_requests(input));
