//! What boxes tell of recalls.

use super::Heard;
use super::batch::Batch;
use crate::hq::error::HqError;
use crate::hq::recalls;
use crate::protocol::{Event, Place, Value};

/// By this event a box tells that a recall is in force there.
const IN_FORCE: &str = "recall.in_force";

/// A box's word for a recall.
pub(in crate::hq) struct Receipt<'a> {
    pub(in crate::hq) place: &'a Place,
    pub(in crate::hq) recall: &'a str,
    /// SHA-256 of the recall's fact.
    pub(in crate::hq) digest: &'a str,
    pub(in crate::hq) epoch: Option<i64>,
    pub(in crate::hq) answers: i64,
    pub(in crate::hq) makings: i64,
    pub(in crate::hq) models: i64,
    pub(in crate::hq) in_force_ms: u64,
    pub(in crate::hq) at_ms: u64,
}

impl Batch<'_> {
    /// Keeps the receipt of a recall, where an event is one. What lacks a field stays an event.
    pub(super) async fn receipt(&mut self, heard: &Heard, event: &Event) -> Result<(), HqError> {
        if event.name.as_str() != IN_FORCE {
            return Ok(());
        }
        let text = |name: &str| match event.fields.get(name) {
            Some(Value::Text(text)) => Some(&**text),
            _ => None,
        };
        let number = |name: &str| match event.fields.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let (Some(recall), Some(digest)) = (text("recall"), text("digest")) else { return Ok(()) };
        let receipt = Receipt {
            place: &heard.place,
            recall,
            digest,
            epoch: number("epoch"),
            answers: number("answers").unwrap_or(0),
            makings: number("makings").unwrap_or(0),
            models: number("models").unwrap_or(0),
            in_force_ms: heard.envelope.time.moment().0,
            at_ms: self.now.0,
        };
        recalls::keep(&mut self.change, &receipt).await
    }
}
