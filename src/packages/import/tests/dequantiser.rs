//! A second reading of ggml's block types: `dequantize_row_*` of `ggml-quants.c`, line by line and
//! with the indices as they stand there, to compare the importer's own reading with.

use half::{bf16, f16};

use crate::packages::gguf::{Tensor, TensorType};

/// Weights of a tensor, with the largest magnitude among those that share each one's scale.
pub(super) fn weights(tensor: &Tensor<'_>) -> Vec<(f32, f32)> {
    let block_bytes = tensor.kind.layout().unwrap().bytes as usize;
    let all: Vec<f32> =
        tensor.data().chunks(block_bytes).flat_map(|b| block(tensor.kind, b)).collect();
    let group = match tensor.kind {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => 1,
        TensorType::Q6_K => 16,
        _ => 32,
    };
    let magnitude = |group: &[f32]| group.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    all.chunks(group).flat_map(|g| g.iter().map(|&w| (w, magnitude(g)))).collect()
}

/// Where a block has halves, so that tests can fill the rest with anything.
pub(super) fn halves(kind: TensorType) -> &'static [usize] {
    match kind {
        TensorType::Q4_0 | TensorType::Q5_0 | TensorType::Q8_0 => &[0],
        TensorType::Q4_1 | TensorType::Q5_1 | TensorType::Q4_K | TensorType::Q5_K => &[0, 2],
        TensorType::Q6_K => &[208],
        other => panic!("{}", other.name()),
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

fn block(kind: TensorType, x: &[u8]) -> Vec<f32> {
    match kind {
        TensorType::F32 => vec![f32::from_le_bytes(x.try_into().unwrap())],
        TensorType::F16 => vec![half(x)],
        TensorType::BF16 => vec![bf16::from_le_bytes([x[0], x[1]]).to_f32()],
        TensorType::Q8_0 => (0..32).map(|j| half(x) * f32::from(x[2 + j] as i8)).collect(),
        TensorType::Q4_0 => small(4, None, &x[2..], |q| half(x) * (q - 8) as f32),
        TensorType::Q4_1 => small(4, None, &x[4..], |q| half(x) * q as f32 + half(&x[2..])),
        TensorType::Q5_0 => small(5, Some(&x[2..6]), &x[6..], |q| half(x) * (q - 16) as f32),
        TensorType::Q5_1 => {
            small(5, Some(&x[4..8]), &x[8..], |q| half(x) * q as f32 + half(&x[2..]))
        }
        TensorType::Q4_K => q4_k(x),
        TensorType::Q5_K => q5_k(x),
        TensorType::Q6_K => q6_k(x),
        other => panic!("{}", other.name()),
    }
}

fn small(bits: u32, high: Option<&[u8]>, qs: &[u8], weight: impl Fn(i32) -> f32) -> Vec<f32> {
    let qh = high.map_or(0, |b| u32::from_le_bytes(b.try_into().unwrap()));
    let mut y = vec![0.0; 32];
    for j in 0..16 {
        let xh_0 = ((qh >> j) << 4) & 0x10;
        let xh_1 = (qh >> (j + 12)) & 0x10;
        assert!(bits == 5 || xh_0 | xh_1 == 0);
        y[j] = weight((u32::from(qs[j] & 0x0f) | xh_0) as i32);
        y[j + 16] = weight((u32::from(qs[j] >> 4) | xh_1) as i32);
    }
    y
}

fn get_scale_min_k4(j: usize, q: &[u8]) -> (u8, u8) {
    if j < 4 {
        (q[j] & 63, q[j + 4] & 63)
    } else {
        ((q[j + 4] & 0xf) | ((q[j - 4] >> 6) << 4), (q[j + 4] >> 4) | ((q[j] >> 6) << 4))
    }
}

fn q4_k(x: &[u8]) -> Vec<f32> {
    let (d, min, scales, mut q) = (half(x), half(&x[2..]), &x[4..16], &x[16..]);
    let mut y = Vec::new();
    for is in (0..8).step_by(2) {
        let (sc, m) = get_scale_min_k4(is, scales);
        let (d1, m1) = (d * f32::from(sc), min * f32::from(m));
        let (sc, m) = get_scale_min_k4(is + 1, scales);
        let (d2, m2) = (d * f32::from(sc), min * f32::from(m));
        y.extend((0..32).map(|l| d1 * f32::from(q[l] & 0xf) - m1));
        y.extend((0..32).map(|l| d2 * f32::from(q[l] >> 4) - m2));
        q = &q[32..];
    }
    y
}

fn q5_k(x: &[u8]) -> Vec<f32> {
    let (d, min, scales, qh, mut ql) = (half(x), half(&x[2..]), &x[4..16], &x[16..48], &x[48..]);
    let (mut u1, mut u2) = (1_u8, 2_u8);
    let mut y = Vec::new();
    for is in (0..8).step_by(2) {
        let (sc, m) = get_scale_min_k4(is, scales);
        let (d1, m1) = (d * f32::from(sc), min * f32::from(m));
        let (sc, m) = get_scale_min_k4(is + 1, scales);
        let (d2, m2) = (d * f32::from(sc), min * f32::from(m));
        let fifth = |l: usize, u: u8| if qh[l] & u != 0 { 16 } else { 0 };
        y.extend((0..32).map(|l| d1 * f32::from((ql[l] & 0xf) + fifth(l, u1)) - m1));
        y.extend((0..32).map(|l| d2 * f32::from((ql[l] >> 4) + fifth(l, u2)) - m2));
        ql = &ql[32..];
        (u1, u2) = (u1.wrapping_shl(2), u2.wrapping_shl(2));
    }
    y
}

fn q6_k(x: &[u8]) -> Vec<f32> {
    let d = half(&x[208..]);
    let (mut ql, mut qh, mut sc) = (&x[..128], &x[128..192], &x[192..208]);
    let mut y = vec![0.0; 256];
    for n in (0..256).step_by(128) {
        let y = &mut y[n..];
        for l in 0..32 {
            let is = l / 16;
            let scale = |i: usize| d * f32::from(sc[i] as i8);
            let weight = |low: u8, high: u8| f32::from((low | ((high & 3) << 4)) as i8 - 32);
            y[l] = scale(is) * weight(ql[l] & 0xf, qh[l]);
            y[l + 32] = scale(is + 2) * weight(ql[l + 32] & 0xf, qh[l] >> 2);
            y[l + 64] = scale(is + 4) * weight(ql[l] >> 4, qh[l] >> 4);
            y[l + 96] = scale(is + 6) * weight(ql[l + 32] >> 4, qh[l] >> 6);
        }
        (ql, qh, sc) = (&ql[64..], &qh[32..], &sc[8..]);
    }
    y
}
