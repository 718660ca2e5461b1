//! What sensors speak to.

use crate::limits::{MAX_NAME_BYTES, MAX_SENSORS};
use crate::sizes::{choices, structs};
use crate::{List, Text};

choices! {
    /// What a sensor measures, and in which unit its limits are.
    enum SensorKind {
        /// Tenths of a degree Celsius.
        Temperature,
        /// Tenths of a percent of relative humidity.
        Humidity,
        /// 1 while a door is open.
        Door,
        /// People in a minute.
        People,
        /// Decagrams.
        Weight,
        /// Millivolts of a battery.
        Voltage,
    }
}

structs! {
    /// A gateway of sensors.
    struct SensorGateway {
        /// The channel of its radio.
        channel: u8 = 11,
        /// Its sensors.
        sensors: List<Sensor, MAX_SENSORS> = List::new(),
    }

    /// One sensor.
    struct Sensor {
        /// The last six bytes of its address.
        address: [u8; 6] = [0; 6],
        /// What it measures.
        measures: SensorKind = SensorKind::Temperature,
        /// Seconds between two measurements.
        every_s: u16 = 60,
        /// An alarm below this.
        low: i16 = i16::MIN,
        /// An alarm above this.
        high: i16 = i16::MAX,
        /// Where it stands.
        zone: Text<MAX_NAME_BYTES> = Text::new(),
    }
}
