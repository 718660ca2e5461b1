//! Weights of the ONNX form against the GGUF's.

use half::f16;

use super::super::blocks::{self, BlockType, Packed};
use super::super::rotary::RowOrder;
use super::*;
use crate::packages::gguf::{Tensor, TensorType};

/// Weights of a tensor and the magnitude of each one's block, straight from the formats' text.
fn reference(tensor: &Tensor<'_>) -> Vec<(f32, f32)> {
    let half = |bytes: &[u8]| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
    let block_bytes = tensor.kind.layout().unwrap().bytes as usize;
    let mut weights = Vec::new();
    for block in tensor.data().chunks(block_bytes) {
        let nibble = |i: usize, from: usize| match i {
            0..16 => block[from + i] & 15,
            _ => block[from + i - 16] >> 4,
        };
        let block: Vec<f32> = match tensor.kind {
            TensorType::F32 => vec![f32::from_le_bytes(block.try_into().unwrap())],
            TensorType::F16 => vec![half(block)],
            TensorType::Q8_0 => {
                (0..32).map(|i| half(block) * f32::from(block[2 + i] as i8)).collect()
            }
            TensorType::Q4_0 => {
                (0..32).map(|i| half(block) * (f32::from(nibble(i, 2)) - 8.0)).collect()
            }
            TensorType::Q4_1 => {
                (0..32).map(|i| half(block) * f32::from(nibble(i, 4)) + half(&block[2..])).collect()
            }
            other => panic!("{}", other.name()),
        };
        let magnitude = block.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        weights.extend(block.into_iter().map(|weight| (weight, magnitude)));
    }
    weights
}

/// Weights as `MatMulNBits` means them, a row per output.
fn nbits_weights(package: &Package, name: &str, bits: usize) -> Vec<f32> {
    let quants = package.bytes(&format!("{name}.weight_q{bits}"));
    let scales = package.floats(&format!("{name}.scales"));
    let has_points = package.model.graph.as_ref().unwrap().initializer.iter();
    let points = format!("{name}.zero_points");
    let points = match has_points.clone().any(|tensor| tensor.name == points) {
        true => package.floats(&points),
        false => vec![(1 << (bits - 1)) as f32; scales.len()],
    };
    let quant = |i: usize| match bits {
        8 => quants[i],
        _ => (quants[i / 2] >> (4 * (i % 2))) & 15,
    };
    (0..scales.len() * 32)
        .map(|i| (f32::from(quant(i)) - points[i / 32]) * scales[i / 32])
        .collect()
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

fn check_matrix(name: &str, package: &Package, gguf: &Gguf<'_>, from: &str, to: &str, head: usize) {
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

#[test]
fn an_embedding_of_q4_1_becomes_a_table_of_numbers() {
    let file = altered(|writer| {
        let source = writer.tensor("blk.0.ffn_gate.weight").data.clone();
        let embedding = writer.tensor("token_embd.weight");
        embedding.kind = TensorType::Q4_1.id();
        embedding.data = source.repeat(4);
    });
    let package = import_bytes(&file).unwrap();
    let gguf = Gguf::parse(&file).unwrap();
    let wanted = reference(gguf.tensor("token_embd.weight").unwrap());
    let found = package.floats("model.embed_tokens.weight");
    assert!(found.iter().zip(&wanted).all(|(found, (wanted, _))| found == wanted));
    check_matrix("q4_1", &package, &gguf, "token_embd.weight", "lm_head", 0);
}

#[test]
fn neighbours_share_a_byte_and_the_first_is_low() {
    // Weight i has the nibble i % 16: as ggml stores it, low halves are 0..16, high ones as well.
    let halves: Vec<u8> = (0..16).map(|i| i | (i << 4)).collect();
    let mut packed = Packed::default();
    BlockType::Q4_0.pack(&[&[0, 0x3c], halves.as_slice()].concat(), &mut packed).unwrap();
    let pairs: Vec<u8> = (0..8).map(|i| (2 * i) | ((2 * i + 1) << 4)).collect();
    assert_eq!(packed, Packed { quants: pairs.repeat(2), scales: vec![1.0], zero_points: vec![] });
}

#[test]
fn a_block_without_a_scale_is_its_minimum() {
    let half = |number: f32| f16::from_f32(number).to_le_bytes();
    for (scale, minimum) in [(0.0, 0.75), (0.0, 0.0), (-0.0, -3.0), (1e-7, 60_000.0)] {
        let block = [&half(scale)[..], &half(minimum), &[0xa5; 16]].concat();
        let mut packed = Packed::default();
        BlockType::Q4_1.pack(&block, &mut packed).unwrap();
        let mut wanted = Vec::new();
        blocks::dequantise(BlockType::Q4_1, &block, &mut wanted).unwrap();
        for (i, wanted) in wanted.iter().enumerate() {
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
        writer.tensors.push(crate::packages::gguf::writing::Written {
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
