//! What a model tagged beside what has a pattern.

use super::*;

/// The text redacted, where a model tagged these parts of it.
fn with(text: &str, tagged: &[(Entity, &str)]) -> String {
    let place = |(entity, part): &(Entity, &str)| {
        let start = text.find(part).unwrap();
        Found { entity: *entity, range: start..start + part.len() }
    };
    let tagged: Vec<_> = tagged.iter().map(place).collect();
    redact_found(text, &find_with(text, &tagged))
}

#[test]
fn what_a_model_tagged_goes_beside_what_has_a_pattern() {
    let text = "I spoke to Anna Weber yesterday, she writes from anna@example.org";
    assert_eq!(
        with(text, &[(Entity::Person, "Anna Weber"), (Entity::Person, "anna")]),
        "I spoke to <PERSON> yesterday, she writes from <EMAIL_ADDRESS>"
    );
    let text = "My name is Ben, tell Carla in Lyon";
    assert_eq!(
        with(
            text,
            &[(Entity::Person, "Ben"), (Entity::Person, "Carla"), (Entity::Location, "Lyon")]
        ),
        "My name is <PERSON>, tell <PERSON> in <LOCATION>"
    );
}

#[test]
fn a_name_is_taken_whole_where_the_model_saw_a_part_of_it() {
    for (text, seen, all) in [
        ("Puede decirle a Rita Cuenca que vine", "Rita", "Puede decirle a <PERSON> que vine"),
        ("ich sprach mit Anna Schmidt-Meier gestern", "Schmidt", "ich sprach mit <PERSON> gestern"),
        ("Call Anna", "Anna", "Call <PERSON>"),
        ("tell anna schmidt that", "anna", "tell <PERSON> schmidt that"),
    ] {
        assert_eq!(with(text, &[(Entity::Person, seen)]), all, "{text}");
    }
    let text = "Estoy delante de Rambla Olimpia Sanmartín 550 hoy";
    assert_eq!(with(text, &[(Entity::Location, "Olimpia")]), "Estoy delante de <LOCATION> hoy");
}

#[test]
fn numbers_alone_and_what_models_know_no_better_are_left() {
    let text = "Nike in size 39, mail me 12 times";
    assert_eq!(with(text, &[(Entity::Location, "39"), (Entity::PhoneNumber, "12")]), text);
    let beyond = [Found { entity: Entity::Person, range: 90..99 }];
    assert_eq!(find_with(text, &beyond), find(text));
    let within = [Found { entity: Entity::Person, range: 1..2 }];
    assert_eq!(find_with("é", &within), [Found { entity: Entity::Person, range: 0..2 }]);
}

#[test]
fn parts_are_in_order_and_do_not_overlap_whatever_a_model_says() {
    bolero::check!().with_type::<(String, Vec<(bool, u8, u8)>)>().with_iterations(20_000).for_each(
        |(text, parts)| {
            let part = |(person, start, length): &(bool, u8, u8)| Found {
                entity: if *person { Entity::Person } else { Entity::Location },
                range: usize::from(*start)..usize::from(*start) + usize::from(*length),
            };
            let found = find_with(text, &parts.iter().map(part).collect::<Vec<_>>());
            let mut from = 0;
            for Found { range, .. } in &found {
                assert!(from <= range.start && range.start < range.end, "{found:?}");
                assert!(text.get(range.clone()).is_some(), "{found:?}");
                from = range.end;
            }
        },
    );
}
