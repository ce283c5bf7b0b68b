//! An embeddable TCP fault proxy that speaks the Toxiproxy HTTP API, and one client for it and the
//! original alike.
//!
//! [`FaultProxy`] is a server in any tokio program, `faultproxy` the same as a program with the original's flags, and
//! [`client::Client`] drives either. What is better than the original is told in the README.
mod api;
pub mod client;
mod collection;
mod link;
mod metrics;
mod proxy;
mod server;
mod spec;
pub mod toxic;

pub use server::{FaultProxy, Options, VERSION};
