//! Mirrors and other large displays.

use crate::limits::MAX_NAME_BYTES;
use crate::sizes::structs;
use crate::{Display, Text};

structs! {
    /// A mirror.
    struct Mirror {
        /// Its display.
        display: Display = Display::default(),
        /// Its camera may be used.
        camera: bool = false,
        /// Centimetres in which somebody counts as being there.
        near_cm: u16 = 120,
        /// What it shows while nobody is there.
        idle_scene: Text<MAX_NAME_BYTES> = Text::new(),
    }
}
