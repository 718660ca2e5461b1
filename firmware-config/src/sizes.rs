//! How many bytes a value may take at most, known when this is compiled.

use heapless::{String, Vec};

/// What a type's values take at most in postcard's encoding.
pub trait MaxBytes {
    /// In bytes.
    const MAX_BYTES: usize;
}

/// A varint of so many bits.
const fn varint(bits: usize) -> usize {
    bits.div_ceil(7)
}

/// A varint that counts up to this.
pub(crate) const fn count(most: usize) -> usize {
    if most == 0 { 1 } else { varint(usize::BITS as usize - most.leading_zeros() as usize) }
}

macro_rules! of_fixed_size {
    ($($type:ty: $bytes:expr),+ $(,)?) => {
        $(impl MaxBytes for $type { const MAX_BYTES: usize = $bytes; })+
    };
}

of_fixed_size!(bool: 1, u8: 1, u16: varint(16), i16: varint(16), u32: varint(32));

impl<const N: usize> MaxBytes for [u8; N] {
    const MAX_BYTES: usize = N;
}

impl<const N: usize> MaxBytes for String<N> {
    const MAX_BYTES: usize = count(N) + N;
}

impl<T: MaxBytes, const N: usize> MaxBytes for Vec<T, N> {
    const MAX_BYTES: usize = count(N) + N * T::MAX_BYTES;
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
        }
    )+};
}

pub(crate) use {choices, structs};
