//! The stand-alone emulator.
fn main() {}
