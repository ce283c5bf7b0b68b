//! Manuel's backend: questions about product manuals, answered from the user's own manuals.
//!
//! `http` is the only module that knows axum, `aws` the only one that knows the AWS SDK; `app` holds the use cases and
//! talks to the world through `ports`. Nothing here does I/O until a request comes or `serve` is called.
//!
//! ```text
//! bin → serve → config → aws (adapters) ┐
//!                                       ├→ state::App → http::router → app::<use case> → ports
//! tests → memory (in-memory ports) ─────┘
//! ```
//!
//! `lambda` takes the place of `serve` in the deployed shape: one program per function, over the same routers.
//!
//! The same program is also the process that reads one uploaded PDF within the kernel's limits: `pdf_reader`.

pub mod answer_cache;
pub mod app;
pub mod auth;
pub mod aws;
pub mod breaker;
pub mod clock;
pub mod config;
pub mod context;
pub mod defects;
pub mod domain;
pub mod egress;
pub mod guard;
pub mod health_probe;
pub mod http;
pub mod lambda;
pub mod logging;
pub mod many_bytes;
pub mod memory;
pub mod metrics;
pub mod pdf_reader;
pub mod ports;
pub mod serve;
pub mod spool;
mod start;
pub mod state;

/// The version of the package, as `/version`, `/health` and the log say it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit this was built from, full hex, with `-dirty` when tracked files differed; `unknown` without git.
pub const COMMIT: &str = env!("MANUEL_COMMIT");
