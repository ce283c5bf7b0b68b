//! Integration tests, one binary.
mod admin;
mod play;
mod reverse;
mod sdk;
mod support;
