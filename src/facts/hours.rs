//! When the shop, or a service in it, is open.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::label::{Texts, Wanted, check_texts};
use super::time::{Day, Time, UnixSeconds, Weekday};
use super::zone::Zone;

/// Spans of one day.
const MAX_SPANS: usize = 8;
/// Days with hours of their own.
const MAX_EXCEPTIONS: usize = 400;

/// Opening hours; the id is `store`, or that of a service such as `bakery`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// What is open, by language; at least one.
    pub names: Texts,
    /// When it is open in an ordinary week; on days that are not here it is closed.
    pub weekly: BTreeMap<Weekday, Vec<Span>>,
    /// Days with hours of their own; an empty list is a day on which it is closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<Day, Vec<Span>>,
}

/// From a time of day to another; to one of the next day where that is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From this time on.
    pub opens: Time,
    /// Up to this time.
    pub closes: Time,
}

impl Span {
    /// Its beginning and end where it begins on this day.
    pub fn on(self, day: NaiveDate) -> (NaiveDateTime, NaiveDateTime) {
        let next = if self.closes > self.opens { day } else { day + TimeDelta::days(1) };
        (self.opens.on(day), self.closes.on(next))
    }

    /// The same as moments. Where the clock is set back and shows its end twice, it ends at the first.
    pub(super) fn moments(self, day: NaiveDate, zone: Zone) -> (UnixSeconds, UnixSeconds) {
        let (opens, closes) = self.on(day);
        (zone.moment(opens), zone.moment(closes))
    }

    pub(super) fn check(self, field: &str) -> Result<(), Fault> {
        if self.opens == self.closes || self.opens.minutes() == 24 * 60 {
            let why = "it must end after it begins; a whole day is 00:00 to 24:00";
            return Err(Fault::new(field, why));
        }
        Ok(())
    }
}

impl Hours {
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_texts("names", &self.names, Wanted::AtLeastOne)?;
        if self.exceptions.len() > MAX_EXCEPTIONS {
            let why = format!("{} days; at most {MAX_EXCEPTIONS}", self.exceptions.len());
            return Err(Fault::new("exceptions", why));
        }
        for (day, spans) in &self.weekly {
            check_spans(&format!("weekly.{}", day.as_str()), spans)?;
        }
        for (day, spans) in &self.exceptions {
            check_spans(&format!("exceptions.{day}"), spans)?;
        }
        Ok(())
    }

    /// When it is open on this day.
    pub fn spans_on(&self, day: NaiveDate) -> &[Span] {
        let usual = || self.weekly.get(&Weekday::of(day));
        self.exceptions.get(&Day(day)).or_else(usual).map_or(&[], Vec::as_slice)
    }

    /// Whether it is open at this moment.
    pub fn is_open(&self, zone: Zone, now: UnixSeconds) -> bool {
        self.around(zone, now).any(|(opens, closes)| opens <= now && now < closes)
    }

    /// The next moment at which it opens, closes, or a day ends: from then on, what is said about
    /// now and today reads differently.
    pub(super) fn next_change(&self, zone: Zone, now: UnixSeconds) -> UnixSeconds {
        let turns = self.around(zone, now).flat_map(|(opens, closes)| [opens, closes]);
        let turns = turns.filter(|turn| *turn > now);
        turns.chain([zone.next_day(now)]).min().unwrap_or(now)
    }

    /// Beginnings and ends of the day before, the day and the day after.
    fn around(
        &self,
        zone: Zone,
        now: UnixSeconds,
    ) -> impl Iterator<Item = (UnixSeconds, UnixSeconds)> {
        let today = zone.local(now).date();
        let days = (-1..=1).map(move |days| today + TimeDelta::days(days));
        days.flat_map(move |day| self.spans_on(day).iter().map(move |span| span.moments(day, zone)))
    }
}

fn check_spans(field: &str, spans: &[Span]) -> Result<(), Fault> {
    if spans.len() > MAX_SPANS {
        return Err(Fault::new(field, format!("{} spans; at most {MAX_SPANS}", spans.len())));
    }
    for (index, span) in spans.iter().enumerate() {
        span.check(&format!("{field}[{index}]"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bakery() -> Hours {
        serde_json::from_value(serde_json::json!({
            "names": { "en": "Bakery" },
            "weekly": {
                "thursday": [{ "opens": "08:00", "closes": "12:00" }, { "opens": "14:00", "closes": "18:00" }],
                "friday": [{ "opens": "22:00", "closes": "02:00" }],
            },
            "exceptions": { "2026-12-24": [{ "opens": "08:00", "closes": "10:00" }], "2026-12-25": [] },
        }))
        .unwrap()
    }

    fn utc() -> Zone {
        Zone::Offset(chrono::FixedOffset::east_opt(0).unwrap())
    }

    #[test]
    fn it_is_open_when_its_hours_say_so() {
        for (at, open) in [
            ("2026-11-26 07:59", false),
            ("2026-11-26 08:00", true),
            ("2026-11-26 12:00", false),
            ("2026-11-26 17:59", true),
            ("2026-11-27 21:59", false),
            ("2026-11-27 23:59", true),
            ("2026-11-28 01:59", true),
            ("2026-11-28 02:00", false),
            ("2026-12-24 09:59", true),
            ("2026-12-24 11:00", false),
            ("2026-12-25 23:00", false),
        ] {
            let now = NaiveDateTime::parse_from_str(at, "%Y-%m-%d %H:%M").unwrap();
            let now = UnixSeconds(now.and_utc().timestamp());
            assert_eq!(bakery().is_open(utc(), now), open, "{at}");
        }
    }

    #[test]
    fn the_next_change_is_an_opening_a_closing_or_midnight() {
        let zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());
        for (at, next) in [
            ("2026-11-26T05:00:00Z", "2026-11-26T07:00:00Z"),
            ("2026-11-26T07:00:00Z", "2026-11-26T11:00:00Z"),
            ("2026-11-26T17:00:00Z", "2026-11-26T23:00:00Z"),
            ("2026-11-27T23:30:00Z", "2026-11-28T01:00:00Z"),
        ] {
            let next_change = bakery().next_change(zone, at.parse().unwrap());
            assert_eq!(next_change.to_string(), next, "{at}");
        }
    }

    #[test]
    fn when_the_clock_is_moved_it_opens_and_closes_by_the_clock() {
        let bar: Hours = serde_json::from_value(serde_json::json!({
            "names": { "en": "Bar" },
            "weekly": {
                "saturday": [{ "opens": "22:00", "closes": "02:30" }],
                "sunday": [{ "opens": "08:00", "closes": "20:00" }],
            },
        }))
        .unwrap();
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        // In spring it closes when the clock has skipped 02:30; in autumn at the first 02:30.
        for (from, changes) in [
            (
                "2026-03-28T12:00:00Z",
                [
                    "2026-03-28T21:00:00Z",
                    "2026-03-29T01:00:00Z",
                    "2026-03-29T06:00:00Z",
                    "2026-03-29T18:00:00Z",
                ],
            ),
            (
                "2026-10-24T12:00:00Z",
                [
                    "2026-10-24T20:00:00Z",
                    "2026-10-25T00:30:00Z",
                    "2026-10-25T07:00:00Z",
                    "2026-10-25T19:00:00Z",
                ],
            ),
        ] {
            let (mut now, mut found) = (from.parse::<UnixSeconds>().unwrap(), Vec::new());
            let mut open = bar.is_open(berlin, now);
            while found.len() < changes.len() {
                let next = bar.next_change(berlin, now);
                let same = (now.0..next.0)
                    .step_by(60)
                    .all(|at| bar.is_open(berlin, UnixSeconds(at)) == open);
                assert!(same, "from {now} to {next}");
                now = next;
                if std::mem::replace(&mut open, bar.is_open(berlin, now)) != open {
                    found.push(now.to_string());
                }
            }
            assert_eq!(found, changes);
        }
    }

    #[test]
    fn hours_that_cannot_be_are_refused_with_their_path() {
        let mut hours = bakery();
        let span = Span { opens: "08:00".parse().unwrap(), closes: "08:00".parse().unwrap() };
        hours.weekly.insert(Weekday::Sunday, vec![span]);
        assert_eq!(hours.check().unwrap_err().field, "weekly.sunday[0]");
        hours.weekly.insert(Weekday::Sunday, vec![span; 9]);
        assert!(hours.check().unwrap_err().to_string().contains("9 spans; at most 8"));
    }
}
