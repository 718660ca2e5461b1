//! The file that keeps tokens' digests: replaced whole, readable by its owner only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::access::Role;
use super::device::Device;
use super::tokens::TokenError;

const FORMAT: u32 = 1;
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) role: Role,
    #[serde(with = "hex")]
    pub(super) sha256: [u8; 32],
    pub(super) created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<Device>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    tokens: Vec<Record>,
}

pub(super) fn read(path: &Path) -> Result<Vec<Record>, TokenError> {
    let refuse = |why: String| TokenError::Format { path: path.to_owned(), why };
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => {
            file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(fault("reading", path))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault("reading", path)(error)),
    };
    let contents: Contents = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
    if contents.format != FORMAT {
        return Err(refuse(format!("format {} is not {FORMAT}", contents.format)));
    }
    Ok(contents.tokens)
}

/// Keeps other writers out while it lives.
pub(super) fn lock(path: &Path) -> Result<File, TokenError> {
    let lock_path = path.with_extension("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(fault("opening", &lock_path))?;
    file.lock().map_err(fault("locking", &lock_path))?;
    Ok(file)
}

/// After this returns, the new contents survive a power cut; before, the old ones do.
pub(super) fn replace(path: &Path, tokens: &[Record]) -> Result<(), TokenError> {
    let contents = Contents { format: FORMAT, tokens: tokens.to_vec() };
    let fault = fault("replacing", path);
    let write = || -> io::Result<()> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A named temporary file has mode 0600 from its first moment.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &contents)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(fault)
}

fn fault(act: &'static str, path: &Path) -> impl Fn(io::Error) -> TokenError {
    let path = path.to_owned();
    move |source| TokenError::File { act, path: path.clone(), source }
}

mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        s.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(d)?;
        let refuse = || D::Error::custom("a digest has 64 hexadecimal digits");
        if text.len() != 64 {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refuse())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
        }
        Ok(bytes)
    }
}
