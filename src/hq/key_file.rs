//! Files of keys, and chance to make keys of.

use std::path::Path;

use super::error::HqError;
use crate::identity::files;

/// Writes a file that only its owner may read; after this returns it survives a power cut.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), HqError> {
    files::write(path, contents).map_err(HqError::file("writing", path))
}

/// The file's text; none where it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, HqError> {
    files::read(path).map_err(HqError::file("reading", path))
}

/// Bytes of chance.
pub(super) fn random<const N: usize>() -> Result<[u8; N], HqError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| HqError::Random(error.to_string()))?;
    Ok(bytes)
}
