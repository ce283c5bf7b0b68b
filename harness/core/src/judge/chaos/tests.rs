//! Scripted scenarios, and what they are called.
