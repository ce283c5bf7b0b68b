//! A run of the features as text: for a terminal, for a CI, for a reader, and as living documentation.

mod junit;
mod page;
mod repro;
mod summary;
mod terminal;

pub use junit::junit;
pub use page::page;
pub use repro::FEATURES_REPRO_SCHEMA;
pub use repro::FeaturesRepro;
pub use summary::summary;
pub use terminal::terminal;

/// One more line.
fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
