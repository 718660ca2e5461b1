//! The device computes what the processor does.

use super::*;
use crate::engine::Sampling;
use crate::engine::sampler::Sampler;

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
    let best = all.chunks_exact(decoder.vocabulary()).map(best).map(Found::Best);
    let want: Vec<Found> = best.collect();
    let wanted: Vec<usize> = (0..rows.len()).collect();
    assert_eq!(decoder.best(&rows, &wanted), Ok(Results::Each(want)));
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
    decoder.best(&rows(first, 0), &[]).unwrap();
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

/// Rows that ask for different things, in one step each time.
fn samplings() -> Vec<(Sampling, Option<u8>)> {
    let warm = Sampling { temperature: 0.9, seed: 3, ..Sampling::default() };
    vec![
        (Sampling::default(), None),
        (Sampling { top_k: Some(40), top_p: 0.9, ..warm.clone() }, None),
        (Sampling { repetition_penalty: 1.2, ..warm.clone() }, Some(4)),
        (Sampling { logit_bias: vec![(5, 3.0)], ..warm.clone() }, None),
        (Sampling::default(), Some(2)),
    ]
}

#[test]
fn answers_are_the_same_whatever_of_the_logits_is_read() {
    const PROMPT: usize = 8;
    let config = Config { max_sequences: 5, ..config(Backend::Gpu) };
    let mut decoder = decoder("gqa", &config);
    let mut streams = Vec::new();
    for (at, (sampling, logprobs)) in samplings().into_iter().enumerate() {
        let prompt = tokens(at as u32 + 20, PROMPT);
        let sampler = || Sampler::new(sampling.clone(), &prompt, None);
        let samplers = [sampler(), sampler()];
        let sequence = decoder.kv().open(Scope::Alone);
        assert!(decoder.kv().reserve(sequence, CONTEXT));
        streams.push((samplers, logprobs, sequence, prompt));
    }
    let mut read = Vec::new();
    for round in 0..24 {
        let (mut rows, mut wanted, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (samplers, logprobs, sequence, tokens) in &streams {
            let from = if round == 0 { 0 } else { tokens.len() - 1 };
            rows.extend((from..tokens.len()).map(|position| Row {
                sequence: *sequence,
                position,
                token: tokens[position],
            }));
            places.push(rows.len() - 1);
            wanted.push(Wanted { row: rows.len() - 1, ask: samplers[0].ask(*logprobs) });
        }
        // Each third round nothing but all logits is enough, as where a draw falls among the others.
        let mut enough = |at: usize, top: &_| {
            let (samplers, logprobs, ..) = &streams[at];
            assert!(samplers[0].is_decided_by(top, *logprobs), "all 128 tokens are known");
            round % 3 != 2
        };
        let results = decoder.step(&rows, &wanted, &mut enough).unwrap();
        let Results::Each(found) = results else { panic!("a device gives what is asked for") };
        let mut logits = decoder.logits(&rows, &places).unwrap();
        let vocabulary = decoder.vocabulary();
        for ((stream, found), logits) in
            streams.iter_mut().zip(found).zip(logits.chunks_exact_mut(vocabulary))
        {
            let ([of_found, of_logits], logprobs, _, tokens) = stream;
            let want = of_logits.choose(logits, *logprobs).unwrap();
            let have = match found {
                Found::Best(token) => token,
                Found::Top(top) => of_found.choose_of(&top, *logprobs).unwrap().token,
                Found::Logits(mut logits) => of_found.choose(&mut logits, *logprobs).unwrap().token,
            };
            assert_eq!(have, want.token, "round {round}");
            tokens.push(have);
        }
        read.push(wanted.iter().map(|wanted| wanted.ask).collect::<Vec<_>>());
    }
    let top = |temperature| Ask::Top { temperature };
    let asks = vec![Ask::Best, top(0.9), top(0.9), Ask::Logits, top(1.0)];
    assert_eq!(read, vec![asks; 24]);
}
