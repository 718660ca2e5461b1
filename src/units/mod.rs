//! Bytes and durations as people write and read them.
//!
//! **Invariants**
//! - What is written can be read again.
//!
//! **Not here**: what a room does with a size or a time.

// A room's paths are the same wherever they are written.
extern crate self as units;

use std::fmt;

/// A number of bytes; shown in binary units ("1.5 GiB"), parsed from "512 MiB", "2GB" or "1024".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 7] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            n if n >= 1 << 30 => write!(f, "{:.1} GiB", bytes / (1u64 << 30) as f64),
            n if n >= 1 << 20 => write!(f, "{:.1} MiB", bytes / (1u64 << 20) as f64),
            n if n >= 1 << 10 => write!(f, "{:.1} KiB", bytes / (1u64 << 10) as f64),
            n => write!(f, "{n} B"),
        }
    }
}

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size such as \"512 MiB\", \"2 GB\" or \"1048576\"")]
pub struct ParseBytesError(String);

impl std::str::FromStr for Bytes {
    type Err = ParseBytesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseBytesError(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        let (number, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| lower.strip_suffix(unit).map(|n| (n, *factor)))
            .unwrap_or((&lower, 1));
        let number: f64 = number.trim().parse().map_err(|_| refuse())?;
        let bytes = number * factor as f64;
        if !(0.0..=u64::MAX as f64).contains(&bytes) {
            return Err(refuse());
        }
        Ok(Self(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("512 MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("1.5kib", 1536),
        ] {
            assert_eq!(text.parse::<Bytes>().map(|b| b.0), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "many", "1 TB", "nan", "inf"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
