//! lab stand-in
pub mod bound;
mod calibration;
mod category;
mod index;
mod language;
mod lexicon;
mod quantity;
mod signature;
mod vocabulary;
mod words;
pub use calibration::{Calibration, Sample, Threshold};
pub use category::{Category, category};
pub use language::Language;
pub use lexicon::Lexicon;
pub use signature::{Digest, Disagreement, Signature, agree, signature};
