//! The outside: the only module that knows axum. It turns requests into commands and outcomes into answers; what is
//! done in between is `app`'s.

mod allowlist;
mod authenticate;
mod body;
mod cors;
mod docs;
mod envelope;
mod error;
mod extract;
mod number;
mod openapi;
mod rate_limit;
mod router;
mod routes;
mod signed;
mod source;

pub use envelope::AnswerBy;
pub use error::{ApiError, ErrorCode};
pub use openapi::document;
pub use router::{Function, router, router_of};
pub use source::Peer;
