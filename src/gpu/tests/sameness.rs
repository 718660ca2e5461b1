//! A row's results do not depend on what else is computed, nor on how it is cut.

use super::*;
use crate::{Limits, Software};

#[test]
fn a_prompt_in_pieces_and_beside_others_gives_the_same_bits() {
    for shape in Shape::ALL {
        let model = Model::new(shape);
        let (tokens, others) = (model.tokens(20, 1), model.tokens(20, 2));
        let whole = Run::new(&model).logits(&rows(1, 0, &tokens), &[19]);
        let mut pieces = Run::new(&model);
        for (from, to) in [(0, 1), (1, 4), (4, 13), (13, 19)] {
            pieces.step(&rows(1, from, &tokens[from..to]), &[], Need::Best);
        }
        let last = pieces.logits(&rows(1, 19, &tokens[19..]), &[0]);
        assert_eq!(last, whole, "{shape:?}: in pieces");
        // One row of each of three sequences at a time.
        let mut beside = Run::new(&model);
        let mut logits = Vec::new();
        for at in 0..20 {
            let mut step = rows(0, at, &others[at..=at]);
            step.extend(rows(1, at, &tokens[at..=at]));
            step.extend(rows(2, at, &others[at..=at]));
            logits = beside.logits(&step, &[1]);
        }
        assert_eq!(logits, whole, "{shape:?}: beside others");
    }
}

#[test]
fn a_long_sequence_is_looked_at_in_splits_and_stays_the_same() {
    let model = Model::new(Shape::ALL[0]);
    let mut run = Run::new(&model);
    run.tables[0] = (0..40).rev().collect();
    let tokens = model.tokens(600, 3);
    run.step(&rows(0, 0, &tokens[..599]), &[], Need::Best);
    // By itself the last token is looked at in three splits, with twenty others in one.
    let alone = run.logits(&rows(0, 599, &tokens[599..]), &[0]);
    let together = run.logits(&rows(0, 579, &tokens[579..]), &[20]);
    assert_eq!(alone, together);
}

#[test]
fn weights_in_pieces_give_the_same_bits() {
    for shape in Shape::ALL {
        let model = Model::new(shape);
        let tokens = model.tokens(11, 5);
        let whole = Run::new(&model).logits(&rows(2, 0, &tokens), &[0, 10]);
        // A few tiles of the vocabulary, and hardly more than the keys and values of a layer.
        let limits = Limits {
            software: Software::Allowed,
            binding_bytes: Some(90 * 16 * 96 * 4),
            ..Limits::default()
        };
        let small = Limits { binding_bytes: Some(90 * 16 * 2 * 96 * 2), ..limits };
        let device = Device::open(small).unwrap();
        let mut run = Run::on(&device, &model);
        assert_eq!(run.logits(&rows(2, 0, &tokens), &[0, 10]), whole, "{shape:?}");
    }
}

#[test]
fn what_a_sequence_left_in_its_pages_disturbs_no_other() {
    let model = Model::new(Shape::ALL[1]);
    let (first, second) = (model.tokens(40, 8), model.tokens(18, 9));
    let want = Run::new(&model).logits(&rows(0, 0, &second), &[17]);
    let mut used = Run::new(&model);
    used.step(&rows(0, 0, &first), &[], Need::Best);
    assert_eq!(used.logits(&rows(0, 0, &second), &[17]), want);
}
