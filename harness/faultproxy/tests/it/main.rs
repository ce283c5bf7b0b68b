//! Integration tests, one binary.
mod api;
mod bad;
mod client;
mod effects;
mod program;
mod support;
