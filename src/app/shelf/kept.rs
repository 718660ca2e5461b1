//! What was said while the server ran and holds after a restart: aliases and pins, in one file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::api::shelf::Share;

const FORMAT: u32 = 1;
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: u32,
    /// Aliases by name.
    pub(super) aliases: BTreeMap<String, Vec<Share>>,
    /// Packages that were pinned or unpinned.
    pub(super) pins: BTreeMap<String, bool>,
}

/// Reads the file; one that is not there says nothing.
pub(super) fn read(path: &Path) -> io::Result<Kept> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_FILE_BYTES).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(error),
    };
    let kept: Kept = serde_json::from_str(&text)?;
    if kept.format != FORMAT {
        return Err(io::Error::other(format!("format {} is not {FORMAT}", kept.format)));
    }
    Ok(kept)
}

/// After this returns, the new contents survive a power cut; before, the old ones do.
pub(super) fn replace(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, &Kept { format: FORMAT, ..kept.clone() })?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_what_is_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shelf.json");
        assert_eq!(read(&path).unwrap(), Kept::default());
        let share = Share { package: "tiny".into(), weight: 9 };
        let mut kept = Kept { format: FORMAT, ..Kept::default() };
        kept.aliases.insert("chat".into(), vec![share]);
        kept.pins.insert("tiny".into(), true);
        replace(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap(), kept);
        for wrong in ["", "{}", r#"{"format": 2, "aliases": {}, "pins": {}}"#] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read(&path).is_err(), "{wrong}");
        }
    }
}
