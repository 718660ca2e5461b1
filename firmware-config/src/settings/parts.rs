//! What several classes have.

use crate::limits::MAX_ADDRESS_BYTES;
use crate::sizes::{choices, structs};
use crate::{Minute, Percent, Text};

choices! {
    /// How the box is reached.
    enum Transport {
        /// By requests over HTTP.
        Http,
        /// By a broker.
        Mqtt,
        /// By a serial line.
        Serial,
    }

    /// How far a display is turned.
    enum Rotation {
        /// Not at all.
        None,
        /// By 90 degrees, clockwise.
        Quarter,
        /// By 180 degrees.
        Half,
        /// By 270 degrees, clockwise.
        ThreeQuarters,
    }
}

structs! {
    /// One way to the box.
    struct Endpoint {
        /// By what.
        transport: Transport = Transport::Http,
        /// A URL, or the name of a port.
        address: Text<MAX_ADDRESS_BYTES> = Text::new(),
    }

    /// Days of the week.
    struct Days {
        /// Mondays.
        monday: bool = true,
        /// Tuesdays.
        tuesday: bool = true,
        /// Wednesdays.
        wednesday: bool = true,
        /// Thursdays.
        thursday: bool = true,
        /// Fridays.
        friday: bool = true,
        /// Saturdays.
        saturday: bool = true,
        /// Sundays.
        sunday: bool = true,
    }

    /// A time of the week, in the shop's clock.
    struct Window {
        /// On these days.
        days: Days = Days::default(),
        /// From this minute on.
        from_minute: Minute = Minute::new(0),
        /// Up to this one, and over midnight where it is the smaller.
        until_minute: Minute = Minute::new(1440),
    }

    /// How a device saves power.
    struct Power {
        /// Seconds without use after which it sleeps; 0 for never.
        sleep_after_s: u16 = 300,
        /// Seconds between two moments in which its radio listens.
        listen_every_s: u16 = 15,
        /// Of its battery, below which it says so.
        low_battery: Percent = Percent::new(15),
    }

    /// What is switched on.
    struct Features {
        /// A lamp that shoppers see.
        lamp: bool = false,
        /// Sounds.
        sound: bool = false,
        /// What phones can be held to.
        nfc: bool = false,
        /// A beacon.
        beacon: bool = false,
        /// Updates of its program over this line.
        updates: bool = false,
    }

    /// A display.
    struct Display {
        /// By day.
        brightness: Percent = Percent::new(80),
        /// In the windows in which the device may refresh itself.
        brightness_at_night: Percent = Percent::new(20),
        /// How far it is turned.
        rotation: Rotation = Rotation::None,
        /// Seconds without use after which it darkens; 0 for never.
        darken_after_s: u16 = 120,
    }
}
