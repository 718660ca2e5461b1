//! Offers for a time.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::error::Fault;
use super::hours::Span;
use super::label::{Category, Id, Texts, Wanted, check_texts};
use super::money::Money;
use super::time::{Time, UnixSeconds, Weekday};
use super::zone::Zone;

/// An offer for a time, for products or categories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// What it is called, by language; at least one.
    pub titles: Texts,
    /// Products it is for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub skus: BTreeSet<Id>,
    /// Categories it is for, with all below them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// Whether it is for everything in the shop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everything: bool,
    /// What one gets.
    pub offer: Offer,
    /// From when on; without it, since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<UnixSeconds>,
    /// Until when; without it, until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<UnixSeconds>,
    /// For whom and when.
    #[serde(default, skip_serializing_if = "Conditions::is_none")]
    pub conditions: Conditions,
}

/// What one gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Offer {
    /// So many percent less.
    PercentOff(Decimal),
    /// So much less.
    AmountOff(Money),
    /// This price.
    FixedPrice(Money),
    /// Take `take`, pay `pay`.
    NForM {
        /// Pieces that one gets.
        take: u32,
        /// Pieces that one pays.
        pay: u32,
    },
}

/// For whom and when an offer holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Pieces that one must take at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quantity: Option<u32>,
    /// Only with the shop's card.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loyalty_only: bool,
    /// Days of the week; none means all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub weekdays: BTreeSet<Weekday>,
    /// Hours of these days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Span>,
}

impl Conditions {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn span(&self) -> Span {
        self.hours.unwrap_or(Span { opens: Time::MIDNIGHT, closes: Time::DAY_END })
    }
}

impl Promotion {
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_texts("titles", &self.titles, Wanted::AtLeastOne)?;
        if self.skus.is_empty() && self.categories.is_empty() && !self.everything {
            let why = "it names nothing; give skus, categories, or everything = true";
            return Err(Fault::new("skus", why));
        }
        self.offer.check()?;
        if let (Some(starts), Some(ends)) = (self.starts, self.ends)
            && ends <= starts
        {
            return Err(Fault::new("ends", "it must be later than `starts`"));
        }
        if self.conditions.min_quantity == Some(0) {
            return Err(Fault::new("conditions.min_quantity", "it must be at least 1"));
        }
        self.conditions.hours.map_or(Ok(()), |hours| hours.check("conditions.hours"))
    }

    /// Whether it holds at this moment, for those who meet its other conditions.
    pub fn is_on(&self, zone: Zone, now: UnixSeconds) -> bool {
        let begun = self.starts.is_none_or(|starts| starts <= now);
        let over = self.ends.is_some_and(|ends| ends <= now);
        begun && !over && self.is_on_at_this_hour(zone, now)
    }

    fn is_on_at_this_hour(&self, zone: Zone, now: UnixSeconds) -> bool {
        let Conditions { weekdays, hours, .. } = &self.conditions;
        if weekdays.is_empty() && hours.is_none() {
            return true;
        }
        let today = zone.local(now).date();
        // A span that began yesterday may go on past midnight.
        let days = [today - TimeDelta::days(1), today];
        let on = |day| weekdays.is_empty() || weekdays.contains(&Weekday::of(day));
        days.into_iter().filter(|day| on(*day)).any(|day| {
            let (opens, closes) = self.conditions.span().moments(day, zone);
            opens <= now && now < closes
        })
    }

    /// A moment up to which [`Self::is_on`] stays as it is now; none means for ever.
    pub(super) fn next_change(&self, zone: Zone, now: UnixSeconds) -> Option<UnixSeconds> {
        if self.ends.is_some_and(|ends| ends <= now) {
            return None;
        }
        let Conditions { weekdays, hours, .. } = &self.conditions;
        let mut turns: Vec<UnixSeconds> = self.starts.into_iter().chain(self.ends).collect();
        if !weekdays.is_empty() || hours.is_some() {
            let today = zone.local(now).date();
            for days in -1..=1 {
                let day = today + TimeDelta::days(days);
                let (opens, closes) = self.conditions.span().moments(day, zone);
                turns.extend([opens, closes]);
            }
            turns.push(zone.next_day(now));
        }
        turns.into_iter().filter(|turn| *turn > now).min()
    }
}

impl Offer {
    fn check(&self) -> Result<(), Fault> {
        let above_0 = |money: &Money| money.minor() > 0;
        match self {
            Self::PercentOff(percent) => {
                let hundred =
                    percent.scaled(12).is_some_and(|scaled| scaled <= 100_000_000_000_000);
                if percent.is_positive() && hundred {
                    return Ok(());
                }
                Err(Fault::new("offer.percent_off", "it must be above 0 and at most 100"))
            }
            Self::AmountOff(money) if !above_0(money) => {
                Err(Fault::new("offer.amount_off", "it must be above 0"))
            }
            Self::FixedPrice(money) if money.minor() < 0 => {
                Err(Fault::new("offer.fixed_price", "a price is not below 0"))
            }
            Self::NForM { take, pay } if pay >= take || *pay == 0 => Err(Fault::new(
                "offer.n_for_m",
                "`take` must be more than `pay`, and `pay` at least 1",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn promotion(change: serde_json::Value) -> Promotion {
        let mut value = json!({
            "titles": { "en": "Coffee week" },
            "categories": ["drinks/coffee"],
            "offer": { "percent_off": 20 },
        });
        for (field, given) in change.as_object().unwrap() {
            value[field] = given.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    const ZONE: Zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());

    #[test]
    fn it_holds_from_its_beginning_to_its_end() {
        let promotion = promotion(
            json!({ "starts": "2026-11-26T08:00:00+01:00", "ends": "2026-11-27T08:00:00+01:00" }),
        );
        for (at, on, next) in [
            ("2026-11-26T06:59:59Z", false, Some("2026-11-26T07:00:00Z")),
            ("2026-11-26T07:00:00Z", true, Some("2026-11-27T07:00:00Z")),
            ("2026-11-27T06:59:59Z", true, Some("2026-11-27T07:00:00Z")),
            ("2026-11-27T07:00:00Z", false, None),
        ] {
            let at = at.parse().unwrap();
            assert_eq!(promotion.is_on(ZONE, at), on, "{at}");
            let change = promotion.next_change(ZONE, at).map(|at| at.to_string());
            assert_eq!(change.as_deref(), next, "{at}");
        }
    }

    #[test]
    fn what_it_says_of_a_moment_holds_up_to_the_next_change() {
        let cases = [
            json!({}),
            json!({ "conditions": { "weekdays": ["friday", "saturday"] } }),
            json!({ "conditions": { "hours": { "opens": "16:00", "closes": "18:30" } } }),
            json!({ "conditions": { "weekdays": ["friday"], "hours": { "opens": "22:00", "closes": "02:00" } } }),
            json!({ "conditions": { "weekdays": ["sunday"], "hours": { "opens": "01:00", "closes": "02:20" } } }),
            json!({ "starts": "2026-03-27T10:10:00Z", "conditions": { "weekdays": ["sunday"] } }),
        ];
        let berlin = "Europe/Berlin".parse().unwrap();
        for (case, (zone, start)) in cases.iter().flat_map(|case| {
            // An ordinary week, and those in which the clock is moved.
            let weeks = [
                (ZONE, "2026-11-26T00:00:00Z"),
                (berlin, "2026-03-26T00:00:00Z"),
                (berlin, "2026-10-22T00:00:00Z"),
            ];
            weeks.map(|week| (case, week))
        }) {
            let start: UnixSeconds = start.parse().unwrap();
            let promotion = promotion(case.clone());
            let mut seen = BTreeSet::new();
            for step in 0..(8 * 24 * 12) {
                let at = UnixSeconds(start.0 + step * 300);
                let on = promotion.is_on(zone, at);
                seen.insert(on);
                let until = promotion.next_change(zone, at).unwrap_or(UnixSeconds(at.0 + 86_400));
                assert!(until > at);
                for probe in [at.0 + 1, (at.0 + until.0) / 2, until.0 - 1] {
                    assert_eq!(
                        promotion.is_on(zone, UnixSeconds(probe)),
                        on,
                        "{case} {at} {probe}"
                    );
                }
            }
            assert!(seen.contains(&true), "{case}");
        }
    }

    #[test]
    fn when_the_clock_is_moved_its_hours_are_those_of_the_clock() {
        let hours = json!({ "hours": { "opens": "08:00", "closes": "10:00" } });
        let promotion = promotion(json!({ "conditions": hours }));
        let berlin = "Europe/Berlin".parse().unwrap();
        for (at, on) in [
            ("2026-03-28T07:00:00Z", true),
            ("2026-03-29T05:59:59Z", false),
            ("2026-03-29T06:00:00Z", true),
            ("2026-03-29T08:00:00Z", false),
            ("2026-10-24T06:00:00Z", true),
            ("2026-10-25T06:59:59Z", false),
            ("2026-10-25T08:59:59Z", true),
            ("2026-10-25T09:00:00Z", false),
        ] {
            assert_eq!(promotion.is_on(berlin, at.parse().unwrap()), on, "{at}");
        }
    }

    #[test]
    fn offers_that_cannot_be_are_refused_with_their_path() {
        for (change, field) in [
            (json!({ "categories": [] }), "skus"),
            (json!({ "offer": { "percent_off": 0 } }), "offer.percent_off"),
            (json!({ "offer": { "percent_off": 100.5 } }), "offer.percent_off"),
            (json!({ "offer": { "n_for_m": { "take": 2, "pay": 2 } } }), "offer.n_for_m"),
            (json!({ "titles": {} }), "titles"),
            (json!({ "titles": { "en": " " } }), "titles.en"),
            (json!({ "starts": "2026-11-26T08:00:00Z", "ends": "2026-11-26T08:00:00Z" }), "ends"),
            (json!({ "conditions": { "min_quantity": 0 } }), "conditions.min_quantity"),
        ] {
            assert_eq!(promotion(change.clone()).check().unwrap_err().field, field, "{change}");
        }
        assert!(promotion(json!({ "offer": { "percent_off": 100 } })).check().is_ok());
    }
}
