//! How many bytes a value may take at most, known when this is compiled; and whether bytes are a value, found out
//! without making it, for which a device has no room.

use heapless::{String, Vec};

/// A type's values in postcard's encoding.
pub trait MaxBytes {
    /// What they take at most.
    const MAX_BYTES: usize;

    /// Steps over one at the beginning of these bytes; none where there is none.
    fn skip(bytes: &mut &[u8]) -> Option<()>;
}

/// A varint of at most so many bits.
fn read_varint(bytes: &mut &[u8], bits: usize) -> Option<u64> {
    let mut value = 0;
    for at in 0..varint(bits) {
        let [byte] = take(bytes)?;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (value >> bits == 0).then_some(value);
        }
    }
    None
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

/// A length of at most so much.
fn read_length(bytes: &mut &[u8], most: usize) -> Option<usize> {
    // Lengths are of 32 bits on a device, and written in the fewest bytes.
    let length = usize::try_from(read_varint(bytes, 32)?).ok()?;
    (length <= most).then_some(length)
}

/// The number of a choice, of so many.
pub(crate) fn skip_choice(bytes: &mut &[u8], choices: usize) -> Option<usize> {
    read_length(bytes, choices.checked_sub(1)?)
}

/// A varint of so many bits.
const fn varint(bits: usize) -> usize {
    bits.div_ceil(7)
}

/// A varint that counts up to this.
pub(crate) const fn count(most: usize) -> usize {
    if most == 0 { 1 } else { varint(usize::BITS as usize - most.leading_zeros() as usize) }
}

macro_rules! numbers {
    ($($type:ty: $bits:literal),+ $(,)?) => {$(
        impl MaxBytes for $type {
            const MAX_BYTES: usize = varint($bits);

            fn skip(bytes: &mut &[u8]) -> Option<()> {
                read_varint(bytes, $bits).map(drop)
            }
        }
    )+};
}

numbers!(u16: 16, i16: 16, u32: 32);

impl MaxBytes for bool {
    const MAX_BYTES: usize = 1;

    fn skip(bytes: &mut &[u8]) -> Option<()> {
        let [byte] = take(bytes)?;
        (byte <= 1).then_some(())
    }
}

impl MaxBytes for u8 {
    const MAX_BYTES: usize = 1;

    fn skip(bytes: &mut &[u8]) -> Option<()> {
        take::<1>(bytes).map(drop)
    }
}

impl<const N: usize> MaxBytes for [u8; N] {
    const MAX_BYTES: usize = N;

    fn skip(bytes: &mut &[u8]) -> Option<()> {
        take::<N>(bytes).map(drop)
    }
}

impl<const N: usize> MaxBytes for String<N> {
    const MAX_BYTES: usize = count(N) + N;

    fn skip(bytes: &mut &[u8]) -> Option<()> {
        let length = read_length(bytes, N)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        core::str::from_utf8(text).ok().map(drop)
    }
}

impl<T: MaxBytes, const N: usize> MaxBytes for Vec<T, N> {
    const MAX_BYTES: usize = count(N) + N * T::MAX_BYTES;

    fn skip(bytes: &mut &[u8]) -> Option<()> {
        (0..read_length(bytes, N)?).try_for_each(|_| T::skip(bytes))
    }
}

/// Structs of a block: with what their fields are where nobody says anything, and with their size.
macro_rules! structs {
    ($(
        $(#[$about:meta])*
        struct $name:ident {
            $($(#[$field_about:meta])* $field:ident: $type:ty = $otherwise:expr,)+
        }
    )+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $otherwise,)+ }
            }
        }

        impl $crate::sizes::MaxBytes for $name {
            const MAX_BYTES: usize = 0 $(+ <$type as $crate::sizes::MaxBytes>::MAX_BYTES)+;

            fn skip(bytes: &mut &[u8]) -> Option<()> {
                $(<$type as $crate::sizes::MaxBytes>::skip(bytes)?;)+
                Some(())
            }
        }
    )+};
}

/// Choices without a value of their own. Variants are never moved: their place is their number.
macro_rules! choices {
    ($(
        $(#[$about:meta])*
        enum $name:ident { $($(#[$variant_about:meta])* $variant:ident,)+ }
    )+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_about])* $variant,)+ }

        impl $crate::sizes::MaxBytes for $name {
            const MAX_BYTES: usize = 1;

            fn skip(bytes: &mut &[u8]) -> Option<()> {
                let choices = [$(Self::$variant),+].len();
                $crate::sizes::skip_choice(bytes, choices).map(drop)
            }
        }
    )+};
}

pub(crate) use {choices, structs};
