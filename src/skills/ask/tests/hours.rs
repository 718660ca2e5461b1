//! Days and times that opening hours are asked of. It is a Thursday, the 26th of November 2026.

use super::rules::{answer_of, check};
use crate::skills::sample;

#[test]
fn a_date_or_holiday_is_told_of_that_day() {
    let christmas = "Store: closed on Friday (December 25).";
    for question in [
        "Are you open on Christmas Day?",
        "Are you open on Christmas?",
        "Are you open on December 25?",
        "Are you open on December 25th, 2026?",
        "Are you open on the 25th of December?",
        "Are you open on 12/25?",
        "Are you open on the 25th of December at 9 am?",
    ] {
        check(question, christmas, &[]);
    }
    let year_end = "Store: open on Thursday (December 31) 08:00–20:00.";
    for question in [
        "Are you open on 31 December 2026?",
        "Are you open on New Year's Eve?",
        "Are you open on 2026-12-31?",
        "Are you open until 31 December?",
    ] {
        check(question, year_end, &[]);
    }
    check("Are you open on the 31st?", year_end, &[]);
    let new_year = "Store: open on Friday (January 1) 08:00–20:00.";
    check("Are you open on New Year's Day?", new_year, &[]);
    let eve = "Markt: am Donnerstag (24. Dezember) 08:00–20:00 geöffnet.";
    for question in [
        "Habt ihr am 24. Dezember offen?",
        "Habt ihr am 24.12. offen?",
        "Habt ihr am 24.12.2026 offen?",
        "Habt ihr am 24. 12. um 9 Uhr offen?",
        "Habt ihr an Heiligabend offen?",
    ] {
        check(question, eve, &[]);
    }
    check(
        "Habt ihr an Silvester offen?",
        "Markt: am Donnerstag (31. Dezember) 08:00–20:00 geöffnet.",
        &[],
    );
    for question in ["¿Abren el 25 de diciembre?", "¿Abren en Navidad?", "¿Abren el 25/12?"] {
        check(question, "Tienda: cerrado el viernes (25 de diciembre).", &[]);
    }
    check("¿Abren en Nochebuena?", "Tienda: abierto el jueves (24 de diciembre) 08:00–20:00.", &[]);
    for question in [
        "Êtes-vous ouverts le 25 décembre ?",
        "Êtes-vous ouverts à Noël ?",
        "Êtes-vous ouverts le 25 décembre à 9h30 ?",
    ] {
        check(question, "Magasin : fermé le vendredi (25 décembre).", &[]);
    }
    check(
        "Êtes-vous ouverts le 1er janvier ?",
        "Magasin : ouvert le vendredi (1er janvier) 08:00–20:00.",
        &[],
    );
}

#[test]
fn a_service_is_told_of_with_the_holidays_of_the_shop() {
    check(
        "Is the bakery open on Christmas Eve?",
        "Bakery: open on Thursday (December 24) 07:00–09:30.",
        &[],
    );
    check(
        "Is the bakery open on Christmas Day?",
        "Bakery: closed on Friday (December 25). Store: closed on Friday (December 25).",
        &[],
    );
}

#[test]
fn weekdays_and_days_ahead_are_told_apart() {
    let saturday = "Store: open on Saturday (November 28) 09:00–18:00.";
    check("Are you open the day after tomorrow?", saturday, &[]);
    check(
        "Are you open on weekends?",
        &format!("{saturday} Store: closed on Sunday (November 29)."),
        &[],
    );
    let german = "Markt: am Samstag (28. November) 09:00–18:00 geöffnet.";
    check("Habt ihr übermorgen offen?", german, &[]);
    check("Habt ihr Samstagabend offen?", german, &[]);
    check(
        "Habt ihr am Sonntag morgen offen?",
        "Markt: am Sonntag (29. November) geschlossen.",
        &[],
    );
    let friday = "Markt: am Freitag (27. November) 08:00–20:00 geöffnet.";
    check("Habt ihr morgen früh offen?", friday, &[]);
    check(
        "Guten Morgen, habt ihr heute offen?",
        "Markt: jetzt geöffnet. Markt: heute 08:00–20:00 geöffnet.",
        &[],
    );
    check("¿Abren pasado mañana?", "Tienda: abierto el sábado (28 de noviembre) 09:00–18:00.", &[]);
    check("¿Abren el domingo por la mañana?", "Tienda: cerrado el domingo (29 de noviembre).", &[]);
    check(
        "¿Abren mañana por la mañana?",
        "Tienda: abierto el viernes (27 de noviembre) 08:00–20:00.",
        &[],
    );
    check(
        "Êtes-vous ouverts après-demain ?",
        "Magasin : ouvert le samedi (28 novembre) 09:00–18:00.",
        &[],
    );
    check(
        "Êtes-vous ouverts le week-end ?",
        "Magasin : ouvert le samedi (28 novembre) 09:00–18:00. Magasin : fermé le dimanche (29 \
         novembre).",
        &[],
    );
}

#[test]
fn at_another_time_of_today_it_is_not_said_to_be_open_now() {
    for question in ["Are you open at 3am?", "Are you open at 9:30 pm?", "How late are you open?"] {
        check(question, "Store: open today 08:00–20:00.", &[]);
    }
    check("Habt ihr um 22 Uhr offen?", "Markt: heute 08:00–20:00 geöffnet.", &[]);
    check("¿Abren a las 9 de la noche?", "Tienda: hoy abierto 08:00–20:00.", &[]);
    check("Êtes-vous ouverts à 21h ?", "Magasin : ouvert aujourd’hui 08:00–20:00.", &[]);
}

#[test]
fn a_day_that_is_not_understood_is_told_the_week_and_never_today() {
    for (question, beginning, special) in [
        ("Are you open on Easter Sunday?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open in December?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open in 3 days?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open 24 hours?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open on 12/5?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open on February 30?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        ("Are you open on the 2nd Sunday?", "Store: Monday 08:00–20:00, ", "December 25 closed."),
        (
            "Habt ihr an Karfreitag offen?",
            "Markt: Montag 08:00–20:00, ",
            "25. Dezember geschlossen.",
        ),
        ("¿Abren en Semana Santa?", "Tienda: lunes 08:00–20:00, ", "25 de diciembre cerrado."),
        ("Êtes-vous ouverts à Pâques ?", "Magasin : lundi 08:00–20:00, ", "25 décembre fermé."),
    ] {
        let (text, _) = answer_of(&sample::shop(), question).unwrap();
        assert!(text.starts_with(beginning) && text.ends_with(special), "{question}: {text}");
    }
}
