//! The largest logits of rows, and rows that want different things.

use super::*;

/// What wants little and what wants much, in one step.
const NEEDS: [Need; 4] =
    [Need::Top { temperature: 0.7 }, Need::Best, Need::Logits, Need::Top { temperature: 2.0 }];

/// The largest of these logits, first of equals first.
fn largest(logits: &[f32]) -> Vec<(u32, f32)> {
    let mut all: Vec<_> = logits.iter().enumerate().map(|(at, &l)| (at as u32, l)).collect();
    all.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
    all.truncate(Top::MOST);
    all
}

fn weigh(logits: &[f32], temperature: f32) -> f64 {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    logits.iter().map(|l| (f64::from(l - most) / f64::from(temperature)).exp()).sum()
}

fn check(found: &Found, need: Need, logits: &[f32]) {
    let want = largest(logits);
    match (found, need) {
        (Found::Best(token), Need::Best) => assert_eq!(*token, want[0].0),
        (Found::Logits(all), Need::Logits) => assert_eq!(all, logits),
        (Found::Top(top), Need::Top { temperature }) => {
            assert_eq!(top.best, want);
            for (have, want) in
                [(top.mass, weigh(logits, temperature)), (top.plain_mass, weigh(logits, 1.0))]
            {
                let off = (f64::from(have) - want).abs() / want;
                assert!(off < Top::MASS_TOLERANCE, "{have} for {want}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_one_step_give_each_what_it_wants_and_no_more_is_read() {
    for shape in Shape::ALL {
        let model = Model::new(shape);
        let tokens = model.tokens(20, 4);
        let rows = rows(0, 0, &tokens);
        // More than a part has room for.
        let places = [0, 2, 3, 7, 8, 11, 13, 17, 19];
        let mut run = Run::new(&model);
        let logits = run.logits(&rows, &places);
        let needs = NEEDS.into_iter().cycle();
        let wanted: Vec<Wanted> =
            places.iter().zip(needs).map(|(&row, need)| Wanted { row, need }).collect();
        let before = run.decoder.read_bytes();
        let found = run.step_with(&rows, &wanted, &mut |_, _| true);
        for ((found, wanted), logits) in
            found.iter().zip(&wanted).zip(logits.chunks_exact(model.vocabulary()))
        {
            check(found, wanted.need, logits);
        }
        // Nine rows in parts of four: five lists of 128 pairs, two single tokens (each with its logit,
        // as it begins a list) and two times all logits.
        let all = model.vocabulary().next_multiple_of(32) * 4;
        let read = run.decoder.read_bytes() - before;
        assert_eq!(read as usize, 5 * (16 + 128 * 8) + 2 * 8 + 2 * all);
    }
}

#[test]
fn where_the_largest_are_not_enough_all_logits_come_of_the_same_step() {
    let model = Model::new(Shape::ALL[0]);
    let tokens = model.tokens(20, 5);
    let (rows, places) = (rows(0, 0, &tokens), [1, 4, 6, 9, 12, 19]);
    let mut run = Run::new(&model);
    let logits = run.logits(&rows, &places);
    let want: Vec<&[f32]> = logits.chunks_exact(model.vocabulary()).collect();
    let need = Need::Top { temperature: 1.0 };
    let mut asked = Vec::new();
    let found = run.step_with(&rows, &all(&places, need), &mut |at, top| {
        assert_eq!(top.best, largest(want[at]));
        asked.push(at);
        at % 3 != 1
    });
    assert_eq!(asked, [0, 1, 2, 3, 4, 5]);
    for (at, found) in found.iter().enumerate() {
        let need = if at % 3 == 1 { Need::Logits } else { need };
        check(found, need, want[at]);
    }
}

#[test]
fn of_a_token_a_word_is_read_or_a_list_or_what_all_words_of_a_vocabulary_take() {
    for (vocabulary, all) in [(49_152, 196_608), (151_936, 607_744)] {
        let model = Model::new(Shape::of_words(vocabulary));
        let mut run = Run::new(&model);
        let rows = rows(0, 0, &model.tokens(1, 1));
        let logits = run.logits(&rows, &[0]);
        let need = Need::Top { temperature: 0.8 };
        for (need, bytes) in [(Need::Best, 4), (need, 1_040), (Need::Logits, all)] {
            let before = run.decoder.read_bytes();
            let found = run.step(&rows, &[0], need);
            assert_eq!(run.decoder.read_bytes() - before, bytes, "{need:?}");
            check(&found[0], need, &logits);
        }
    }
}
