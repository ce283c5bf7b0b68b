//! in progress
fn main() {}
