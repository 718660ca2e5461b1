//! What enrolment leaves in the identity folder besides certificates: who this box is, where its
//! broker is, and whose signatures it believes.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::error::LineError;
use super::keys::believed;
use super::session::Trust;
use crate::protocol::{Digest, Identity, Keys, Label, Place, Role};

/// More than any enrolment has.
const MAX_BYTES: u64 = 64 * 1024;

/// Who this box is to HQ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Its name.
    pub place: Place,
    /// Its broker, as `mqtts://host:port`.
    pub broker: String,
    /// Base address of HQ's API and artefacts, as `https://hq.example`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hq: Option<String>,
    /// The keys it believes.
    pub keys: Vec<Believed>,
    /// Groups whose documents are for it too.
    #[serde(default)]
    pub groups: Vec<Label>,
    /// Catalogues of facts that it follows.
    #[serde(default)]
    pub catalogues: Vec<Label>,
}

/// A key that signs for HQ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Believed {
    /// What it signs.
    pub role: SignsAs,
    /// The public ed25519 key, 64 hexadecimal digits.
    pub key: Digest,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignsAs {
    /// What this store runs, its commands, HQ's clock.
    Director,
    /// The heads of the facts.
    Facts,
}

impl Believed {
    /// A key as it is written down.
    #[must_use]
    pub fn of(role: Role, key: &VerifyingKey) -> Self {
        let role = match role {
            Role::Director => SignsAs::Director,
            Role::Facts => SignsAs::Facts,
        };
        Self { role, key: Digest(key.to_bytes()) }
    }
}

impl Enrolment {
    /// The file's name in the identity folder.
    pub const FILE: &str = "enrolment.json";

    /// What the folder holds; `None` where this box was not enrolled. Blocks on the disk.
    pub fn read(folder: &Path) -> Result<Option<Self>, LineError> {
        let path = folder.join(Self::FILE);
        let refuse = |why: String| LineError::Enrolment { path: path.clone(), why };
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error.to_string())),
            Ok(found) if found.len() > MAX_BYTES => {
                return Err(refuse(format!("it has more than {MAX_BYTES} bytes")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| refuse(error.to_string()))
    }

    /// Writes it into the folder, durably, in place of what was there. Blocks on the disk.
    pub fn write(&self, folder: &Path) -> Result<(), LineError> {
        let path = folder.join(Self::FILE);
        self.replace(folder, &path)
            .map_err(|error| LineError::Enrolment { path, why: error.to_string() })
    }

    fn replace(&self, folder: &Path, path: &PathBuf) -> Result<(), std::io::Error> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    }

    /// Who this box is and whom it believes.
    pub fn trust(&self) -> Result<Trust, LineError> {
        let keys = believed(&self.keys)?;
        if !keys.iter().any(|key| key.role == Role::Director) {
            return Err(LineError::NoKey);
        }
        let who = Identity { place: self.place.clone(), groups: self.groups.clone() };
        Ok(Trust { who, catalogues: self.catalogues.clone(), keys: Keys::new(keys) })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn enrolment() -> Enrolment {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        Enrolment {
            place: "acme/store-1/box-a".parse().unwrap(),
            broker: "mqtts://hq.example".to_owned(),
            hq: None,
            keys: vec![Believed::of(Role::Director, &key), Believed::of(Role::Facts, &key)],
            groups: vec!["north".parse().unwrap()],
            catalogues: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Enrolment::read(folder.path()).unwrap(), None);
        enrolment().write(folder.path()).unwrap();
        assert_eq!(Enrolment::read(folder.path()).unwrap(), Some(enrolment()));
        assert_eq!(enrolment().trust().unwrap().who.place.to_string(), "acme/store-1/box-a");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Enrolment::FILE);
        for text in ["", "{}", r#"{"place":"acme/grp/x"}"#, "[1]"] {
            std::fs::write(&path, text).unwrap();
            let error = Enrolment::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains("enrolment.json"), "{error}");
        }
        let keyless = Enrolment { keys: Vec::new(), ..enrolment() };
        assert!(keyless.trust().unwrap_err().to_string().contains("director"));
    }
}
