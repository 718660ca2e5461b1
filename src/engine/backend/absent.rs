//! Graphics processors, in a program that was built without them.

use super::super::budget::Budget;
use super::super::cpu::{NetworkState, Plan, Row};
use super::super::kv::KvStore;
use super::super::{Config, Derived, Report};
use super::{Accelerator, Enough, Graphics, Results, StepError, Wanted};

pub(super) fn accelerators(_: &Graphics) -> Vec<Accelerator> {
    Vec::new()
}

pub(super) fn bandwidth(_: &Graphics) -> Option<f64> {
    None
}

pub(super) fn fault(_: &Plan) -> Option<String> {
    Some(ABSENT.to_owned())
}

const ABSENT: &str = "this program was built without graphics processors";

/// There is none.
pub(super) enum Placed {}

impl Placed {
    pub(super) fn new(
        _: &mut NetworkState,
        _: Option<&Derived>,
        _: &Config,
        _: &Budget,
    ) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    pub(super) fn accelerator(&self) -> &Accelerator {
        match *self {}
    }

    pub(super) fn identity(&self) -> &str {
        match *self {}
    }

    pub(super) fn was_tried(&self) -> bool {
        match *self {}
    }

    pub(super) fn tuning(&self) -> String {
        match *self {}
    }

    pub(super) fn fault(&self) -> Option<String> {
        match *self {}
    }

    pub(super) fn end(self, _: &mut NetworkState) {
        match self {}
    }
}

/// There is none.
pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn new(_: &Plan, _: &Config, _: &Budget) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    pub(super) fn report(&self, _: &Plan, _: usize) -> Report {
        match *self {}
    }

    pub(super) fn identity(&self) -> &str {
        match *self {}
    }

    pub(super) fn was_tried(&self) -> bool {
        match *self {}
    }

    pub(super) fn tuning(&self) -> String {
        match *self {}
    }

    pub(super) fn kv(&mut self) -> &mut KvStore {
        match *self {}
    }

    pub(super) fn step(
        &mut self,
        _: &[Row],
        _: &[Wanted],
        _: Enough<'_>,
    ) -> Result<Results, StepError> {
        match *self {}
    }

    pub(super) fn give_up(&mut self) {
        match *self {}
    }
}
