//! What associates carry.

use crate::sizes::structs;
use crate::{Display, Percent};

structs! {
    /// A handheld.
    struct Handheld {
        /// Its display.
        display: Display = Display::default(),
        /// Seconds without use after which it asks who holds it.
        lock_after_s: u16 = 120,
        /// Of its sounds.
        volume: Percent = Percent::new(50),
        /// It shakes when it rings.
        shakes: bool = true,
        /// A code is read as soon as it is seen, and not when a key is held.
        scans_at_once: bool = false,
    }
}
