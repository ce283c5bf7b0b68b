//! Emulated S3: the `s3s` protocol crate over a store of ours. This module names the parts.
pub(crate) mod store;
