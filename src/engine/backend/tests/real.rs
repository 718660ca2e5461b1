//! Real encoders on a device beside the processor.

use super::*;
use crate::engine::Tokenizer;
use crate::engine::backend::Network;
use crate::engine::cpu::NetworkPlan;
use crate::engine::network::{Array, NetworkSource};

/// Encoders of the catalogue, how far a number of a device may be from the processor's, as a share of the
/// largest, and how near a row's direction is at least. The processor makes rows of 8 bits where a model
/// says so; a device does not.
const ENCODERS: [(&str, f32, f32); 4] = [
    ("all-minilm-l6-v2", 1e-4, 0.999_999),
    ("all-minilm-l6-v2-int8", 0.1, 0.99),
    ("rampart", 1e-2, 0.999),
    ("bert-tiny-toxicity-int8", 0.1, 0.99),
];

/// The first sentences of the sample shop.
fn sentences(count: usize) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/sample-shop");
    let text = std::fs::read_to_string(folder.join("sentences.txt")).unwrap();
    let english = text.lines().filter_map(|line| line.split(" | ").nth(1));
    english.take(count).map(str::to_owned).collect()
}

/// Texts padded to the longest, and which places are no padding.
fn padded(texts: &[Vec<TokenId>], network: &Network) -> (Vec<Array>, Vec<bool>) {
    let longest = texts.iter().map(Vec::len).max().unwrap();
    let places: Vec<(usize, &Vec<TokenId>)> =
        texts.iter().flat_map(|text| (0..longest).map(move |at| (at, text))).collect();
    let inputs = network.inputs().into_iter().map(|port| {
        let value = |(at, text): &(usize, &Vec<TokenId>)| match port.name.as_str() {
            "input_ids" => text.get(*at).map_or(0, |&token| i64::from(token)),
            "attention_mask" => i64::from(*at < text.len()),
            _ => 0,
        };
        let values: Vec<i64> = places.iter().map(value).collect();
        Array::integers(vec![texts.len(), longest], &values).unwrap()
    });
    (inputs.collect(), places.iter().map(|(at, text)| *at < text.len()).collect())
}

/// How far numbers are from what is wanted at most, the largest of these, and the smallest cosine of rows.
fn compared(have: &[f32], want: &[f32], width: usize, seen: impl Fn(usize) -> bool) -> [f32; 3] {
    let [mut apart, mut largest, mut cosine] = [0.0, 0.0, 1.0];
    for (row, (h, w)) in have.chunks(width).zip(want.chunks(width)).enumerate() {
        if seen(row) {
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            largest = w.iter().fold(largest, |most: f32, w| most.max(w.abs()));
            apart = h.iter().zip(w).map(|(h, w)| (h - w).abs()).fold(apart, f32::max);
            cosine = f32::min(cosine, (dot(h, w) / (dot(h, h) * dot(w, w)).sqrt()) as f32);
        }
    }
    [apart, largest, cosine]
}

#[test]
#[ignore = "needs models: ENDCAP_ENCODER_MODELS names a folder of packages; tests/run --full"]
#[allow(clippy::print_stderr, reason = "how near they are is worth seeing")]
fn real_encoders_give_on_a_device_what_they_give_on_the_processor() {
    let models = PathBuf::from(std::env::var_os("ENDCAP_ENCODER_MODELS").expect("it is named"));
    for (name, tolerance, least) in ENCODERS {
        let folder = models.join(name);
        let onnx = folder.join("model.onnx");
        let source = NetworkSource { name: name.to_owned(), onnx, derived: None };
        let tokenizer = Tokenizer::load(&folder.join("tokenizer.json")).unwrap();
        let load = |backend| {
            // A processor that pretends takes its time for a real model.
            let patience = Duration::from_secs(120);
            let config = config(backend);
            let graphics = Graphics { patience, ..config.graphics };
            let (config, budget) = (Config { graphics, ..config }, Budget::new(1 << 30));
            let plan = NetworkPlan::load(&source, &budget).unwrap();
            Network::new(plan, None, &config, &budget).unwrap()
        };
        let (mut device, mut processor) = (load(Backend::Gpu), load(Backend::Cpu));
        let texts: Vec<Vec<TokenId>> =
            sentences(20).iter().map(|text| tokenizer.encode_whole(text).unwrap()).collect();
        let (inputs, seen) = padded(&texts, &device);
        let [have, want] = [&mut device, &mut processor].map(|network| {
            let start = Instant::now();
            let array = network.run(&inputs, &[0]).unwrap().0.remove(0);
            (array.shape().to_vec(), array.to_floats().unwrap(), start.elapsed())
        });
        assert!(device.report().device.is_some(), "{name}: it stayed there");
        assert_eq!(have.0, want.0, "{name}");
        // A row of each token, or one of each text.
        let (width, each_token) = (*want.0.last().unwrap(), want.0.len() == 3);
        let [apart, largest, cosine] =
            compared(&have.1, &want.1, width, |row| !each_token || seen[row]);
        eprintln!(
            "{name}, {} texts of up to {} tokens: {apart} of {largest} apart at most, cosine {cosine} at \
             least; {:?} on the device, {:?} on the processor",
            texts.len(),
            seen.len() / texts.len(),
            have.2,
            want.2
        );
        if each_token && width > 100 {
            // Sentences, as they are compared: the mean of their tokens.
            let means = |rows: &[f32]| -> Vec<f32> {
                let each = rows.chunks(rows.len() / texts.len()).zip(&texts);
                let mean = |(rows, text): (&[f32], &Vec<TokenId>)| -> Vec<f32> {
                    let own = |at: usize| rows.iter().skip(at).step_by(width).take(text.len());
                    (0..width).map(|at| own(at).sum::<f32>() / text.len() as f32).collect()
                };
                each.flat_map(mean).collect()
            };
            let [apart, largest, cosine] =
                compared(&means(&have.1), &means(&want.1), width, |_| true);
            eprintln!(
                "{name}, sentences: {apart} of {largest} apart at most, cosine {cosine} at least"
            );
            assert!(cosine > least, "{name}");
        }
        assert!(apart < tolerance * largest && cosine > least && have.1 != want.1, "{name}");
    }
}
