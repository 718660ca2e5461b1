//! Model packages: which there are, how they come here, and what they hold.
//!
//! A package is a folder `models/NAME/` with an ONNX graph and its external data, tokeniser, chat
//! template, generation defaults and a model card, listed with their digests in `package.json`
//! ([`Manifest`]). [`Store::open`] gives the packages of a data folder; [`Store::pull`] fetches one
//! that the [`Catalogue`] names, [`Store::import`] makes one of a GGUF file, an ONNX file or folder or
//! a package folder; [`check()`] asks the engine whether it would run, and how fast. [`Package`] hands
//! the engine and the skills what they need. [`card_template`] writes what a person fills in.
//!
//! **Invariants**
//! - A package is complete and verified or it does not exist: it is assembled in a hidden folder
//!   and appears by one rename, after every file of it is on the disk.
//! - A package has a card that says what the model is, under which licence, whose it is here, what it
//!   is for and what not.
//! - Bytes are accepted by digest alone; where they came from does not matter.
//! - No name in a manifest, a catalogue, an archive or a graph leads out of its folder, and no
//!   symbolic link inside a package is followed.
//! - An unreachable source costs seconds, and every failed one is a line of the final error.
//! - Two processes never pull, import or remove one name at the same time.
//! - Every file that is parsed has a size limit.
//!
//! **Not here**: running models, prompts, and who may pull (the command line and, later, HQ).

// A room's paths are the same wherever they are written.
extern crate self as packages;
use endcap_engine as engine;
use endcap_telemetry as telemetry;
use endcap_units as units;

mod card;
mod catalogue;
mod check;
mod compose;
mod defaults;
mod digest;
mod disk;
mod error;
mod external;
mod fetch;
mod folder;
pub mod gguf;
mod graph;
pub mod import;
mod intake;
mod lock;
mod manifest;
mod name;
mod origin;
mod package;
mod ports;
mod progress;
mod protobuf;
pub mod safetensors;
mod staging;
mod store;
mod template;
#[cfg(test)]
mod tests;

pub use card::{Card, WRITTEN_CARD_FILE};
pub use catalogue::{Catalogue, DEFAULT_MODEL, Entry, FileRole, Form, Part, Source, SourceFile};
pub use check::{Checked, Finding, Measured, NetworkCheck, Operator, Workload, check};
pub use compose::{Composition, GUARD_RULES_FILE, ModelOf, replaceable};
pub use defaults::GenerationDefaults;
pub use error::{ManifestError, PackageError, SourceFailure};
pub use fetch::{Limits, Sources};
pub use manifest::{FileEntry, MANIFEST_FILE, Manifest, OfBundle, Role, Task};
pub use name::PackageName;
pub use package::Package;
pub use progress::{Progress, Silent};
pub use staging::CARD_FILE;
pub use store::Store;
pub use template::card_template;
