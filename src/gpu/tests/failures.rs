//! Devices that are lost, hang, or have too little memory.

use std::time::Duration;

use super::*;
use crate::adapter::found;
use crate::{GpuError, Limits, Software, adapters};

fn open(limits: Limits) -> Device {
    Device::open(Limits { software: Software::Allowed, ..limits }).unwrap()
}

#[test]
fn a_device_that_is_lost_says_so_from_then_on() {
    let model = Model::new(Shape::ALL[0]);
    let device = open(Limits::default());
    let mut run = Run::on(&device, &model);
    let tokens = model.tokens(3, 1);
    run.step(&rows(0, 0, &tokens), &[2], Need::Best);
    device.lose();
    let tables: Vec<&[u32]> = run.tables.iter().map(Vec::as_slice).collect();
    for _ in 0..2 {
        let outcome =
            run.decoder
                .step(&rows(0, 3, &tokens), &tables, &all(&[2], Need::Best), &mut |_, _| true);
        assert!(matches!(outcome, Err(GpuError::Lost(_))), "{outcome:?}");
    }
    assert!(matches!(device.fault(), Some(GpuError::Lost(_))));
    drop(run);
    // Another device is not touched by it.
    let mut next = Run::on(&open(Limits::default()), &model);
    next.step(&rows(0, 0, &tokens), &[2], Need::Best);
}

#[test]
fn a_device_that_takes_too_long_counts_as_hung() {
    let model = Model::new(Shape::ALL[0]);
    let device = open(Limits { patience: Duration::from_millis(1500), ..Limits::default() });
    let mut run = Run::on(&device, &model);
    let tokens = model.tokens(1, 1);
    run.step(&rows(0, 0, &tokens), &[0], Need::Best);
    device.hang();
    let tables: Vec<&[u32]> = run.tables.iter().map(Vec::as_slice).collect();
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        outcomes.push(run.decoder.step(
            &rows(0, 1, &tokens),
            &tables,
            &all(&[0], Need::Best),
            &mut |_, _| true,
        ));
    }
    let hung = |outcome: &Result<_, GpuError>| matches!(outcome, Err(GpuError::Hung(_)));
    assert!(outcomes.iter().all(hung), "{outcomes:?}");
}

#[test]
fn what_does_not_fit_is_refused_with_its_figures_and_leaves_nothing_behind() {
    let model = Model::new(Shape::ALL[0]);
    let device = open(Limits { memory_bytes: 300_000, ..Limits::default() });
    let outcome = Decoder::new(&device, &model.graph(), CAPACITY, Tuning::default());
    match outcome.map(|_| ()) {
        Err(GpuError::Memory { bytes, free_bytes, budget_bytes: 300_000, .. }) => {
            assert!(bytes > free_bytes && free_bytes <= 300_000);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((device.used_bytes(), device.fault()), (0, None));
}

#[test]
fn what_a_decoder_has_is_given_back_with_it() {
    let model = Model::new(Shape::ALL[1]);
    let device = open(Limits::default());
    let run = Run::on(&device, &model);
    assert!(run.decoder.bytes() > 0 && device.used_bytes() == run.decoder.bytes());
    drop(run);
    assert_eq!(device.used_bytes(), 0);
}

#[test]
fn a_processor_that_pretends_serves_only_where_it_is_allowed_to() {
    let all: Vec<_> = found(Software::Refused).into_iter().map(|(_, adapter)| adapter).collect();
    let pretends = |adapter: &&crate::Adapter| adapter.kind == crate::Kind::Software;
    let software: Vec<_> = all.iter().filter(pretends).collect();
    assert!(software.iter().all(|adapter| adapter.refused.is_some()), "{software:?}");
    if software.len() == all.len() {
        let outcome = Device::open(Limits::default()).map(|_| ());
        assert!(matches!(outcome, Err(GpuError::NoAdapter { .. })), "{outcome:?}");
    }
    assert!(adapters(Software::Allowed).iter().any(|adapter| adapter.refused.is_none()));
}
