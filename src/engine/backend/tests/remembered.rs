//! What a trial found, at the next start.

use super::*;
use crate::engine::Derived;

const FORM: &str = "plain-nbits";
/// A trial needs more than the other tests, and of these forms only those that compute rotations have it.
const LONGER: usize = 2 * CONTEXT;

fn remembered(derived: &Derived) -> Decoder {
    let derived = Some(derived.clone());
    let source = ModelSource { derived, context_tokens: LONGER, ..source(FORM) };
    Decoder::new(Plan::load(&source).unwrap(), &config(Backend::Auto), &Budget::new(1 << 28))
        .unwrap()
}

fn times(token_us: u64) -> Times {
    let token = Duration::from_micros(token_us);
    Times { prompt_token: token, token }
}

/// What findings of the form's decoder hold for.
fn of_the_device() -> String {
    let identity = match &decoder(FORM, &config(Backend::Gpu)).on {
        On::Device(device) => device.identity().to_owned(),
        On::Processor(_) => panic!("it is on no device"),
    };
    format!("model on {identity} by {}", env!("CARGO_PKG_VERSION"))
}

#[test]
fn what_an_earlier_trial_found_is_believed_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let derived = Derived { path: folder.path().join("packed.bin"), key: "model".to_owned() };
    let of = of_the_device();
    assert_eq!(Findings::<Times>::load(Some(&derived), &of), None);
    drop(remembered(&derived));
    let found: Option<Findings> = Findings::load(Some(&derived), &of);
    let found = found.expect("the first start tries both");
    assert!(found.processor.is_some());
    for (processor, device, is_there) in [(1, 9000, false), (9000, 1, true)] {
        let tuning = found.tuning.clone();
        let known = Findings::new(of.clone(), tuning, Some(times(processor)), times(device));
        known.save(Some(&derived));
        let decoder = remembered(&derived);
        assert_eq!(decoder.report(CONTEXT).device.is_some(), is_there);
        assert_eq!(Findings::load(Some(&derived), &of), Some(known));
    }
}

#[test]
fn what_was_found_with_kernels_that_are_gone_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let derived = Derived { path: folder.path().join("packed.bin"), key: "model".to_owned() };
    let of = of_the_device();
    let old = Findings::new(of.clone(), "of old".to_owned(), Some(times(1)), times(9000));
    old.save(Some(&derived));
    drop(remembered(&derived));
    let found = Findings::load(Some(&derived), &of).unwrap();
    assert!(found != old && found.tuning != old.tuning, "{found:?}");
}
