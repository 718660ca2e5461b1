//! When the shop and its services are open.

use chrono::{NaiveDate, TimeDelta};

use super::super::resolve::same;
use super::{Draft, Question};
use crate::facts::{Hours, Seen, Table, Weekday};
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::{fold, words};

/// The id of the shop itself.
const STORE: &str = "store";
const NOW: &str = "now currently jetzt gerade ahora maintenant actuellement still noch";
const TOMORROW: &str = "tomorrow morgen manana demain";

/// When what is asked for is open.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    let all = view.reader.all_hours();
    let named = named(question, &all);
    let store = || all.iter().find(|hours| hours.id().id.as_str() == STORE);
    let Some(hours) = named.or_else(store).or(all.first()) else {
        return Draft::of(view, Say::NoHours);
    };
    tell(question, hours, view)
}

/// When a service is open, where words name one that has hours.
pub(super) fn service(question: &Question<'_>, view: &mut View<'_>) -> Option<Draft> {
    let all = view.reader.all_hours();
    let hours = named(question, &all)?;
    Some(tell(question, hours, view))
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

fn tell(question: &Question<'_>, hours: &Seen<Hours>, view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    let what = view.language.text(&hours.names).to_owned();
    let what = what.as_str();
    let today = view.reader.today();
    match asked_day(question, today) {
        Some(day) if day != today => {
            let name = figures::weekday(Weekday::of(day), view.language);
            let date = format!("{name} ({})", figures::day(day, view.language));
            let spans = figures::spans(hours.spans_on(day), view.language);
            match spans.as_str() {
                "" => draft.say(view, Say::ClosedOn { what, day: &date }),
                spans => draft.say(view, Say::OpenOn { what, day: &date, hours: spans }),
            }
        }
        _ => {
            let spans = figures::spans(hours.spans_on(today), view.language);
            let open = view.reader.is_open(hours);
            if open {
                draft.say(view, Say::OpenNow { what });
            } else if !spans.is_empty() || question.has(NOW) {
                draft.say(view, Say::ClosedNow { what });
            }
            match spans.as_str() {
                "" if !open => draft.say(view, Say::ClosedToday { what }),
                "" => {}
                spans => draft.say(view, Say::OpenToday { what, hours: spans }),
            }
        }
    }
    if view.is_old(Table::Hours) {
        draft.say(view, Say::HoursOld);
    }
    draft
}

/// The day that a question names: tomorrow, or the next of a weekday.
fn asked_day(question: &Question<'_>, today: NaiveDate) -> Option<NaiveDate> {
    if question.has(TOMORROW) {
        return Some(today + TimeDelta::days(1));
    }
    let mut days = (0..7).map(|ahead| today + TimeDelta::days(ahead));
    days.find(|day| {
        let mut names = Language::ALL.map(|of| fold(figures::weekday(Weekday::of(*day), of)));
        // "on Sundays", "sonntags", "los domingos"
        names.iter_mut().any(|name| {
            question.words.iter().any(|word| {
                let word = word.folded.as_str();
                word == name.as_str() || word.strip_suffix('s') == Some(name.as_str())
            })
        })
    })
}
