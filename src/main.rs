//! The handler.
fn main() {}
