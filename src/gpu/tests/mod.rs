//! Small decoders of chance on a device, against the same computed by hand.

mod encoder;
mod failures;
mod model;
mod reference;
mod sameness;

use crate::kernels::tests::{device, near};
use crate::{Capacity, Decoder, Device, Need, Results, Row, Tuning};
use model::{Model, Shape};

/// What a decoder's logits may be off by, as a share of the largest: several layers of sums in
/// another order, and keys and values as halves.
const TOLERANCE_OF_LAYERS: f32 = 2e-3;

const CAPACITY: Capacity =
    Capacity { rows: 24, wanted: 4, context_tokens: 640, sequences: 3, pages: 90 };

/// A decoder with the pages of its sequences, which are told apart by their numbers.
struct Run {
    decoder: Decoder,
    tables: Vec<Vec<u32>>,
}

impl Run {
    fn new(model: &Model) -> Self {
        Self::on(&device(), model)
    }

    fn on(device: &Device, model: &Model) -> Self {
        let decoder = Decoder::new(device, &model.graph(), CAPACITY, Tuning::default()).unwrap();
        // Sequences have every third page, from the last on.
        let pages = |own: u32| (0..30).rev().map(|at| at * 3 + own).collect();
        Self { decoder, tables: [0, 1, 2].map(pages).into() }
    }

    fn step(&mut self, rows: &[Row], wanted: &[usize], need: Need) -> Results {
        let tables: Vec<&[u32]> = self.tables.iter().map(Vec::as_slice).collect();
        self.decoder.step(rows, &tables, wanted, need).unwrap()
    }

    /// Logits of the wanted ones of these rows.
    fn logits(&mut self, rows: &[Row], wanted: &[usize]) -> Vec<f32> {
        match self.step(rows, wanted, Need::Logits) {
            Results::Logits(logits) => logits,
            Results::Best(_) => unreachable!("logits were asked for"),
        }
    }
}

/// Rows for tokens of a sequence from a position on.
fn rows(sequence: usize, position: usize, tokens: &[u32]) -> Vec<Row> {
    let row = |(at, &token)| Row { token, position: position + at, sequence };
    tokens.iter().enumerate().map(row).collect()
}

#[test]
fn logits_are_those_of_the_reference() {
    for shape in Shape::ALL {
        let model = Model::new(shape);
        let tokens = model.tokens(30, 1);
        let wanted = [3, 7, 8, 9, 22, 29];
        let have = Run::new(&model).logits(&rows(1, 0, &tokens), &wanted);
        let all = reference::logits(&model, &tokens);
        let want: Vec<f32> = wanted.iter().flat_map(|&row| all[row].clone()).collect();
        let largest = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let close: Vec<f32> = have
            .iter()
            .zip(&want)
            .map(|(h, w)| if (h - w).abs() <= TOLERANCE_OF_LAYERS * largest { *w } else { *h })
            .collect();
        near(&close, &want, &format!("{shape:?}"));
    }
}

#[test]
fn every_way_to_divide_products_gives_the_reference_and_a_trial_takes_one() {
    let model = Model::new(Shape::ALL[0]);
    let tokens = model.tokens(10, 6);
    let want = &reference::logits(&model, &tokens)[9];
    let largest = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    for tuning in Tuning::all() {
        let decoder = Decoder::new(&device(), &model.graph(), CAPACITY, tuning).unwrap();
        let mut run = Run { decoder, ..Run::new(&model) };
        let together = run.logits(&rows(0, 0, &tokens), &[9]);
        let apart = { (0..10).map(|at| run.logits(&rows(1, at, &tokens[at..=at]), &[0])) }.last();
        assert_eq!(Some(&together), apart.as_ref(), "{tuning:?}");
        let near = |(h, w): (&f32, &f32)| (h - w).abs() <= TOLERANCE_OF_LAYERS * largest;
        assert!(together.iter().zip(want).all(near), "{tuning:?}");
    }
    let taken = Tuning::of(&device(), &model.graph()).unwrap();
    assert!(Tuning::all().any(|tuning| tuning == taken));
}

#[test]
fn the_best_token_is_that_of_the_logits() {
    let model = Model::new(Shape::ALL[0]);
    let tokens = model.tokens(9, 4);
    let (rows, wanted) = (rows(0, 0, &tokens), [0, 4, 8]);
    let mut run = Run::new(&model);
    let logits = run.logits(&rows, &wanted);
    let best = |row: &[f32]| {
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        row.iter().position(|&logit| logit == most).unwrap() as u32
    };
    let want: Vec<u32> = logits.chunks_exact(model.vocabulary()).map(best).collect();
    assert_eq!(run.step(&rows, &wanted, Need::Best), Results::Best(want));
}
