//! Measures the product against its peers.
fn main() {}
