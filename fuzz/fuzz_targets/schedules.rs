#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| functions_host::fuzzing::schedules(input));
