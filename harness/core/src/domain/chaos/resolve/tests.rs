//! What is wrong with a scenario is told by key.
