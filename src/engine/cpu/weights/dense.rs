//! Weights of products that many rows share.

use tract_onnx::pb::NodeProto;

use super::{Taken, WEIGHTS, WIDTHS, attribute, input, integers};
use crate::engine::cpu::kernels::dense::{ByteTiles, Dense, FloatTiles};
use crate::engine::cpu::ops;

/// Set where stored weights are outputs × inputs.
pub(in crate::engine::cpu) const TURNED: &str = "turned";

impl Taken<'_> {
    /// What is left of a product: its rows are its first input, its weights, their scales and zero
    /// points the next three.
    pub(super) fn shared(&mut self, node: &NodeProto) -> Result<NodeProto, String> {
        let names = [1, 2, 3].map(|at| input(node, at).unwrap_or_default());
        let turned = attribute(node, TURNED) == Some(1);
        let mut key: Vec<String> = names.to_vec();
        key.push(turned.to_string());
        let number = match self.known_shared.get(&key) {
            Some(&number) => number,
            None => {
                let dense = match node.op_type.as_str() {
                    ops::SHARED_FLOAT => self.shared_floats(&names, turned)?,
                    _ => self.shared_bytes(&names, turned)?,
                };
                self.weights.dense.push(dense);
                let number = self.weights.dense.len() - 1;
                self.known_shared.insert(key, number);
                number
            }
        };
        let width = self.weights.dense(number).map_or(0, |dense| dense.outputs);
        let mut left = NodeProto { op_type: ops::DENSE.to_owned(), ..node.clone() };
        left.input.truncate(1);
        left.domain.clear();
        left.attribute.retain(|a| a.name != TURNED);
        left.attribute.push(integers(WEIGHTS, vec![number as i64]));
        left.attribute.push(integers(WIDTHS, vec![width as i64]));
        Ok(left)
    }

    /// Inputs and outputs of stored weights.
    fn sizes(&self, name: &str, turned: bool) -> Result<(usize, usize), String> {
        match self.tensors.shape(name)?.as_slice() {
            &[first, second] if first > 0 && second > 0 => {
                Ok(if turned { (second, first) } else { (first, second) })
            }
            other => Err(format!("weights of shape {other:?}; two axes are expected")),
        }
    }

    fn shared_floats(&self, [weights, ..]: &[String; 3], turned: bool) -> Result<Dense, String> {
        let (inputs, outputs) = self.sizes(weights, turned)?;
        let values = self.tensors.floats(weights)?;
        if values.len() != inputs * outputs {
            return Err(format!("{} weights for {inputs} × {outputs}", values.len()));
        }
        let value = |at: usize| values.get(at).copied().unwrap_or_default();
        Ok(Dense::from(FloatTiles::new(inputs, outputs, |input, output| {
            value(if turned { output * inputs + input } else { input * outputs + output })
        })))
    }

    fn shared_bytes(&self, names: &[String; 3], turned: bool) -> Result<Dense, String> {
        let [weights, scales, zeros] = names;
        let (inputs, outputs) = self.sizes(weights, turned)?;
        let values = self.tensors.bytes(weights)?;
        if values.len() != inputs * outputs {
            return Err(format!("{} weights for {inputs} × {outputs}", values.len()));
        }
        let each = |values: Vec<f32>, what: &str| match values.as_slice() {
            [one] => Ok(vec![*one; outputs]),
            _ if values.len() == outputs => Ok(values),
            _ => Err(format!("{} {what} for {outputs} outputs", values.len())),
        };
        // Bytes without sign are held less 128, and so are their zero points.
        let unsigned = self.tensors.is_bytes(weights)?;
        let shift = if unsigned { 128 } else { 0 };
        let zeros = match zeros.as_str() {
            "" => vec![0.0],
            _ => self.tensors.floats(zeros)?,
        };
        let zeros: Vec<i32> =
            each(zeros, "zero points")?.into_iter().map(|zero| zero as i32 - shift).collect();
        let scales = each(self.tensors.floats(scales)?, "scales")?;
        let value = |at: usize| {
            let value = values.get(at).copied().unwrap_or_default();
            (if unsigned { value ^ 128 } else { value }).cast_signed()
        };
        let tiles = ByteTiles::new(inputs, &scales, &zeros, |input, output| {
            value(if turned { output * inputs + input } else { input * outputs + output })
        });
        Ok(Dense::from(tiles?))
    }
}
