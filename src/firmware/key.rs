//! The key that signs blocks: a file of 64 hexadecimal digits that only its owner may read.

use std::io::Write as _;
use std::path::Path;

pub use ed25519_dalek::SigningKey;

use super::error::FirmwareError;

/// What devices believe, as bytes.
pub type PublicKey = [u8; 32];

/// A key's bytes from its hexadecimal digits, as people copy them.
#[must_use]
pub fn of_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.trim().chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits: [u8; 64] = digits?.try_into().ok()?;
    let (pairs, _) = digits.as_chunks::<2>();
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(pairs).for_each(|(byte, [high, low])| *byte = high << 4 | low);
    Some(bytes)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of a file, which is made where there is none. After this returns it survives a power cut.
pub fn read_or_make(path: &Path) -> Result<SigningKey, FirmwareError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let secret = of_hex(&text).ok_or_else(|| FirmwareError::Key(path.to_owned()))?;
            Ok(SigningKey::from_bytes(&secret))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path),
        Err(source) => Err(file("reading", path)(source)),
    }
}

fn make(path: &Path) -> Result<SigningKey, FirmwareError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| FirmwareError::Random(error.to_string()))?;
    write(path, hex(&secret).as_bytes()).map_err(file("writing", path))?;
    Ok(SigningKey::from_bytes(&secret))
}

fn write(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A named temporary file has mode 0600 from its first moment.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

fn file(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FirmwareError {
    let path = path.to_owned();
    move |source| FirmwareError::File { act, path, source }
}
