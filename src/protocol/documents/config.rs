//! The settings that HQ may set. JSON, so that it is read as it was written; a setting that is not
//! known is refused rather than ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::bounded::{List, Text};
use crate::protocol::error::{ProtocolError, shortened};
use crate::protocol::label::Name;
use crate::protocol::limits::{
    MAX_BLOCKED_TERMS, MAX_CONFIG_BYTES, MAX_LISTED, MAX_PROFILES_BYTES,
};

/// What HQ sets. What is not there stays as the layers below have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigDoc {
    /// Texts that no answer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_terms: Option<List<Text<128>, MAX_BLOCKED_TERMS>>,
    /// The language of answers where nothing says otherwise, as `en` or `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_language: Option<Text<35>>,
    /// Which kept answers a route may give, by the route's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cache: BTreeMap<Name, CacheTiers>,
    /// When bundles may be installed, by the shop's clock; always where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_hours: Option<List<InstallHours, MAX_LISTED>>,
    /// Bytes that may be fetched over the WAN within 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wan_bytes_per_day: Option<u64>,
    /// How much is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
    /// Profiles of small devices, in TOML, below those that the store has itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_profiles: Option<Text<MAX_PROFILES_BYTES>>,
}

/// Which kept answers may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheTiers {
    /// None.
    Off,
    /// Those of the same question.
    Exact,
    /// Those of questions of the same meaning too.
    Semantic,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names of the log's levels")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// A span of every day, over midnight where it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallHours {
    /// From.
    pub from: TimeOfDay,
    /// Until, not included.
    pub until: TimeOfDay,
}

impl InstallHours {
    /// Whether a minute of the day is within.
    #[must_use]
    pub fn have(&self, at: TimeOfDay) -> bool {
        if self.from <= self.until {
            self.from <= at && at < self.until
        } else {
            self.from <= at || at < self.until
        }
    }
}

/// A minute of the day, as `22:30`; `24:00` is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Minutes since midnight, of at most a whole day.
    #[must_use]
    pub fn from_minutes(minutes: u16) -> Option<Self> {
        (minutes <= 24 * 60).then_some(Self(minutes))
    }
}

impl FromStr for TimeOfDay {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let two = |text: &str| {
            let sound = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            sound.then(|| text.parse::<u16>().ok()).flatten()
        };
        let parts =
            text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        let minutes = parts.filter(|(_, minute)| *minute < 60).map(|(h, minute)| h * 60 + minute);
        minutes.and_then(Self::from_minutes).ok_or_else(|| ProtocolError::Name {
            what: "time of day",
            text: shortened(text),
            rule: "hours and minutes, as 22:30",
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::<16>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl ConfigDoc {
    /// The names of what it sets.
    #[must_use]
    pub fn sets(&self) -> Vec<&'static str> {
        let named = [
            ("blocked_terms", self.blocked_terms.is_some()),
            ("default_language", self.default_language.is_some()),
            ("cache", !self.cache.is_empty()),
            ("install_hours", self.install_hours.is_some()),
            ("wan_bytes_per_day", self.wan_bytes_per_day.is_some()),
            ("log_level", self.log_level.is_some()),
            ("device_profiles", self.device_profiles.is_some()),
        ];
        named.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
    }

    /// Its bytes: JSON without spaces, fields in the order of the type.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        self.check()?;
        let what = "config document";
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ProtocolError::Shape { what, why: error.to_string() })?;
        if bytes.len() > MAX_CONFIG_BYTES {
            let (size, most) = (bytes.len(), MAX_CONFIG_BYTES);
            return Err(ProtocolError::TooLarge { what: "config document", size, most });
        }
        Ok(bytes)
    }

    /// The document of these bytes, however they are spaced.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let what = "config document";
        if bytes.len() > MAX_CONFIG_BYTES {
            let (size, most) = (bytes.len(), MAX_CONFIG_BYTES);
            return Err(ProtocolError::TooLarge { what, size, most });
        }
        let document: Self = serde_json::from_slice(bytes)
            .map_err(|error| ProtocolError::Shape { what, why: error.to_string() })?;
        document.check()?;
        Ok(document)
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), ProtocolError> {
        if self
            .blocked_terms
            .as_ref()
            .is_some_and(|terms| terms.iter().any(|t| t.trim().is_empty()))
        {
            return Err(ProtocolError::Contradiction("an empty blocked term is in every answer"));
        }
        if self.install_hours.as_ref().is_some_and(|hours| hours.iter().any(|h| h.from == h.until))
        {
            return Err(ProtocolError::Contradiction("install hours that begin when they end"));
        }
        if self.cache.len() > MAX_LISTED {
            let (size, most) = (self.cache.len(), MAX_LISTED);
            return Err(ProtocolError::TooLarge { what: "routes of the cache", size, most });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_or_not_meant_is_refused_by_name() {
        for (json, name) in [
            (r#"{"engine": {}}"#, "engine"),
            (r#"{"log_level": "loud"}"#, "loud"),
            (r#"{"blocked_terms": [" "]}"#, "blocked term"),
            (r#"{"install_hours": [{"from": "22:00", "until": "22:00"}]}"#, "install hours"),
            (r#"{"install_hours": [{"from": "9:00", "until": "22:00"}]}"#, "9:00"),
            (r#"{"install_hours": [{"from": "24:01", "until": "22:00"}]}"#, "24:01"),
            (r#"{"cache": {"ask": "always"}}"#, "always"),
        ] {
            let refusal = ConfigDoc::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(refusal.contains(name), "{json}: {refusal}");
        }
    }

    #[test]
    fn hours_go_over_midnight() {
        let hours = |from: &str, until: &str| InstallHours {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        for (span, at, within) in [
            (hours("22:00", "05:00"), "23:59", true),
            (hours("22:00", "05:00"), "00:00", true),
            (hours("22:00", "05:00"), "05:00", false),
            (hours("01:00", "05:00"), "00:59", false),
            (hours("01:00", "05:00"), "01:00", true),
            (hours("00:00", "24:00"), "23:59", true),
        ] {
            assert_eq!(span.have(at.parse().unwrap()), within, "{span:?} {at}");
        }
    }
}
