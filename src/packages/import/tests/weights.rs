//! Weights of the ONNX form against the GGUF's.

use half::{bf16, f16};

use super::super::blocks::{BlockType, Packed};
use super::super::rotary::RowOrder;
use super::dequantiser::{halves, weights as reference};
use super::*;
use crate::packages::gguf::writing::Written;
use crate::packages::gguf::{TensorType, Value};

/// Weights as the node of that name takes them, a row per output or token.
fn nbits_weights(package: &Package, name: &str, bits: usize) -> Vec<f32> {
    let quants = package.bytes(&format!("{name}.weight_q{bits}"));
    let scales = package.floats(&format!("{name}.scales"));
    let points = format!("{name}.zero_points");
    let points = match package.find(&points).map(|tensor| tensor.data_type) {
        Some(1) => package.floats(&points),
        Some(2) => package.bytes(&points).iter().map(|&point| f32::from(point)).collect(),
        other => {
            assert_eq!(other, None);
            vec![(1 << (bits - 1)) as f32; scales.len()]
        }
    };
    assert_eq!(points.len(), scales.len(), "{name}");
    let block = quants.len() * 8 / bits / scales.len();
    let weight = |(i, quant)| (f32::from(quant) - points[i / block]) * scales[i / block];
    unpacked(quants, bits).into_iter().enumerate().map(weight).collect()
}

fn unpacked(quants: &[u8], bits: usize) -> Vec<u8> {
    match bits {
        8 => quants.to_vec(),
        _ => quants.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect(),
    }
}

fn number_weights(package: &Package, name: &str) -> Vec<f32> {
    let tensor = package.initialiser(name);
    let bytes = package.bytes(name);
    let numbers: Vec<f32> = match tensor.data_type {
        1 => package.floats(name),
        _ => bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
    };
    numbers
}

fn transpose(weights: &[f32], rows: usize) -> Vec<f32> {
    let columns = weights.len() / rows;
    (0..weights.len()).map(|i| weights[i % rows * columns + i / rows]).collect()
}

fn ulp(magnitude: f32) -> f32 {
    f32::from_bits(magnitude.to_bits() + 1) - magnitude
}

pub(super) fn check_matrix(
    name: &str,
    package: &Package,
    gguf: &Gguf<'_>,
    from: &str,
    to: &str,
    head: usize,
) {
    let tensor = gguf.tensor(from).unwrap();
    let (columns, rows) = (tensor.dimensions()[0] as usize, tensor.dimensions()[1] as usize);
    let found = match BlockType::of(tensor.kind) {
        Some(kind) => nbits_weights(package, to, kind.bits()),
        None => transpose(&number_weights(package, &format!("{to}.weight")), columns),
    };
    let wanted = reference(tensor);
    assert_eq!(found.len(), wanted.len(), "{name} {to}");
    for row in 0..rows {
        // GGUF keeps the two of a rotary pair together: 2 * pair + half.
        let from = match head {
            0 => row,
            _ => row / head * head + row % (head / 2) * 2 + row % head / (head / 2),
        };
        for column in 0..columns {
            let found = found[row * columns + column];
            let (wanted, magnitude) = wanted[from * columns + column];
            assert!(
                (found - wanted).abs() <= 2.0 * ulp(magnitude),
                "{name} {to} [{row}, {column}]: {found} for {wanted}, block {magnitude}"
            );
        }
    }
}

#[test]
fn every_weight_is_the_files_within_two_ulp_of_its_block() {
    for (name, file) in TINY {
        let gguf = Gguf::parse(file).unwrap();
        let package = import_bytes(file).unwrap();
        for layer in 0..2 {
            for (from, to, head) in [
                ("attn_q", "attn.q_proj", 16),
                ("attn_k", "attn.k_proj", 16),
                ("attn_v", "attn.v_proj", 0),
                ("attn_output", "attn.o_proj", 0),
                ("ffn_gate", "mlp.gate_proj", 0),
                ("ffn_up", "mlp.up_proj", 0),
                ("ffn_down", "mlp.down_proj", 0),
            ] {
                let from = format!("blk.{layer}.{from}.weight");
                let to = format!("model.layers.{layer}.{to}");
                check_matrix(name, &package, &gguf, &from, &to, head);
            }
            for (from, to) in
                [("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")]
            {
                let wanted = reference(gguf.tensor(&format!("blk.{layer}.{from}.weight")).unwrap());
                let wanted: Vec<f32> = wanted.into_iter().map(|(weight, _)| weight).collect();
                assert_eq!(package.floats(&format!("model.layers.{layer}.{to}.weight")), wanted);
            }
        }
        if gguf.tensor("output.weight").is_some() {
            check_matrix(name, &package, &gguf, "output.weight", "lm_head", 0);
        }
    }
}

/// Blocks of anything; their halves are finite, now and then 0, tiny or large.
fn any_blocks(kind: TensorType, weights: usize, seed: u64) -> Vec<u8> {
    let layout = kind.layout().unwrap();
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut blocks = Vec::new();
    for _ in 0..weights / layout.elements as usize {
        let mut block: Vec<u8> = (0..layout.bytes).map(|_| next() as u8).collect();
        for &at in halves(kind) {
            let level = [0.0, 6e-8, 1e-4, 0.01, 0.01, 0.01, 0.3, 40_000.0][next() as usize % 8];
            let spread = 1.0 + (next() % 1000) as f32 / 2000.0;
            let sign = if next() % 4 == 0 { -1.0 } else { 1.0 };
            block[at..at + 2].copy_from_slice(&f16::from_f32(level * spread * sign).to_le_bytes());
        }
        blocks.extend(block);
    }
    blocks
}

const BLOCK_TYPES: [TensorType; 8] = [
    TensorType::Q4_0,
    TensorType::Q4_1,
    TensorType::Q5_0,
    TensorType::Q5_1,
    TensorType::Q8_0,
    TensorType::Q4_K,
    TensorType::Q5_K,
    TensorType::Q6_K,
];

/// The tiny model with the second matrix of its feed-forward parts replaced, 256 by 64.
fn with_matrix(kind: TensorType, data: &[u8]) -> Vec<u8> {
    altered(|writer| {
        writer.set("llama.feed_forward_length", &Value::U32(256));
        for layer in 0..2 {
            for part in ["ffn_gate", "ffn_up"] {
                let tensor = writer.tensor(&format!("blk.{layer}.{part}.weight"));
                tensor.dimensions = vec![64, 256];
                tensor.data = tensor.data.repeat(2);
            }
            let tensor = writer.tensor(&format!("blk.{layer}.ffn_down.weight"));
            tensor.dimensions = vec![256, 64];
            tensor.kind = kind.id();
            tensor.data = data.to_vec();
        }
    })
}

#[test]
fn every_block_type_keeps_its_weights_whatever_its_bytes() {
    for kind in BLOCK_TYPES {
        for seed in 0..4 {
            let file = with_matrix(kind, &any_blocks(kind, 256 * 64, seed));
            let (gguf, package) = (Gguf::parse(&file).unwrap(), import_bytes(&file).unwrap());
            let (from, to) = ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj");
            check_matrix(&format!("{} seed {seed}", kind.name()), &package, &gguf, from, to, 0);
        }
    }
}

/// Who packs the weights more narrowly goes by these: numbers of 5 and 6 bits stay so.
#[test]
fn numbers_stay_in_the_range_of_their_type() {
    for (kind, bits, block, most, zero_points) in [
        (TensorType::Q4_0, 4, 32, 15, None),
        (TensorType::Q4_1, 4, 32, 15, Some(1)),
        (TensorType::Q5_0, 8, 32, 31, Some(2)),
        (TensorType::Q5_1, 8, 32, 31, Some(1)),
        (TensorType::Q8_0, 8, 32, 255, None),
        (TensorType::Q4_K, 4, 32, 15, Some(1)),
        (TensorType::Q5_K, 8, 32, 31, Some(1)),
        (TensorType::Q6_K, 8, 16, 63, Some(2)),
    ] {
        let name = kind.name();
        let package = import_bytes(&with_matrix(kind, &any_blocks(kind, 256 * 64, 9))).unwrap();
        let to = "model.layers.0.mlp.down_proj";
        let weight = format!("{to}.weight_q{bits}");
        assert_eq!(
            package.initialiser(&weight).dims,
            [64, 256 / block, block * bits / 8],
            "{name}"
        );
        let scales = package.initialiser(&format!("{to}.scales"));
        assert_eq!(scales.dims, [64, 256 / block], "{name}");
        let points = package.find(&format!("{to}.zero_points"));
        assert_eq!(points.map(|points| points.data_type), zero_points, "{name}");
        assert!(points.is_none_or(|points| points.dims == scales.dims), "{name}");
        if bits == 8 {
            let found = package.bytes(&weight).iter().max();
            assert_eq!(found, Some(&most), "{name}");
        }
        let node = package.node("/model/layers.0/mlp/down_proj/MatMulNBits");
        let attribute = |name| node.attribute.iter().find(|a| a.name == name).unwrap().i;
        assert_eq!((attribute("bits"), attribute("block_size")), (bits, block), "{name}");
    }
}

#[test]
fn numbers_of_any_type_are_the_files_exactly() {
    let numbers: Vec<f32> = (0..256 * 64).map(|i| (i as f32 * 0.37).sin() * 3e-5).collect();
    let bytes = |kind| -> Vec<u8> {
        match kind {
            TensorType::F32 => numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
            TensorType::F16 => {
                numbers.iter().flat_map(|n| f16::from_f32(*n).to_le_bytes()).collect()
            }
            _ => numbers.iter().flat_map(|n| bf16::from_f32(*n).to_le_bytes()).collect(),
        }
    };
    for (kind, written) in [(TensorType::F32, 1), (TensorType::F16, 10), (TensorType::BF16, 1)] {
        let file = with_matrix(kind, &bytes(kind));
        let (gguf, package) = (Gguf::parse(&file).unwrap(), import_bytes(&file).unwrap());
        let (from, to) = ("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj");
        check_matrix(&kind.name(), &package, &gguf, from, to, 0);
        assert_eq!(package.initialiser(&format!("{to}.weight")).data_type, written);
    }
}

#[test]
fn embeddings_are_the_files_exactly() {
    for (name, file) in TINY {
        let gguf = Gguf::parse(file).unwrap();
        let package = import_bytes(file).unwrap();
        let wanted = reference(gguf.tensor("token_embd.weight").unwrap());
        let wanted: Vec<f32> = wanted.into_iter().map(|(weight, _)| weight).collect();
        let found = match name.starts_with('q') {
            true => nbits_weights(&package, "model.embed_tokens", 8),
            false => number_weights(&package, "model.embed_tokens.weight"),
        };
        assert!(found == wanted, "{name}");
    }
}

#[test]
fn a_shared_head_lies_in_the_data_file_once() {
    for name in ["q4_1", "q4_0"] {
        let package = import_bytes(tiny(name)).unwrap();
        let embedding = package.external("model.embed_tokens.weight_q8");
        assert_eq!(package.external("lm_head.weight_q8"), embedding);
        assert_eq!(package.initialiser("model.embed_tokens.weight_q8").dims, [512, 64]);
        assert_eq!(package.initialiser("lm_head.weight_q8").dims, [512, 2, 32]);
    }
}

#[test]
fn a_shared_table_of_numbers_is_turned_by_the_graph() {
    let mut writer = Writer::copy(&Gguf::parse(tiny("f16")).unwrap());
    writer.tensors.retain(|tensor| tensor.name != "output.weight");
    let package = import_bytes(&writer.bytes()).unwrap();
    assert_eq!(package.operators()["Transpose"], 1);
    assert_eq!(package.operators()["MatMul"], 15);
}

/// The tiny model with another embedding, which is the head as well.
fn with_embedding(kind: TensorType) -> Vec<u8> {
    altered(|writer| {
        let embedding = writer.tensor("token_embd.weight");
        embedding.kind = kind.id();
        embedding.data = any_blocks(kind, 512 * 64, 3);
    })
}

#[test]
fn an_embedding_with_minimums_has_them_added_to_its_blocks() {
    for (kind, bits) in [(TensorType::Q4_1, 4), (TensorType::Q5_1, 8)] {
        let file = with_embedding(kind);
        let (gguf, package) = (Gguf::parse(&file).unwrap(), import_bytes(&file).unwrap());
        let name = kind.name();
        let wanted = reference(gguf.tensor("token_embd.weight").unwrap());
        let gathered = &package.node("/model/embed_tokens/GatherBlockQuantized").input;
        assert!(package.bytes(&gathered[3]).iter().all(|zero_point| *zero_point == 0), "{name}");
        let (scales, minimums) =
            (package.floats(&gathered[2]), package.floats("model.embed_tokens.minimums"));
        let quants = unpacked(package.bytes(&gathered[0]), bits);
        for (i, (wanted, _)) in wanted.iter().enumerate() {
            let found = f32::from(quants[i]) * scales[i / 32] + minimums[i / 32];
            assert_eq!(found, *wanted, "{name} {i}");
        }
        let embedding = package.external(&gathered[0]);
        assert_eq!(package.external(&format!("lm_head.weight_q{bits}")), embedding, "{name}");
        let head = &package.node("/lm_head/MatMulNBits").input;
        assert_eq!(head[2], gathered[2], "{name}");
        let points = package.floats(&head[3]);
        for (i, (wanted, magnitude)) in wanted.iter().enumerate() {
            let found = (f32::from(quants[i]) - points[i / 32]) * scales[i / 32];
            assert!((found - wanted).abs() <= 2.0 * ulp(*magnitude), "{name} {i}");
        }
    }
}

#[test]
fn zero_points_that_no_head_reads_are_not_written() {
    let file = {
        let mut writer = Writer::copy(&Gguf::parse(&with_embedding(TensorType::Q4_1)).unwrap());
        let head =
            Written { name: "output.weight".into(), ..writer.tensor("token_embd.weight").clone() };
        writer.tensors.push(head);
        writer.bytes()
    };
    let package = import_bytes(&file).unwrap();
    assert!(package.find("model.embed_tokens.zero_points").is_none());
    assert!(package.find("lm_head.zero_points").is_some());
}

#[test]
fn an_embedding_with_whole_zero_points_is_shared_with_them() {
    let file = with_embedding(TensorType::Q5_0);
    let (gguf, package) = (Gguf::parse(&file).unwrap(), import_bytes(&file).unwrap());
    let wanted = reference(gguf.tensor("token_embd.weight").unwrap());
    let found = nbits_weights(&package, "model.embed_tokens", 8);
    assert!(found.iter().zip(&wanted).all(|(found, (wanted, _))| found == wanted));
    let embedding = package.external("model.embed_tokens.weight_q8");
    assert_eq!(package.external("lm_head.weight_q8"), embedding);
    let head = &package.node("/lm_head/MatMulNBits").input;
    assert_eq!(head[3], "model.embed_tokens.zero_points");
    assert_eq!(package.node("/model/embed_tokens/GatherBlockQuantized").input[3], head[3]);
}

#[test]
fn neighbours_share_a_byte_and_the_first_is_low() {
    // Weight i has the nibble i % 16: as ggml stores it, low halves are 0..16, high ones as well.
    let halves: Vec<u8> = (0..16).map(|i| i | (i << 4)).collect();
    let mut packed = Packed::default();
    BlockType::Q4_0.pack(&[&[0, 0x3c], halves.as_slice()].concat(), &mut packed).unwrap();
    let pairs: Vec<u8> = (0..8).map(|i| (2 * i) | ((2 * i + 1) << 4)).collect();
    let (quants, scales) = (pairs.repeat(2), vec![1.0]);
    assert_eq!(packed, Packed { quants, scales, ..Packed::default() });
}

#[test]
fn a_block_without_a_scale_is_its_minimum() {
    let half = |number: f32| f16::from_f32(number).to_le_bytes();
    for (scale, minimum) in [(0.0, 0.75), (0.0, 0.0), (-0.0, -3.0), (1e-7, 60_000.0)] {
        let block = [&half(scale)[..], &half(minimum), &[0xa5; 16]].concat();
        let mut packed = Packed::default();
        BlockType::Q4_1.pack(&block, &mut packed).unwrap();
        for i in 0..32 {
            let nibble = if i < 16 { 5.0 } else { 10.0 };
            let half = |number: f32| f16::from_f32(number).to_f32();
            let wanted = half(scale) * nibble + half(minimum);
            let quant = f32::from((packed.quants[i / 2] >> (4 * (i % 2))) & 15);
            let found = (quant - packed.zero_points[0]) * packed.scales[0];
            let near = 2.0 * ulp(f16::from_f32(minimum).to_f32().abs());
            assert!((found - wanted).abs() <= near, "{scale} {minimum}: {found} for {wanted}");
        }
    }
}

#[test]
fn rotary_pairs_move_half_a_head_apart() {
    let order = RowOrder::RotaryPairs { head_width: 8 };
    let sources: Vec<usize> = (0..16).map(|row| order.source(row)).collect();
    assert_eq!(sources, [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15]);
}

#[test]
fn rotary_caches_hold_the_angle_of_each_position() {
    let package = import_bytes(tiny("q4_1")).unwrap();
    let (cos, sin) = (package.floats("cos_cache"), package.floats("sin_cache"));
    assert_eq!(package.initialiser("cos_cache").dims, [512, 8]);
    for (position, pair) in [(0, 0), (1, 0), (7, 3), (511, 7)] {
        let angle = f64::from(position as u32) * 10_000_f64.powf(-f64::from(pair as u32) / 8.0);
        assert_eq!(cos[position * 8 + pair], angle.cos() as f32);
        assert_eq!(sin[position * 8 + pair], angle.sin() as f32);
    }
}

#[test]
fn rotary_factors_divide_the_angles() {
    let file = altered(|writer| {
        writer.tensors.push(Written {
            name: "rope_freqs.weight".into(),
            dimensions: vec![8],
            kind: TensorType::F32.id(),
            data: 4.0_f32.to_le_bytes().repeat(8),
        });
    });
    let (plain, divided) = (import_bytes(tiny("q4_1")).unwrap(), import_bytes(&file).unwrap());
    let (plain, divided) = (plain.floats("cos_cache"), divided.floats("cos_cache"));
    assert_eq!(plain[8 * 3..8 * 4], divided[8 * 12..8 * 13]);
}
