//! When the shop and its services are open.

use chrono::{Datelike, NaiveDate, TimeDelta};

use super::super::resolve::same;
use super::when::{When, when};
use super::{Draft, Question};
use crate::facts::{Day, Hours, Seen, Span, Table, Weekday};
use crate::skills::figures;
use crate::skills::slots::inert;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::{fold, words};

/// The id of the shop itself.
const STORE: &str = "store";
const NOW: &str = "now currently jetzt gerade ahora maintenant actuellement still noch";
/// Days that are told at once, and exceptions.
const MAX_DAYS: usize = 7;
const MAX_EXCEPTIONS: usize = 30;
/// Days ahead up to which a date needs no year.
const MAX_AHEAD: i64 = 364;

/// When what is asked for is open.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    let all = view.reader.all_hours();
    let named = named(question, &all);
    let Some(hours) = named.or_else(|| store(&all)).or(all.first()) else {
        return Draft::of(view, Say::NoHours);
    };
    tell(question, hours, &all, view)
}

/// When a service is open, where words name one that has hours.
pub(super) fn service(question: &Question<'_>, view: &mut View<'_>) -> Option<Draft> {
    let all = view.reader.all_hours();
    let hours = named(question, &all)?;
    Some(tell(question, hours, &all, view))
}

fn store(all: &[Seen<Hours>]) -> Option<&Seen<Hours>> {
    all.iter().find(|hours| hours.id().id.as_str() == STORE)
}

/// The hours of what a question names, the shop itself left out.
fn named<'a>(question: &Question<'_>, all: &'a [Seen<Hours>]) -> Option<&'a Seen<Hours>> {
    let asked = question.names();
    all.iter().filter(|hours| hours.id().id.as_str() != STORE).find(|hours| {
        let id = fold(hours.id().id.as_str());
        let names = hours.names.values().map(|name| fold(name)).chain([id]);
        let is_named = |name: String| {
            let words = words(&name);
            !words.is_empty()
                && words.iter().all(|word| asked.iter().any(|asked| same(asked, &word.folded)))
        };
        names.into_iter().any(is_named)
    })
}

/// Tells when one of all is open, at the time that is asked for.
fn tell(
    question: &Question<'_>,
    hours: &Seen<Hours>,
    all: &[Seen<Hours>],
    view: &mut View<'_>,
) -> Draft {
    let mut draft = Draft::default();
    let today = view.reader.today();
    match when(question, today) {
        When::Now => at_once(question, hours, today, &mut draft, view),
        When::Today => of_today(hours, today, &mut draft, view),
        When::On(days) => {
            for day in days.into_iter().take(MAX_DAYS) {
                on(hours, day, today, &mut draft, view);
                // A service keeps the shop's holidays, though nobody wrote so.
                let special = |of: &Hours| of.exceptions.contains_key(&Day(day));
                if let Some(store) = store(all).filter(|store| special(store) && !special(hours)) {
                    on(store, day, today, &mut draft, view);
                }
            }
        }
        When::Unclear => in_general(hours, today, &mut draft, view),
    }
    if view.is_old(Table::Hours) {
        draft.say(view, Say::HoursOld);
    }
    draft
}

fn at_once(
    question: &Question<'_>,
    hours: &Seen<Hours>,
    today: NaiveDate,
    draft: &mut Draft,
    view: &View<'_>,
) {
    let what = &inert(view.language.text(&hours.names));
    let open = view.reader.is_open(hours);
    let hours_today = hours.spans_on(today);
    if open {
        draft.say(view, Say::OpenNow { what });
    } else if !hours_today.is_empty() || question.has(NOW) {
        draft.say(view, Say::ClosedNow { what });
    }
    if !open || !hours_today.is_empty() {
        of_today(hours, today, draft, view);
    }
}

fn of_today(hours: &Hours, today: NaiveDate, draft: &mut Draft, view: &View<'_>) {
    let what = &inert(view.language.text(&hours.names));
    match figures::spans(hours.spans_on(today), view.language).as_str() {
        "" => draft.say(view, Say::ClosedToday { what }),
        spans => draft.say(view, Say::OpenToday { what, hours: spans }),
    }
}

fn on(hours: &Hours, day: NaiveDate, today: NaiveDate, draft: &mut Draft, view: &View<'_>) {
    let what = &inert(view.language.text(&hours.names));
    let name = figures::weekday(Weekday::of(day), view.language);
    let mut date = figures::day(day, view.language);
    if day - today > TimeDelta::days(MAX_AHEAD) {
        date = format!("{date} {}", day.year());
    }
    let day_name = format!("{name} ({date})");
    match figures::spans(hours.spans_on(day), view.language).as_str() {
        "" => draft.say(view, Say::ClosedOn { what, day: &day_name }),
        spans => draft.say(view, Say::OpenOn { what, day: &day_name, hours: spans }),
    }
}

/// The hours of an ordinary week, and the days to come that are not ordinary.
fn in_general(hours: &Hours, today: NaiveDate, draft: &mut Draft, view: &View<'_>) {
    let (what, language) = (&inert(view.language.text(&hours.names)), view.language);
    let spans = |spans: &[Span]| match figures::spans(spans, language) {
        spans if spans.is_empty() => {
            language.pick(["closed", "geschlossen", "cerrado", "fermé"]).to_owned()
        }
        spans => spans,
    };
    let week = Weekday::ALL.into_iter().map(|day| {
        let usual = hours.weekly.get(&day).map_or(&[][..], Vec::as_slice);
        format!("{} {}", figures::weekday(day, language), spans(usual))
    });
    draft.say(view, Say::Week { what, list: &week.collect::<Vec<_>>().join(", ") });
    let last = today + TimeDelta::days(MAX_AHEAD);
    let special = hours.exceptions.range(Day(today)..=Day(last)).take(MAX_EXCEPTIONS);
    let special = special
        .map(|(day, exception)| format!("{} {}", figures::day(day.0, language), spans(exception)));
    let special = special.collect::<Vec<_>>().join(", ");
    if !special.is_empty() {
        draft.say(view, Say::SpecialDays { what, list: &special });
    }
}
