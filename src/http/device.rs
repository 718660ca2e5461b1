//! A device that was paired: what its token is bound to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_NAME_BYTES: usize = 64;
const MAX_CLASS_BYTES: usize = 32;

/// A device of the shop. What it is and where it stands was decided by who made its code, not by the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// For people, as `kiosk by the door`: 1 to 64 bytes.
    pub name: String,
    /// What it is, as `kiosk` or `handheld`: 1 to 32 lower-case letters, digits and `-`.
    pub class: String,
    /// Where it stands, as `entrance`: like a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Why a device is not named as devices are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Its name is for people to read.
    #[error("a device's name has 1 to {MAX_NAME_BYTES} bytes and no control characters")]
    Name,
    /// Classes and zones are compared, and told to HQ.
    #[error("a {0} has 1 to {MAX_CLASS_BYTES} lower-case letters, digits and `-`")]
    Word(&'static str),
}

impl DeviceError {
    /// The field at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Word(field) => field,
        }
    }
}

impl Device {
    /// Whether it is named as devices are.
    pub fn check(&self) -> Result<(), DeviceError> {
        let name = &self.name;
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(DeviceError::Name);
        }
        check_place(&self.class, self.zone.as_deref())
    }
}

/// Whether a class and a zone are words that are compared.
pub(super) fn check_place(class: &str, zone: Option<&str>) -> Result<(), DeviceError> {
    if !is_word(class) {
        return Err(DeviceError::Word("class"));
    }
    if !zone.is_none_or(is_word) {
        return Err(DeviceError::Word("zone"));
    }
    Ok(())
}

fn is_word(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_CLASS_BYTES).contains(&text.len()) && text.bytes().all(sound)
}
