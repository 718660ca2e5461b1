//! Where the shop's clock stands.

mod place;

use std::fmt;
use std::str::FromStr;

use chrono::{
    DateTime, FixedOffset, Local, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};

pub use self::place::Place;
use super::time::UnixSeconds;

/// Minutes that a clock skips at most in spring.
const MOST_SKIPPED: i64 = 180;

/// Where the shop's clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zone {
    /// As the box is set, summer time included.
    #[default]
    System,
    /// As in this zone of the IANA database, summer time included.
    Named(&'static Place),
    /// Always this far from UTC.
    Offset(FixedOffset),
}

impl Zone {
    /// What the shop's clock shows.
    pub fn local(self, at: UnixSeconds) -> NaiveDateTime {
        let utc = DateTime::<Utc>::from_timestamp(at.0, 0).unwrap_or_default();
        match self {
            Self::System => utc.with_timezone(&Local).naive_local(),
            Self::Named(place) => place.local(utc),
            Self::Offset(offset) => utc.with_timezone(&offset).naive_local(),
        }
    }

    /// When the shop's clock shows this for the first time. Where it skips over it in spring, when
    /// it has just skipped.
    pub fn moment(self, local: NaiveDateTime) -> UnixSeconds {
        let later = |minutes| match minutes {
            0 => local,
            // Clocks are moved by whole minutes, at whole minutes.
            _ => local.with_second(0).unwrap_or(local) + TimeDelta::minutes(minutes),
        };
        let found = (0..=MOST_SKIPPED).find_map(|minutes| self.first(&later(minutes)));
        UnixSeconds(found.unwrap_or_else(|| local.and_utc().timestamp()))
    }

    /// When the next day begins.
    pub fn next_day(self, at: UnixSeconds) -> UnixSeconds {
        let tomorrow = self.local(at).date() + TimeDelta::days(1);
        self.moment(tomorrow.and_time(NaiveTime::MIN))
    }

    /// Seconds since 1970 when its clock shows this first; none where it never does.
    fn first(self, local: &NaiveDateTime) -> Option<i64> {
        match self {
            Self::System => earliest(&Local, local),
            Self::Named(place) => place.moment(local),
            Self::Offset(offset) => earliest(&offset, local),
        }
    }
}

fn earliest(zone: &impl TimeZone, local: &NaiveDateTime) -> Option<i64> {
    zone.from_local_datetime(local).earliest().map(|time| time.timestamp())
}

/// A name that is no time zone's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone of the IANA database such as Europe/Berlin")]
pub struct ParseZoneError(String);

impl FromStr for Zone {
    type Err = ParseZoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseZoneError(name.chars().take(60).collect());
        Place::named(name).map(Self::Named).ok_or_else(refuse)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the box's own"),
            Self::Named(place) => f.write_str(place.name()),
            Self::Offset(offset) => write!(f, "{offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(zone: Zone, local: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
        zone.moment(local).to_string()
    }

    #[test]
    fn a_day_ends_at_the_shops_midnight() {
        let zone = Zone::Offset(FixedOffset::east_opt(2 * 3600).unwrap());
        let at: UnixSeconds = "2026-11-26T21:30:00Z".parse().unwrap();
        assert_eq!(zone.next_day(at).to_string(), "2026-11-26T22:00:00Z");
        assert_eq!(zone.next_day(zone.next_day(at)).to_string(), "2026-11-27T22:00:00Z");
    }

    #[test]
    fn a_day_on_which_the_clock_is_moved_is_an_hour_shorter_or_longer() {
        for (zone, at, ends, ends_then) in [
            (
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-10-24T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                "America/Chicago",
                "2026-03-07T18:00:00Z",
                "2026-03-08T06:00:00Z",
                "2026-03-09T05:00:00Z",
            ),
            // Its clock skips midnight itself.
            (
                "Africa/Cairo",
                "2026-04-22T12:00:00Z",
                "2026-04-22T22:00:00Z",
                "2026-04-23T22:00:00Z",
            ),
        ] {
            let zone: Zone = zone.parse().unwrap();
            let next = zone.next_day(at.parse().unwrap());
            assert_eq!(next.to_string(), ends, "{zone}");
            assert_eq!(zone.next_day(next).to_string(), ends_then, "{zone}");
        }
    }

    #[test]
    fn a_time_that_is_there_twice_is_its_first_and_one_that_is_skipped_is_the_next() {
        for (zone, local, first) in [
            ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-03-29 02:20", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00Z"),
            ("America/Chicago", "2026-11-01 01:07", "2026-11-01T06:07:00Z"),
            // Half an hour.
            ("Australia/Lord_Howe", "2026-10-04 02:10", "2026-10-03T15:30:00Z"),
        ] {
            assert_eq!(moment(zone.parse().unwrap(), local), first, "{zone} {local}");
        }
    }

    #[test]
    fn a_name_that_is_no_zone_is_refused() {
        for name in ["", "Europe/Bonn", "europe/berlin", "CET+1", "+01:00"] {
            assert!(name.parse::<Zone>().unwrap_err().to_string().contains(name), "{name}");
        }
        let zone: Zone = "America/Argentina/Buenos_Aires".parse().unwrap();
        assert_eq!(zone.to_string(), "America/Argentina/Buenos_Aires");
    }
}
