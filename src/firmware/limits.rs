//! How much there may be.

/// Devices of one store.
pub const MAX_DEVICES: usize = 1_000;

/// A document of profiles.
pub const MAX_PROFILES_BYTES: usize = 128 << 10;

/// A device's, zone's, store's or region's name.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// Faults of a document that are told at once.
pub(super) const MAX_FAULTS: usize = 32;
