//! Who a request is from, and whether a call that changes state was signed. What a client is told is in `http::error`.

pub mod jwks;
pub mod jwt;
pub mod signature;
pub mod signing_key;
