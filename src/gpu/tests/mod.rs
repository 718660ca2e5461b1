//! Small decoders of chance on a device, against the same computed by hand.

mod encoder;
mod failures;
mod model;
mod reference;
mod sameness;
mod top;

use crate::kernels::tests::{device, device_with_all, near};
use crate::{Capacity, Decoder, Device, Found, Need, Row, Top, Tuning, Wanted};
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
        Self::of(Decoder::new(device, &model.graph(), CAPACITY, Tuning::default()).unwrap())
    }

    fn of(decoder: Decoder) -> Self {
        // Sequences have every third page, from the last on.
        let pages = |own: u32| (0..30).rev().map(|at| at * 3 + own).collect();
        Self { decoder, tables: [0, 1, 2].map(pages).into() }
    }

    /// What the wanted ones of these rows give, where the largest logits are enough for `enough`.
    fn step_with(
        &mut self,
        rows: &[Row],
        wanted: &[Wanted],
        enough: &mut dyn FnMut(usize, &Top) -> bool,
    ) -> Vec<Found> {
        let tables: Vec<&[u32]> = self.tables.iter().map(Vec::as_slice).collect();
        self.decoder.step(rows, &tables, wanted, enough).unwrap()
    }

    fn step(&mut self, rows: &[Row], wanted: &[usize], need: Need) -> Vec<Found> {
        self.step_with(rows, &all(wanted, need), &mut |_, _| true)
    }

    /// Logits of the wanted ones of these rows.
    fn logits(&mut self, rows: &[Row], wanted: &[usize]) -> Vec<f32> {
        let found = self.step(rows, wanted, Need::Logits).into_iter();
        let logits = found.map(|found| match found {
            Found::Logits(logits) => logits,
            other => panic!("{other:?}"),
        });
        logits.flatten().collect()
    }
}

/// All of these rows, with one need.
fn all(wanted: &[usize], need: Need) -> Vec<Wanted> {
    wanted.iter().map(|&row| Wanted { row, need }).collect()
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

/// A few that together have every way of each part.
fn tunings(device: &Device) -> Vec<Tuning> {
    let all: Vec<Tuning> = Tuning::all(device).collect();
    (0..8).map(|at| all[at * 5 % all.len()]).collect()
}

#[test]
fn every_way_to_compute_gives_the_reference() {
    let model = Model::new(Shape::ALL[0]);
    let tokens = model.tokens(22, 6);
    let want = &reference::logits(&model, &tokens)[21];
    let largest = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    let device = device_with_all();
    for tuning in tunings(&device) {
        let decoder = Decoder::new(&device, &model.graph(), CAPACITY, tuning).unwrap();
        let mut run = Run::of(decoder);
        // More rows than are looked at apart, and one at a time.
        let together = run.logits(&rows(0, 0, &tokens), &[21]);
        let each = 0..tokens.len();
        let apart = { each.map(|at| run.logits(&rows(1, at, &tokens[at..=at]), &[0])) }.last();
        assert_eq!(Some(&together), apart.as_ref(), "{tuning:?}");
        let near = |(h, w): (&f32, &f32)| (h - w).abs() <= TOLERANCE_OF_LAYERS * largest;
        assert!(together.iter().zip(want).all(near), "{tuning:?}");
    }
}

#[test]
fn a_trial_takes_what_the_device_can_run() {
    let model = Model::new(Shape::ALL[0]);
    for device in [device(), device_with_all()] {
        let taken = Tuning::of(&device, &model.graph()).unwrap();
        assert!(Tuning::all(&device).any(|tuning| tuning == taken));
    }
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
    let best = logits.chunks_exact(model.vocabulary()).map(best).map(Found::Best);
    let want: Vec<Found> = best.collect();
    assert_eq!(run.step(&rows, &wanted, Need::Best), want);
}
