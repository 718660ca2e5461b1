//! One file out of a package of npm's (a compressed tar archive).

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::super::disk::open_file;
use super::super::error::At;
use super::Failure;

/// Bytes that are unpacked to find a file at most.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// Finds the one archive that npm left in a folder.
pub(super) fn find(folder: &Path) -> Result<PathBuf, Failure> {
    let mut archives = Vec::new();
    for entry in std::fs::read_dir(folder).at("reading", folder)? {
        let path = entry.at("reading", folder)?.path();
        if path.extension().is_some_and(|e| e == "tgz") {
            archives.push(path);
        }
    }
    match (archives.pop(), archives.len()) {
        (Some(archive), 0) => Ok(archive),
        _ => Err(Failure::Source("npm did not leave exactly one archive".into())),
    }
}

/// Hands the member `name` to `take`. Its declared size must be `bytes`. Blocks.
pub(super) fn read<T>(
    archive: &Path,
    name: &str,
    bytes: u64,
    take: impl FnOnce(&mut dyn Read) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let unusable = |why: String| Failure::Source(format!("the archive cannot be used: {why}"));
    let unpacked = GzDecoder::new(BufReader::new(open_file(archive)?)).take(MAX_UNPACKED_BYTES);
    let mut archive = tar::Archive::new(unpacked);
    for member in archive.entries().map_err(|e| unusable(e.to_string()))? {
        let mut member = member.map_err(|e| unusable(e.to_string()))?;
        if *member.path_bytes() != *name.as_bytes() || !member.header().entry_type().is_file() {
            continue;
        }
        if member.size() != bytes {
            let found = member.size();
            return Err(Failure::Source(format!(
                "other bytes than the catalogue's: {name} has {found} bytes instead of {bytes}"
            )));
        }
        return take(&mut member);
    }
    Err(unusable(format!("{name} is not in it")))
}
