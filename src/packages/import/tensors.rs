//! Which tensors an architecture has, and in which shapes.

use super::ImportError;
use super::architecture::Architecture;
use super::family::Bias;
use super::weights::{check_matrix_type, check_vector_type};
use crate::packages::gguf::{Gguf, Tensor};

pub(super) const EMBEDDING: &str = "token_embd.weight";
pub(super) const FINAL_NORM: &str = "output_norm.weight";
/// Absent where the embedding is the head as well.
pub(super) const HEAD: &str = "output.weight";
/// Divisors of the rotary frequencies; seldom there.
pub(super) const ROTARY_FACTORS: &str = "rope_freqs.weight";

/// What each layer has.
const LAYER: [&str; 9] = [
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_output.weight",
    "ffn_norm.weight",
    "ffn_gate.weight",
    "ffn_up.weight",
    "ffn_down.weight",
];
const BIASES: [&str; 3] = ["attn_q.bias", "attn_k.bias", "attn_v.bias"];

/// Refuses what is missing, superfluous, misshapen or of a type that cannot be imported.
pub(super) fn check(gguf: &Gguf<'_>, a: &Architecture) -> Result<(), ImportError> {
    for tensor in gguf.tensors() {
        let (wanted, check_type) =
            expected(tensor.name, a).ok_or_else(|| ImportError::UnexpectedTensor {
                tensor: tensor.name.to_owned(),
                architecture: a.family.name(),
            })?;
        if tensor.dimensions() != wanted {
            return Err(ImportError::Shape {
                tensor: tensor.name.to_owned(),
                found: tensor.dimensions().to_vec(),
                wanted,
            });
        }
        check_type(tensor)?;
    }
    let biases = match a.family.bias() {
        Bias::Always => BIASES.as_slice(),
        Bias::WherePresent => &[],
    };
    let parts = || LAYER.iter().chain(biases);
    let layered = (0..a.layers).flat_map(|layer| parts().map(move |part| name(layer, part)));
    let once = [EMBEDDING, FINAL_NORM].map(str::to_owned);
    match once.into_iter().chain(layered).find(|name| gguf.tensor(name).is_none()) {
        Some(name) => Err(ImportError::MissingTensor(name)),
        None => Ok(()),
    }
}

/// `blk.0.attn_q.weight` and the like.
pub(super) fn name(layer: usize, part: &str) -> String {
    format!("blk.{layer}.{part}")
}

type TypeCheck = fn(&Tensor<'_>) -> Result<(), ImportError>;

fn expected(tensor: &str, a: &Architecture) -> Option<(Vec<u64>, TypeCheck)> {
    let vector = |n: usize| Some((vec![n as u64], check_vector_type as TypeCheck));
    let matrix =
        |k: usize, n: usize| Some((vec![k as u64, n as u64], check_matrix_type as TypeCheck));
    match tensor {
        EMBEDDING | HEAD => return matrix(a.hidden, a.vocabulary),
        FINAL_NORM => return vector(a.hidden),
        ROTARY_FACTORS if a.family.has_rotary_factors() => return vector(a.head_width / 2),
        _ => {}
    }
    let (queries, keys) = (a.heads * a.head_width, a.kv_heads * a.head_width);
    let (layer, part) = tensor.strip_prefix("blk.")?.split_once('.')?;
    layer.parse::<usize>().ok().filter(|&layer| layer < a.layers)?;
    match part {
        "attn_norm.weight" | "ffn_norm.weight" => vector(a.hidden),
        "attn_q.weight" => matrix(a.hidden, queries),
        "attn_q.bias" => vector(queries),
        "attn_k.weight" | "attn_v.weight" => matrix(a.hidden, keys),
        "attn_k.bias" | "attn_v.bias" => vector(keys),
        "attn_output.weight" => matrix(queries, a.hidden),
        "ffn_gate.weight" | "ffn_up.weight" => matrix(a.hidden, a.feed_forward),
        "ffn_down.weight" => matrix(a.feed_forward, a.hidden),
        _ => None,
    }
}
