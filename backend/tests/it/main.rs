//! Black-box tests of the backend: through the router with in-memory ports, through the real adapters against single
//! replies of AWS, and of the `server` process. One binary; only `process`, `web` and the `adapters` touch a port, on loopback.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test binary")]

mod adapters;
mod allowlist;
mod authentication;
mod bad_input;
mod body_size;
mod cache;
mod conformance;
mod contract;
mod docs;
mod download;
mod error_processing;
mod failure_adapters;
mod failure_matrix;
mod failures;
mod function_process;
mod functions;
mod gateway_events;
mod health;
mod logs;
mod manual_adapters;
mod manuals;
mod no_secrets;
mod openapi;
mod pdf;
mod presigned;
mod process;
mod pumps;
mod query;
mod quota;
mod rate_limit;
mod rounds;
mod signatures;
mod speech_adapters;
mod sweep;
mod sweep_adapters;
mod template;
mod voice;
mod web;
mod world;
