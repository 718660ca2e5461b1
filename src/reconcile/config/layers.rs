//! Layers over each other. Nothing here does I/O.

use serde::{Deserialize, Serialize};

use crate::protocol::documents::{ConfigDoc, TimeOfDay};
use crate::protocol::{
    Clock, Digest, LocalOverride, ProtocolError, Text, UnixMillis, limits::MAX_TEXT_BYTES,
};

/// How long an override may hold: 30 days.
pub const MAX_LEASE_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// What somebody in the store laid over HQ's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Who.
    pub owner: Text<128>,
    /// Why.
    pub reason: Text<MAX_TEXT_BYTES>,
    /// By which token, as its id; not the token.
    pub by: Text<64>,
    /// Until when it holds.
    pub until: UnixMillis,
    /// What it sets.
    pub settings: ConfigDoc,
}

impl Override {
    /// Whether its time is over. While the time is not known, it holds until it certainly is.
    #[must_use]
    pub fn is_over(&self, clock: Clock) -> bool {
        let (Clock::Known(now) | Clock::Unknown { at_least: now }) = clock;
        now >= self.until
    }

    /// What HQ is told of it.
    pub fn told(&self) -> Result<LocalOverride, ProtocolError> {
        Ok(LocalOverride {
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            until: self.until,
            digest: Digest::of(&self.settings.to_bytes()?),
        })
    }
}

/// The layers, the lowest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// What the box was set up with.
    pub file: ConfigDoc,
    /// HQ's document.
    pub hq: Option<ConfigDoc>,
    /// What lies on top.
    pub local: Option<Override>,
}

/// What is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// The settings.
    pub settings: ConfigDoc,
    /// When it changes by itself.
    pub until: Option<UnixMillis>,
}

impl Layers {
    /// What is in force at this time.
    #[must_use]
    pub fn effective(&self, clock: Clock) -> Effective {
        let local = self.local.as_ref().filter(|local| !local.is_over(clock));
        let mut settings = self.file.clone();
        for layer in self.hq.iter().chain(local.map(|local| &local.settings)) {
            lay(&mut settings, layer);
        }
        Effective { settings, until: local.map(|local| local.until) }
    }
}

/// Lays one layer over what is below: what it does not set stays.
fn lay(below: &mut ConfigDoc, over: &ConfigDoc) {
    // Each field by its name, so that a new one is not forgotten.
    let ConfigDoc {
        blocked_terms,
        default_language,
        cache,
        install_hours,
        wan_bytes_per_day,
        log_level,
        device_profiles,
    } = over.clone();
    replace(&mut below.blocked_terms, blocked_terms);
    replace(&mut below.default_language, default_language);
    replace(&mut below.install_hours, install_hours);
    replace(&mut below.wan_bytes_per_day, wan_bytes_per_day);
    replace(&mut below.log_level, log_level);
    replace(&mut below.device_profiles, device_profiles);
    below.cache.extend(cache);
}

fn replace<T>(below: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *below = over;
    }
}

impl Effective {
    /// Whether things may be installed at this minute of the shop's day.
    #[must_use]
    pub fn may_install(&self, at: TimeOfDay) -> bool {
        let hours = self.settings.install_hours.as_ref();
        hours.is_none_or(|hours| hours.is_empty() || hours.iter().any(|span| span.have(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn parse(json: &str) -> ConfigDoc {
        ConfigDoc::parse(json.as_bytes()).unwrap()
    }

    fn layers() -> Layers {
        Layers {
            file: parse(r#"{"log_level":"warn","wan_bytes_per_day":5,"cache":{"ask":"exact"}}"#),
            hq: Some(parse(r#"{"log_level":"info","cache":{"chat":"off"}}"#)),
            local: Some(Override {
                owner: Text::cut("manager"),
                reason: Text::cut("stocktaking"),
                by: Text::cut("tok_1"),
                until: NOW.plus(1000),
                settings: parse(r#"{"log_level":"debug","cache":{"ask":"off"}}"#),
            }),
        }
    }

    #[test]
    fn a_layer_hides_what_it_sets_and_nothing_else() {
        let effective = layers().effective(Clock::Known(NOW));
        let wanted =
            r#"{"log_level":"debug","wan_bytes_per_day":5,"cache":{"ask":"off","chat":"off"}}"#;
        assert_eq!(effective, Effective { settings: parse(wanted), until: Some(NOW.plus(1000)) });
        let file_only = Layers { hq: None, local: None, ..layers() };
        assert_eq!(file_only.effective(Clock::Known(NOW)).settings, layers().file);
    }

    #[test]
    fn an_override_ends_by_itself() {
        for (clock, level) in [
            (Clock::Known(NOW.plus(999)), "debug"),
            (Clock::Known(NOW.plus(1000)), "info"),
            (Clock::Unknown { at_least: NOW }, "debug"),
            (Clock::Unknown { at_least: NOW.plus(1000) }, "info"),
        ] {
            let settings = layers().effective(clock).settings;
            let wanted = parse(&format!(r#"{{"log_level":"{level}"}}"#)).log_level;
            assert_eq!(settings.log_level, wanted, "{clock:?}");
        }
    }

    #[test]
    fn every_setting_can_be_laid_over() {
        let all = r#"{"blocked_terms":["x"],"default_language":"de","cache":{"ask":"off"},
            "install_hours":[{"from":"22:00","until":"05:00"}],"wan_bytes_per_day":1,
            "log_level":"error"}"#;
        let layers = Layers { hq: Some(parse(all)), ..Layers::default() };
        assert_eq!(layers.effective(Clock::Known(NOW)).settings, parse(all));
    }

    #[test]
    fn hours_that_are_not_set_are_all_hours() {
        let at = |text: &str| text.parse::<TimeOfDay>().unwrap();
        let night = r#"{"install_hours":[{"from":"22:00","until":"05:00"}]}"#;
        let set = Layers { hq: Some(parse(night)), ..Layers::default() };
        let effective = set.effective(Clock::Known(NOW));
        assert!(effective.may_install(at("23:00")) && !effective.may_install(at("12:00")));
        assert!(Effective::default().may_install(at("12:00")));
    }
}
