//! The client against servers of the tests' own, all on loopback.
#![expect(clippy::unwrap_used, reason = "test binary")]

mod broken_server;
mod send;
mod sign_in;
mod transport;
mod wire;
