//! Moments and times of day.

use std::fmt;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Utc,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Beyond these years a moment is a mistake.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9998;

/// Seconds since 1970, UTC. In JSON a time with its offset, as `2026-11-26T08:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// By the box's clock.
    pub fn now() -> Self {
        Self(Utc::now().timestamp())
    }

    /// Seconds from an earlier moment to this one; none where it is later.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp(self.0, 0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => write!(f, "{} s", self.0),
        }
    }
}

/// Text that is no time with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time with its offset such as 2026-11-26T08:00:00+01:00")]
pub struct ParseMomentError(String);

impl FromStr for UnixSeconds {
    type Err = ParseMomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = DateTime::parse_from_rfc3339(text).ok();
        let sound = parsed.filter(|time| YEARS.contains(&time.year()));
        let refuse = || ParseMomentError(text.chars().take(60).collect());
        sound.map(|time| Self(time.timestamp())).ok_or_else(refuse)
    }
}

impl Serialize for UnixSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => String::deserialize(deserializer)?.parse().map_err(D::Error::custom),
            false => i64::deserialize(deserializer).map(Self),
        }
    }
}

impl JsonSchema for UnixSeconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A time of day, from `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time {
    minute: u16,
}

impl Time {
    /// `00:00`.
    pub(super) const MIDNIGHT: Self = Self { minute: 0 };
    /// `24:00`.
    pub(super) const DAY_END: Self = Self { minute: 24 * 60 };

    /// Minutes since midnight.
    pub fn minutes(self) -> u16 {
        self.minute
    }

    /// This time of a day; `24:00` is midnight of the next.
    pub fn on(self, day: NaiveDate) -> NaiveDateTime {
        day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(self.minute))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

/// Text that is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of day from 00:00 to 24:00, such as 08:30")]
pub struct ParseTimeError(String);

impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| -> Option<u16> {
            let sound = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            sound.then(|| digits.parse().ok())?
        };
        let parts = text.split_once(':').map(|(hour, minute)| (number(hour), number(minute)));
        match parts {
            Some((Some(hour), Some(minute))) if minute < 60 && hour * 60 + minute <= 24 * 60 => {
                Ok(Self { minute: hour * 60 + minute })
            }
            _ => Err(ParseTimeError(text.chars().take(20).collect())),
        }
    }
}

impl TryFrom<String> for Time {
    type Error = ParseTimeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$" })
    }
}

/// A day of the calendar, as `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub NaiveDate);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// Text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day such as 2026-12-24")]
pub struct ParseDayError(String);

impl TryFrom<String> for Day {
    type Error = ParseDayError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parsed = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
        let sound = parsed.filter(|day| YEARS.contains(&day.year()) && text.len() == 10);
        sound.map(Self).ok_or_else(|| ParseDayError(text.chars().take(20).collect()))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Read as a text, so that an error below a weekday has it in its path.
impl<'de> Deserialize<'de> for Weekday {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|day| day.as_str() == text);
        let shown = || text.chars().take(20).collect::<String>();
        found.ok_or_else(|| D::Error::custom(format!("`{}` is not a day such as monday", shown())))
    }
}

impl Weekday {
    /// Every weekday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its name in facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    /// The weekday of a date.
    pub fn of(day: NaiveDate) -> Self {
        match day.weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, minutes) in [("00:00", 0), ("08:30", 510), ("24:00", 1440)] {
            assert_eq!(text.parse::<Time>().unwrap().minutes(), minutes);
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        for text in ["", "8:30", "24:01", "08:60", "08:3", "08:30:00", "+8:30"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        let moment: UnixSeconds = "2026-11-26T08:00:00+01:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-26T07:00:00Z");
        for text in ["2026-11-26T08:00:00", "2026-11-26", "0001-01-01T00:00:00Z", "now"] {
            assert!(text.parse::<UnixSeconds>().is_err(), "{text}");
        }
        assert!(Day::try_from("2026-2-3".to_owned()).is_err());
        assert_eq!(Day::try_from("2026-12-24".to_owned()).unwrap().to_string(), "2026-12-24");
    }
}
