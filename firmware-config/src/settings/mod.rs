//! What devices are told, by class. Schema 1: nothing here ever changes, see the crate's front page.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_BODY_BYTES, MAX_ENDPOINTS, MAX_NAME_BYTES, MAX_WINDOWS};
use crate::sizes::{MaxBytes, choices, structs};
use crate::{List, Text};

mod gateway;
mod handheld;
mod kiosk;
mod label;
mod mirror;
mod parts;

pub use gateway::{Sensor, SensorGateway, SensorKind};
pub use handheld::Handheld;
pub use kiosk::Kiosk;
pub use label::{Align, Element, Field, Layout, ShelfLabel};
pub use mirror::Mirror;
pub use parts::{Days, Display, Endpoint, Features, Power, Rotation, Transport, Window};

/// All that one device is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What devices of every class are told.
    pub common: Common,
    /// What its class is told.
    pub own: Own,
}

structs! {
    /// What devices of every class are told.
    struct Common {
        /// Where the box is, in the order in which it is tried.
        endpoints: List<Endpoint, MAX_ENDPOINTS> = List::new(),
        /// Where the device stands in the shop.
        zone: Text<MAX_NAME_BYTES> = Text::new(),
        /// When it may refresh itself; at any time where there are none.
        windows: List<Window, MAX_WINDOWS> = List::new(),
        /// Seconds between two questions to the box.
        ask_every_s: u32 = 300,
        /// Seconds between two reports of what it measures of itself.
        report_every_s: u32 = 3600,
        /// How it saves power.
        power: Power = Power::default(),
        /// What is switched on.
        features: Features = Features::default(),
    }
}

/// What one class is told. Variants are never moved: their place is their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a device has no heap for the larger ones")]
pub enum Own {
    /// A scanner, printer or lamp at a kiosk.
    Kiosk(Kiosk),
    /// A mirror or another large display.
    Mirror(Mirror),
    /// What an associate carries.
    Handheld(Handheld),
    /// A label at a shelf.
    ShelfLabel(ShelfLabel),
    /// What sensors speak to.
    SensorGateway(SensorGateway),
}

choices! {
    /// What a device is.
    enum Class {
        /// A scanner, printer or lamp at a kiosk.
        Kiosk,
        /// A mirror or another large display.
        Mirror,
        /// What an associate carries.
        Handheld,
        /// A label at a shelf.
        ShelfLabel,
        /// What sensors speak to.
        SensorGateway,
    }
}

impl Own {
    /// Whose this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Kiosk(_) => Class::Kiosk,
            Self::Mirror(_) => Class::Mirror,
            Self::Handheld(_) => Class::Handheld,
            Self::ShelfLabel(_) => Class::ShelfLabel,
            Self::SensorGateway(_) => Class::SensorGateway,
        }
    }
}

impl Class {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Kiosk, Self::Mirror, Self::Handheld, Self::ShelfLabel, Self::SensorGateway];

    /// Its number in a header.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The class of a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// As profiles and commands name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kiosk => "kiosk",
            Self::Mirror => "mirror",
            Self::Handheld => "handheld",
            Self::ShelfLabel => "shelf_label",
            Self::SensorGateway => "sensor_gateway",
        }
    }

    /// The class of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

impl MaxBytes for Own {
    const MAX_BYTES: usize = 1 + larger(
        larger(Kiosk::MAX_BYTES, Mirror::MAX_BYTES),
        larger(Handheld::MAX_BYTES, larger(ShelfLabel::MAX_BYTES, SensorGateway::MAX_BYTES)),
    );
}

impl MaxBytes for Settings {
    const MAX_BYTES: usize = Common::MAX_BYTES + Own::MAX_BYTES;
}

// What is largest in everything still fits, so a block can always be made of settings.
const _: () = assert!(Settings::MAX_BYTES <= MAX_BODY_BYTES);

// In a device's memory. Measured for 32-bit processors, which are what devices have.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(core::mem::size_of::<Settings>() <= 1152);
