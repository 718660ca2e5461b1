//! Which days a question means.

mod dates;

use chrono::{NaiveDate, TimeDelta};

use super::super::resolve::same;
use super::Question;
use crate::facts::Weekday;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::pattern;
use crate::skills::words::fold;
use dates::Numbers;

/// When something is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    /// Now: no other time is named.
    Now,
    /// At a time of today that need not be now.
    Today,
    /// On these days, in order.
    On(Vec<NaiveDate>),
    /// In general, or at a time that is named and not understood.
    Unclear,
}

/// Days of the year by their names; a longer name goes before one that is part of it.
const HOLIDAYS: [(&[(u32, u32)], &str); 5] = [
    (
        &[(12, 24)],
        "christmas eve | xmas eve | heiligabend | heilig abend | heiligen abend | nochebuena | \
         veille de noel | reveillon de noel",
    ),
    (
        &[(12, 31)],
        "new year s eve | new years eve | silvester | sylvester | nochevieja | fin de ano | \
         reveillon",
    ),
    (&[(1, 1)], "new year* | neujahr* | ano nuevo | nouvel an | jour de l an"),
    (&[(12, 25)], "christmas | xmas | navidad | noel"),
    (&[(12, 24), (12, 25), (12, 26)], "weihnacht*"),
];
/// Names of days that move from year to year, and words of spans and of weeks in general.
const UNCLEAR: &str = "easter | good friday | black friday | thanksgiving | holiday* | boxing day | \
    advent* | ostern | oster* | karfreitag | pfingst* | feiertag* | rosenmontag | himmelfahrt | \
    pascua* | semana santa | viernes santo | festivo* | paques | pentecote | ascension | toussaint | \
    ferie* | week | weeks | weekday* | every day | daily | month* | woche | wochen | wochentag* | \
    werktag* | taglich | monat* | semana | semanas | mes | meses | semaine* | mois | tous les jours \
    | yesterday | gestern | ayer | hier";
const WEEKEND: &str =
    "weekend* | week end* | wochenende* | fin de semana | fines de semana | finde";
const DAY_AFTER: &str = "day after tomorrow | ubermorgen | pasado manana | apres demain";
const TODAY: &str = "today | heute | hoy | aujourd hui";
/// Words of days and of longer times.
const SPANS: &str = "day week month weekend ubermorgen tag woche monat wochenende semana mes pasado \
    semaine mois apres";
/// Words of the times of a day.
const TIMES: &str = "tonight | morning | noon | afternoon | evening | night | midnight | late | \
    early | morgens | mittag* | nachmittag* | abend* | nacht* | mitternacht | la manana | la tarde | \
    la noche | mediodia | medianoche | matin | midi | soir | nuit | minuit";
/// Words that are tomorrow, and those before them that make a morning of it.
const TOMORROW: [&str; 4] = ["tomorrow", "morgen", "manana", "demain"];
const MORNING: [&str; 6] = ["guten", "heute", "am", "la", "esta", "gute"];

/// When a question asks for, seen from a day. What is named and not understood is never today.
pub(super) fn when(question: &Question<'_>, today: NaiveDate) -> When {
    let words: Vec<&str> = question.words.iter().map(|word| word.folded.as_str()).collect();
    let has = |patterns: &str| {
        patterns.split('|').any(|pattern| pattern::find(pattern, &words).is_some())
    };
    if let Some((days, _)) = HOLIDAYS.iter().find(|(_, names)| has(names)) {
        let next = |(month, day): &(u32, u32)| dates::next(*month, *day, today);
        return When::On(days.iter().filter_map(next).collect());
    }
    let numbers = dates::numbers(question, today);
    let ahead = |days| When::On(vec![today + TimeDelta::days(days)]);
    match numbers {
        Numbers::Dates(days) => return When::On(days),
        Numbers::Unknown => return When::Unclear,
        Numbers::Time | Numbers::Absent => {}
    }
    let weekend =
        |day: &NaiveDate| matches!(Weekday::of(*day), Weekday::Saturday | Weekday::Sunday);
    if has(WEEKEND) {
        return When::On(coming(today).filter(weekend).collect());
    }
    if has(UNCLEAR) || words.iter().any(|word| dates::is_month(word)) {
        return When::Unclear;
    }
    let named: Vec<_> = coming(today).filter(|day| names_weekday(&words, *day)).collect();
    match named.as_slice() {
        [] if has(DAY_AFTER) => ahead(2),
        [] if is_tomorrow(&words) => ahead(1),
        [] if numbers == Numbers::Time || has(TIMES) => When::Today,
        [] => When::Now,
        [day] if *day == today && has(TODAY) => When::Now,
        _ => When::On(named),
    }
}

/// Whether a word names a time, and no product.
pub(super) fn is_time(word: &str) -> bool {
    Weekday::ALL.into_iter().any(|day| is_weekday(word, day))
        || TOMORROW.contains(&word)
        || dates::is_month(word)
        || SPANS.split(' ').any(|span| same(word, span))
}

fn coming(today: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    (0..7).map(move |ahead| today + TimeDelta::days(ahead))
}

fn names_weekday(words: &[&str], day: NaiveDate) -> bool {
    words.iter().any(|word| is_weekday(word, Weekday::of(day)))
}

/// Also "on Sundays", "sonntags", "Sonntagabend".
fn is_weekday(word: &str, day: Weekday) -> bool {
    Language::ALL.into_iter().any(|language| {
        let rest = word.strip_prefix(fold(figures::weekday(day, language)).as_str());
        rest.is_some_and(|rest| {
            ["", "s", "morgen", "vormittag", "mittag", "nachmittag", "abend"].contains(&rest)
        })
    })
}

fn is_tomorrow(words: &[&str]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        TOMORROW.contains(word) && before.is_none_or(|before| !MORNING.contains(before))
    })
}
