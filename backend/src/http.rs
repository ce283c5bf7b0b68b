//! The outside: the only module that knows axum. It turns requests into commands and outcomes into answers; what is
//! done in between is `app`'s.

mod authenticate;
mod body;
mod cors;
mod docs;
mod envelope;
mod error;
mod extract;
mod openapi;
mod router;
mod routes;
mod signed;
mod source;

pub use error::{ApiError, ErrorCode};
pub use openapi::document;
pub use router::router;
pub use source::Peer;
