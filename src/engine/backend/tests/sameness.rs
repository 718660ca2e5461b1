//! The device computes what the processor does.

use super::*;

/// Logits of up to 12: keys and values are halves on both, everything else is summed in another order,
/// and the processor's activations have 16 bits.
const TOLERANCE: f32 = 0.02;

/// Norms of single heads, and embeddings that are bytes with one scale: a device has no kernels for these.
const REFUSED: [&str; 3] = ["plain-head-norms", "plain-int8", "plain-uint8"];

#[test]
fn each_form_gives_what_the_processor_computes_or_is_refused_by_name() {
    let (mut refused, tokens) = (Vec::new(), tokens(5, 40));
    for form in forms() {
        let wanted = config(Backend::Gpu);
        match Decoder::new(plan(&form), &wanted, &Budget::new(1 << 28)) {
            Ok(mut decoder) => {
                let have = logits(&mut decoder, &tokens, 16);
                let mut processor = super::decoder(&form, &config(Backend::Cpu));
                let want = logits(&mut processor, &tokens, 16);
                let apart = have.iter().zip(&want).map(|(h, w)| (h - w).abs()).fold(0.0, f32::max);
                assert!(have.len() == want.len() && apart < TOLERANCE, "{form}: {apart}");
            }
            Err(LoadError::Device { why }) => {
                let named = why.starts_with("node ") && why.ends_with("there is no kernel for it");
                assert!(named, "{form}: {why}");
                refused.push(form);
            }
            Err(other) => panic!("{form}: {other}"),
        }
    }
    assert_eq!(refused, REFUSED);
}

#[test]
fn what_a_device_cannot_run_the_processor_does_where_both_may() {
    let decoder = decoder(REFUSED[0], &config(Backend::Auto));
    assert_eq!(decoder.report(CONTEXT).device, None);
}

#[test]
fn the_best_token_is_that_of_the_logits() {
    let mut decoder = decoder("gqa", &config(Backend::Gpu));
    let tokens = tokens(2, 9);
    let all = logits(&mut decoder, &tokens, 9);
    let sequence = decoder.kv().open(Scope::Alone);
    assert!(decoder.kv().reserve(sequence, tokens.len()));
    let row = |(position, &token)| Row { sequence, position, token };
    let rows: Vec<Row> = tokens.iter().enumerate().map(row).collect();
    let best = |logits: &[f32]| {
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        logits.iter().position(|&logit| logit == most).unwrap() as TokenId
    };
    let want: Vec<TokenId> = all.chunks_exact(decoder.vocabulary()).map(best).collect();
    let wanted: Vec<usize> = (0..rows.len()).collect();
    assert_eq!(decoder.step(&rows, &wanted, Ask::Best), Ok(Results::Best(want)));
}

#[test]
fn a_prefix_that_another_sequence_computed_is_read_from_its_pages() {
    let mut decoder = decoder("gqa", &config(Backend::Gpu));
    let tokens = tokens(4, 40);
    let want = logits(&mut decoder, &tokens, 40);
    let first = decoder.kv().open(Scope::Public);
    assert!(decoder.kv().reserve(first, 40));
    let rows = |sequence, from: usize| -> Vec<Row> {
        let row = |position| Row { sequence, position, token: tokens[position] };
        (from..40).map(row).collect()
    };
    decoder.step(&rows(first, 0), &[], Ask::Best).unwrap();
    decoder.kv().publish(first, &tokens);
    decoder.kv().close(first);
    let second = decoder.kv().open(Scope::Public);
    let known = decoder.kv().adopt(second, &tokens);
    assert_eq!(known, 32);
    assert!(decoder.kv().reserve(second, 40));
    let have = decoder.logits(&rows(second, known), &[7]).unwrap();
    assert_eq!(have, want[39 * decoder.vocabulary()..]);
}

#[test]
fn a_device_counts_against_the_budget_and_gives_it_back() {
    let budget = Budget::new(1 << 26);
    let decoder = Decoder::new(plan("gqa"), &config(Backend::Gpu), &budget).unwrap();
    let report = decoder.report(CONTEXT);
    let device = report.device.unwrap();
    if device.kind != "discrete" {
        assert!(budget.total_bytes() - budget.free_bytes() >= report.weight_bytes);
    }
    drop(decoder);
    assert_eq!(budget.free_bytes(), budget.total_bytes());
    // Without room on the device the processor is no way out where a device is demanded.
    let outcome = Decoder::new(plan("gqa"), &config(Backend::Gpu), &Budget::new(1000));
    assert!(matches!(outcome, Err(LoadError::Device { .. })));
}
