#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| azure_signalr::fuzzing::connection_strings(input));
