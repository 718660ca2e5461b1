//! Files that only their owner may read, written whole.

use std::io::Write as _;
use std::path::Path;

use super::error::HqError;

/// Writes a file of mode 0600; after this returns it survives a power cut.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), HqError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        // A named temporary file has mode 0600 from its first moment.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(HqError::file("writing", path))
}

/// The file's text; none where it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, HqError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HqError::file("reading", path)(error)),
    }
}

/// Bytes of chance.
pub(super) fn random<const N: usize>() -> Result<[u8; N], HqError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| HqError::Random(error.to_string()))?;
    Ok(bytes)
}
