//! Every emulator, driven by the official SDK crates over the wire.
mod bedrock;
mod knowledge_base;
