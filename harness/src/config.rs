//! What people and the machine give us: files, the environment, the project root. Raw in, domain out; errors name the
//! place and what was expected.

pub mod attacks;
pub mod bad_toml;
pub mod features;
pub mod fixtures;
pub mod profile_file;
pub mod questions;
pub mod root;
pub mod stage_file;
pub mod voices;
