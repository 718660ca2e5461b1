//! Bearer tokens: made here, kept as digests, checked in constant time.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::access::{Identity, Role};
use super::device::{Device, DeviceError};
use super::stamp::Stamp;
use super::token_file::{self, Record};

/// A changed file is noticed within this time.
const RELOAD_PERIOD: Duration = Duration::from_secs(1);
const MAX_LABEL_BYTES: usize = 64;
/// Tokens of one box.
const MAX_TOKENS: usize = 1000;
/// Longer ones are refused unread.
const MAX_RAW_BYTES: usize = 512;
/// A token that a person chose is no shorter: it opens everything, and may be guessed at.
const MIN_CHOSEN_BYTES: usize = 8;

/// Why tokens could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or replaced.
    #[error("{act} {path}")]
    File {
        /// `reading`, `replacing` …
        act: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not ours or was damaged.
    #[error("{path} is not a token file: {why}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no such token.
    #[error("there is no token {0}; `endcap token list` shows those there are")]
    Unknown(String),
    /// There is no such device.
    #[error("there is no device {0}; `endcap devices list` shows those there are")]
    UnknownDevice(String),
    /// A device is not named as devices are.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A label is for people to read.
    #[error("a label has 1 to {MAX_LABEL_BYTES} bytes and no control characters")]
    Label,
    /// A token that a person chose is too easy to guess, or no header can carry it.
    #[error(
        "it has {bytes} bytes; a token of your own has {MIN_CHOSEN_BYTES} to {MAX_RAW_BYTES}, of \
         letters, digits and signs other than a space or `'`"
    )]
    Chosen {
        /// How long it is. The token itself is told nowhere.
        bytes: usize,
    },
    /// Enough is enough.
    #[error("there are {MAX_TOKENS} tokens, which is the limit; revoke some")]
    TooMany,
    /// The system gives no random bytes.
    #[error("drawing random bytes: {0}")]
    Random(String),
    /// These tokens live in memory only.
    #[error("tokens cannot be changed here: no token file is configured")]
    ReadOnly,
}

/// A new token; the only time its text is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Created {
    /// By which to revoke it.
    pub id: String,
    /// `ec_` and 43 characters. Not kept anywhere.
    pub token: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TokenInfo {
    /// By which to revoke it.
    pub id: String,
    /// What its holder may do.
    pub role: Role,
    /// For people.
    pub label: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The device that it was given to, where it was paired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
}

/// The tokens of this box: those of a file, and fixed ones that were handed in.
///
/// The file is looked at again when it changes, so a token that another process creates or
/// revokes counts within a second.
#[derive(Debug)]
pub struct Tokens {
    path: Option<PathBuf>,
    fixed: Vec<Record>,
    kept: RwLock<Kept>,
}

#[derive(Debug)]
struct Kept {
    records: Vec<Record>,
    stamp: Option<Stamp>,
    looked: Instant,
}

impl Tokens {
    /// The tokens of a file; a file that does not exist has none.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let stamp = Stamp::of(path);
        let kept = Kept { records: token_file::read(path)?, stamp, looked: Instant::now() };
        Ok(Self { path: Some(path.to_owned()), fixed: Vec::new(), kept: RwLock::new(kept) })
    }

    /// No tokens and no file.
    pub fn in_memory() -> Self {
        let kept = Kept { records: Vec::new(), stamp: None, looked: Instant::now() };
        Self { path: None, fixed: Vec::new(), kept: RwLock::new(kept) }
    }

    /// Whether a token that a person chose may be one.
    pub fn check_chosen(token: &str) -> Result<(), TokenError> {
        let carried = token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\'');
        let bytes = token.len();
        if carried && (MIN_CHOSEN_BYTES..=MAX_RAW_BYTES).contains(&bytes) {
            return Ok(());
        }
        Err(TokenError::Chosen { bytes })
    }

    /// Adds a token that is not in the file, such as a demo's.
    pub fn with_fixed(mut self, token: &str, role: Role, label: &str) -> Self {
        self.fixed.push(Record {
            id: format!("fixed-{}", role.name()),
            label: label.to_owned(),
            role,
            sha256: digest(token),
            created: now_s(),
            device: None,
        });
        self
    }

    /// Makes a token and writes its digest to the file. Blocks on the disk.
    pub fn create(&self, role: Role, label: &str) -> Result<Created, TokenError> {
        self.keep(role, label, None)
    }

    /// Makes the token of a device. Blocks on the disk.
    pub fn create_for(&self, role: Role, device: Device) -> Result<Created, TokenError> {
        device.check()?;
        let label = device.name.clone();
        self.keep(role, &label, Some(device))
    }

    fn keep(&self, role: Role, label: &str, device: Option<Device>) -> Result<Created, TokenError> {
        if !(1..=MAX_LABEL_BYTES).contains(&label.len()) || label.chars().any(char::is_control) {
            return Err(TokenError::Label);
        }
        let token = generate()?;
        let id = format!("tok_{}", URL_SAFE_NO_PAD.encode(random::<6>()?));
        let record = Record {
            id: id.clone(),
            label: label.to_owned(),
            role,
            sha256: digest(&token),
            created: now_s(),
            device,
        };
        self.change(|records| {
            if records.len() >= MAX_TOKENS {
                return Err(TokenError::TooMany);
            }
            records.push(record);
            Ok(())
        })?;
        Ok(Created { id, token })
    }

    /// What is known of every token, oldest first.
    pub fn list(&self) -> Vec<TokenInfo> {
        self.look_again();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let info = |r: &Record| TokenInfo {
            id: r.id.clone(),
            role: r.role,
            label: r.label.clone(),
            created: r.created,
            device: r.device.clone(),
        };
        self.fixed.iter().chain(&kept.records).map(info).collect()
    }

    /// Forgets a token. Blocks on the disk.
    pub fn revoke(&self, id: &str) -> Result<(), TokenError> {
        self.change(|records| {
            let before = records.len();
            records.retain(|record| record.id != id);
            if records.len() == before {
                return Err(TokenError::Unknown(id.to_owned()));
            }
            Ok(())
        })
    }

    /// Whose token this is. Takes the same time whichever token comes close.
    pub fn verify(&self, token: &str) -> Option<Identity> {
        if token.len() > MAX_RAW_BYTES {
            return None;
        }
        self.look_again();
        let shown = digest(token);
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for record in self.fixed.iter().chain(&kept.records) {
            if bool::from(record.sha256.ct_eq(&shown)) {
                found = Some(record);
            }
        }
        found.map(|record| Identity {
            token_id: record.id.clone(),
            role: record.role,
            device: record.device.clone(),
        })
    }

    /// Whether a token of this id still counts: who asked once and still listens may have been turned away since.
    pub fn holds(&self, id: &str) -> bool {
        self.look_again();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        self.fixed.iter().chain(&kept.records).any(|record| record.id == id)
    }

    fn change(
        &self,
        edit: impl FnOnce(&mut Vec<Record>) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let path = self.path.as_deref().ok_or(TokenError::ReadOnly)?;
        let _lock = token_file::lock(path)?;
        let mut records = token_file::read(path)?;
        edit(&mut records)?;
        token_file::replace(path, &records)?;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept { records, stamp: Stamp::of(path), looked: Instant::now() };
        Ok(())
    }

    fn look_again(&self) {
        let Some(path) = self.path.as_deref() else { return };
        let due = |kept: &Kept| kept.looked.elapsed() >= RELOAD_PERIOD;
        if !due(&self.kept.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if !due(&kept) {
            return;
        }
        kept.looked = Instant::now();
        let stamp = Stamp::of(path);
        if stamp == kept.stamp {
            return;
        }
        match token_file::read(path) {
            Ok(records) => {
                tracing::info!(tokens = records.len(), "the token file changed");
                (kept.records, kept.stamp) = (records, stamp);
            }
            Err(error) => {
                tracing::error!(%error, "the token file is unreadable; the tokens known so far go on");
                // What is malformed stays so until it changes; what cannot be read now is tried again.
                if matches!(error, TokenError::Format { .. }) {
                    kept.stamp = stamp;
                }
            }
        }
    }
}

/// A token of 32 random bytes.
fn generate() -> Result<String, TokenError> {
    Ok(format!("ec_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], TokenError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| TokenError::Random(e.to_string()))?;
    Ok(bytes)
}

pub(super) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        (folder, path)
    }

    #[test]
    fn a_token_is_known_until_it_is_revoked_and_never_written_down() {
        let (_folder, path) = in_folder();
        let tokens = Tokens::open(&path).unwrap();
        let made = tokens.create(Role::Client, "kiosk 4").unwrap();
        assert_eq!(made.token.len(), 46);
        assert!(made.token.starts_with("ec_"));
        assert_eq!(tokens.verify(&made.token).map(|i| i.role), Some(Role::Client));
        assert_eq!(tokens.verify(&made.token[1..]), None);
        assert_eq!(tokens.verify(""), None);
        assert_eq!(tokens.verify(&"x".repeat(1 << 20)), None);

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&made.token) && !format!("{made:?}").contains(&made.token));
        let reopened = Tokens::open(&path).unwrap();
        assert_eq!(reopened.verify(&made.token).map(|i| i.token_id), Some(made.id.clone()));
        assert_eq!(reopened.list()[0].label, "kiosk 4");

        reopened.revoke(&made.id).unwrap();
        assert_eq!(reopened.verify(&made.token), None);
        assert!(matches!(reopened.revoke(&made.id), Err(TokenError::Unknown(_))));
        let due = Instant::now() + RELOAD_PERIOD;
        while Instant::now() < due {
            std::thread::park_timeout(due - Instant::now());
        }
        assert_eq!(tokens.verify(&made.token), None, "revoked by another process");
    }

    #[test]
    fn a_devices_token_says_whose_it_is_after_a_restart_too() {
        let (_folder, path) = in_folder();
        let device = Device { name: "till 3".into(), class: "kiosk".into(), zone: None };
        let tokens = Tokens::open(&path).unwrap();
        let made = tokens.create_for(Role::Client, device.clone()).unwrap();
        let plain = tokens.create(Role::Client, "a program").unwrap();
        let reopened = Tokens::open(&path).unwrap();
        assert_eq!(reopened.verify(&made.token).unwrap().device, Some(device.clone()));
        assert_eq!(reopened.verify(&plain.token).unwrap().device, None);
        assert!(reopened.holds(&made.id));
        reopened.revoke(&made.id).unwrap();
        assert!(!reopened.holds(&made.id) && reopened.holds(&plain.id));
        for class in ["", "Kiosk", "a kiosk", &"k".repeat(33)] {
            let device = Device { class: class.into(), ..device.clone() };
            let refused = tokens.create_for(Role::Client, device).unwrap_err();
            assert!(matches!(refused, TokenError::Device(_)), "{class}: {refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = in_folder();
        Tokens::open(&path).unwrap().create(Role::Admin, "me").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_by_name() {
        let (_folder, path) = in_folder();
        for text in ["", "{}", "[]", r#"{"format":2,"tokens":[]}"#, r#"{"format":1,"tokens":[{}]}"#]
        {
            std::fs::write(&path, text).unwrap();
            let error = Tokens::open(&path).unwrap_err();
            assert!(matches!(&error, TokenError::Format { path: p, .. } if *p == path), "{text}");
        }
    }

    #[test]
    fn two_writers_lose_nothing() {
        let (_folder, path) = in_folder();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let tokens = Tokens::open(&path).unwrap();
                    for _ in 0..5 {
                        tokens.create(Role::Client, "kiosk").unwrap();
                    }
                });
            }
        });
        assert_eq!(Tokens::open(&path).unwrap().list().len(), 20);
    }

    #[test]
    fn a_chosen_token_is_long_enough_to_be_one_and_fits_a_header() {
        for (token, sound) in [
            ("my-own-token", true),
            ("8-bytes!", true),
            ("7-bytes", false),
            ("", false),
            ("two words here", false),
            ("quote'd-token", false),
            ("m\u{fc}sli-m\u{fc}sli", false),
            (&"x".repeat(512), true),
            (&"x".repeat(513), false),
        ] {
            let checked = Tokens::check_chosen(token);
            assert_eq!(checked.is_ok(), sound, "{token}");
            if let Err(error) = checked {
                let told = error.to_string();
                assert!(told.contains("8 to 512") && (token.is_empty() || !told.contains(token)));
            }
        }
    }

    #[test]
    fn labels_and_fixed_tokens_have_rules() {
        let (_folder, path) = in_folder();
        let tokens = Tokens::open(&path).unwrap().with_fixed("demo", Role::Admin, "demo");
        for label in ["", "a\nb", &"x".repeat(65)] {
            assert!(matches!(tokens.create(Role::Client, label), Err(TokenError::Label)));
        }
        assert_eq!(tokens.verify("demo").map(|i| i.role), Some(Role::Admin));
        assert!(!path.exists());
        assert!(matches!(Tokens::in_memory().create(Role::Client, "x"), Err(TokenError::ReadOnly)));
    }
}
