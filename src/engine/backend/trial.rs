//! Which of two ways to run a model is faster, and what was found before.
//!
//! What a trial finds holds as long as the model, the device, its driver and this program do, so it is
//! written beside the packed weights and read at the next start.

use std::fmt::{Debug, Display};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::cpu::Row;
use super::super::{Derived, Scope, TokenId};
use super::{Decoder, StepError};

/// Rows of the piece of a prompt that is timed.
const PROMPT: usize = 64;
/// Tokens that are timed after it.
const TOKENS: usize = 8;
/// What an answer is taken to be: its prompt and its own tokens.
const TYPICAL: (u32, u32) = (128, 64);

/// What a trial took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Times {
    /// A piece of a prompt, for each of its tokens.
    pub(super) prompt_token: Duration,
    /// One token after it.
    pub(super) token: Duration,
}

/// What a trial measures.
pub(super) trait Measured: Debug + Serialize + for<'de> Deserialize<'de> {
    /// How long what is usually asked takes.
    fn usual(&self) -> Duration;
}

impl Measured for Times {
    fn usual(&self) -> Duration {
        self.prompt_token * TYPICAL.0 + self.token * TYPICAL.1
    }
}

impl Times {
    /// Runs a decoder for a moment. Its KV memory must be unused.
    pub(super) fn of(decoder: &mut Decoder) -> Result<Self, StepError> {
        let sequence = decoder.kv().open(Scope::Alone);
        let outcome = Self::within(decoder, sequence);
        decoder.kv().close(sequence);
        outcome
    }

    fn within(
        decoder: &mut Decoder,
        sequence: super::super::kv::SequenceId,
    ) -> Result<Self, StepError> {
        let all = PROMPT + 2 * TOKENS;
        let full = StepError::Failed("there is no room for a trial".to_owned());
        if decoder.kv().limit_tokens() < all || !decoder.kv().reserve(sequence, all) {
            return Err(full);
        }
        let vocabulary = decoder.vocabulary().max(1);
        let row = |position| {
            let token = (position * 37 % vocabulary) as TokenId;
            Row { sequence, position, token }
        };
        let prompt: Vec<Row> = (0..PROMPT).map(row).collect();
        // The first time pays for what is done once.
        decoder.best(&prompt, &[])?;
        let start = Instant::now();
        decoder.best(&prompt, &[])?;
        let prompt_token = start.elapsed() / PROMPT as u32;
        for position in PROMPT..PROMPT + TOKENS {
            decoder.best(&[row(position)], &[0])?;
        }
        let start = Instant::now();
        for position in PROMPT + TOKENS..all {
            decoder.best(&[row(position)], &[0])?;
        }
        Ok(Self { prompt_token, token: start.elapsed() / TOKENS as u32 })
    }
}

/// What was found of a model on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Findings<T = Times> {
    /// Of which model, device, driver and program.
    of: String,
    /// Which kernels the device ran.
    pub(super) tuning: String,
    /// Absent where the processor had no room beside the device.
    pub(super) processor: Option<T>,
    pub(super) device: T,
}

impl<T: Measured> Findings<T> {
    pub(super) fn new(of: String, tuning: String, processor: Option<T>, device: T) -> Self {
        Self { of, tuning, processor, device }
    }

    /// Whether the device is worth it.
    pub(super) fn device_is_faster(&self) -> bool {
        let device = self.device.usual();
        self.processor.as_ref().is_none_or(|processor| device < processor.usual())
    }

    /// What was found before, where it holds for `of`.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "there is no device to ask it of"))]
    pub(super) fn load(derived: Option<&Derived>, of: &str) -> Option<Self> {
        let text = std::fs::read(path(derived?)).ok()?;
        let found: Self = serde_json::from_slice(&text).ok()?;
        (found.of == of).then_some(found)
    }

    /// Keeps it for the next start. Where that fails, the next start tries again.
    pub(super) fn save(&self, derived: Option<&Derived>) {
        let Some(derived) = derived else { return };
        let path = path(derived);
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|text| replace(&path, &text)) {
            let path = path.display().to_string();
            tracing::warn!(path, %error, "what a trial found cannot be kept; the next start tries again");
        }
    }
}

/// Whether a device is worth it by what a trial found, which is kept; one that failed is not.
pub(super) fn is_worth_it<T: Measured, E: Display>(
    tried: Result<Findings<T>, E>,
    derived: Option<&Derived>,
) -> bool {
    match tried {
        Ok(found) => {
            let worth_it = found.device_is_faster();
            found.save(derived);
            tracing::info!(?found.device, ?found.processor, worth_it, "a device was tried");
            worth_it
        }
        Err(error) => {
            tracing::warn!(%error, "the device failed while it was tried");
            false
        }
    }
}

/// What findings hold for: model, device and driver, program.
pub(super) fn of(derived: Option<&Derived>, device: &str) -> String {
    let key = derived.map_or("", |derived| &derived.key);
    format!("{key} on {device} by {}", env!("CARGO_PKG_VERSION"))
}

/// Beside what else is made of a package, hidden from whoever lists what it came with.
fn path(derived: &Derived) -> PathBuf {
    let name = derived.path.file_stem().unwrap_or_default().to_string_lossy();
    derived.path.with_file_name(format!(".{name}.device.json"))
}

/// The file is whole or what it was before.
fn replace(path: &std::path::Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(std::path::Path::new("."));
    let staged = tempfile::Builder::new().prefix(".device-").tempfile_in(folder)?;
    std::fs::write(staged.path(), text)?;
    staged.as_file().sync_all()?;
    staged.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(prompt_us: u64, token_us: u64) -> Times {
        let us = Duration::from_micros;
        Times { prompt_token: us(prompt_us), token: us(token_us) }
    }

    #[test]
    fn a_device_is_taken_where_a_typical_answer_is_sooner_there() {
        for (processor, device, want) in [
            (Some(times(500, 4000)), times(100, 4500), true),
            (Some(times(500, 4000)), times(500, 4100), false),
            (Some(times(500, 4000)), times(900, 3000), true),
            (Some(times(100, 4000)), times(900, 3000), false),
            (None, times(9000, 9000), true),
        ] {
            let found = Findings::new("of".to_owned(), "8".to_owned(), processor, device);
            assert_eq!(found.device_is_faster(), want, "{found:?}");
        }
    }

    #[test]
    fn what_was_found_holds_for_the_same_device_and_model_alone() {
        let folder = tempfile::tempdir().unwrap();
        let derived = Derived { path: folder.path().join("packed.bin"), key: "model".to_owned() };
        let found = Findings::new("a".to_owned(), "8".to_owned(), Some(times(1, 2)), times(3, 4));
        assert_eq!(Findings::<Times>::load(Some(&derived), "a"), None, "nothing is there yet");
        found.save(Some(&derived));
        assert_eq!(Findings::load(Some(&derived), "a"), Some(found.clone()));
        assert_eq!(Findings::<Times>::load(Some(&derived), "b"), None);
        found.save(None);
        std::fs::write(path(&derived), b"{\"of\": \"a\"}").unwrap();
        assert_eq!(Findings::<Times>::load(Some(&derived), "a"), None, "a file of another shape");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
