//! Whom commands ask where neither a flag nor the environment says it: a file of the data folder that
//! only its owner may read. `endcap demo` writes it, and removes it at its end.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE: &str = "context.json";
/// More than two addresses and tokens take.
const MAX_BYTES: u64 = 16 * 1024;

/// A door and what opens it: a token is shown at its own door only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// Its base address.
    pub(super) url: String,
    pub(super) token: String,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The server and the headquarters that are asked.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<Known>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hq: Option<Known>,
    /// What of it does not run although it should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) troubles: Vec<String>,
}

impl Context {
    /// What a data folder says; nothing where it says nothing.
    pub(super) fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let shown = || format!("reading {}", path.display());
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error).with_context(shown),
            Ok(found) if found.len() > MAX_BYTES => {
                anyhow::bail!("{} has more than {MAX_BYTES} bytes", path.display());
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).with_context(shown)?;
        serde_json::from_str(&text).with_context(shown)
    }

    /// Writes it in place of what was there.
    #[cfg(any(test, feature = "hq"))]
    pub(super) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        use std::io::Write as _;

        let path = data_dir.join(FILE);
        let write = || -> anyhow::Result<()> {
            // Such a file is its owner's only from its first moment on.
            let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// Removes it. That it is not there is no fault.
    #[cfg(any(test, feature = "hq"))]
    pub(super) fn remove(data_dir: &Path) {
        let _ = std::fs::remove_file(data_dir.join(FILE));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_read_by_its_owner_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Context::read(folder.path()).unwrap() == Context::default());
        let known = Known { url: "http://127.0.0.1:1".to_owned(), token: "secret".to_owned() };
        let context = Context { hq: Some(known), ..Context::default() };
        context.write(folder.path()).unwrap();
        assert!(Context::read(folder.path()).unwrap() == context);
        let mode = folder.path().join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Context::remove(folder.path());
        Context::remove(folder.path());
        assert!(Context::read(folder.path()).unwrap() == Context::default());
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", r#"{"server": {"url": "x"}}"#, r#"{"other": 1}"#] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = Context::read(folder.path()).err().unwrap();
            assert!(format!("{error:#}").contains(FILE), "{error:#}");
        }
    }
}
