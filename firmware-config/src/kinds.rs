//! Values that cannot be out of range.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::sizes::MaxBytes;

/// A text of at most so many bytes.
pub type Text<const BYTES: usize> = heapless::String<BYTES>;

/// At most so many.
pub type List<T, const MOST: usize> = heapless::Vec<T, MOST>;

/// A value is larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotInRange {
    most: u16,
}

impl fmt::Display for NotInRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {}", self.most)
    }
}

impl core::error::Error for NotInRange {}

macro_rules! at_most {
    ($($(#[$about:meta])* $name:ident($type:ident as $text:literal) <= $most:literal;)+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = $text, into = $text)]
        pub struct $name($type);

        impl $name {
            /// As it is known when this is compiled; larger values do not compile there.
            #[must_use]
            pub const fn new(value: $type) -> Self {
                assert!(value <= $most);
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $type {
                self.0
            }
        }

        impl TryFrom<$type> for $name {
            type Error = NotInRange;

            fn try_from(value: $type) -> Result<Self, NotInRange> {
                if value <= $most { Ok(Self(value)) } else { Err(NotInRange { most: $most }) }
            }
        }

        impl From<$name> for $type {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl MaxBytes for $name {
            const MAX_BYTES: usize = <$type as MaxBytes>::MAX_BYTES;
        }
    )+};
}

at_most! {
    /// Of all there is: 0 to 100.
    Percent(u8 as "u8") <= 100;
    /// Of a day, from midnight: 0 to 1440, which is the next midnight.
    Minute(u16 as "u16") <= 1440;
}
