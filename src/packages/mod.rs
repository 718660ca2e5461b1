//! (being built)

pub mod gguf;
pub mod import;
