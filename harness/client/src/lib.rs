//! A typed client of Manuel for test suites: it asks, reads the whole answer, checks it against the contract and
//! names its class. It must never depend on the `backend` package, hold a clock, or judge a run: what a suite makes of
//! a class is the suite's.
//!
//! ```text
//! Request ─ Encoded::new ─► Encoded     JSON, base64 and body digest: computed once, sent many times
//! Encoded ─ ManuelClient::prepare(SendOptions) ─► Prepared      session, signature, trace
//! Prepared ─ ManuelClient::send(Monotonic) ─► Exchange | Failure
//! bytes ─ ManuelClient::send_bytes ─► WireExchange     what no HTTP library would send, and all that answers it
//! (Request, Exchange) ─ contract::Contract::check ─► Parsed | [ContractBreach]
//! (status, check, Expectation) ─ AnswerClass::of_answer ─► AnswerClass
//! ```

pub mod amount;
pub mod answers;
pub mod class;
pub mod client;
pub mod connection;
pub mod contract;
pub mod exchange;
pub mod percent;
pub mod prepare;
pub mod request;
pub mod secret;
pub mod server_timing;
pub mod sign_in;
pub mod signer;
pub mod traceparent;
pub mod transport;
pub mod trust;
pub mod wire;

pub use class::{AnswerClass, Expectation};
pub use client::ManuelClient;
pub use exchange::{Exchange, Failure, Marks, Monotonic};
pub use prepare::{Auth, PrepareError, Prepared, SendOptions, SignatureFault, Signing};
pub use request::{EncodeError, Encoded, Request};
pub use secret::Secret;
pub use server_timing::ServerTiming;
pub use sign_in::{Session, SignIn, SignInError};
pub use signer::{SignError, SignatureHeaders, SignedParts, Signer, SigningTime};
pub use traceparent::Traceparent;
pub use transport::{TransportFault, TransportReason};
pub use wire::{AfterWrite, WireEnd, WireError, WireExchange};
