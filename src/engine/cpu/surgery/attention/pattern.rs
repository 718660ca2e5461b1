//! The skeleton of attention: two products with a softmax between them.

use tract_onnx::pb::NodeProto;

use crate::engine::cpu::surgery::graph::{Links, Shapes, input, inputs, output};
use crate::engine::cpu::surgery::rows::Rows;

/// Between the first product and the softmax: scale, mask, softcap.
const BEFORE: [&str; 7] = ["Add", "Sub", "Mul", "Div", "Where", "Cast", "Tanh"];
/// Between the softmax and the second product.
const BETWEEN: [&str; 5] = ["Cast", "Where", "Slice", "Dropout", "Mul"];
/// After the second product.
const AFTER: [&str; 6] = ["Transpose", "Reshape", "Cast", "Squeeze", "Flatten", "Identity"];

/// Where in the graph an attention is.
pub(super) struct Pattern<'g> {
    pub(super) softmax: &'g NodeProto,
    /// Query and key as they are multiplied, and the value as its weighted sum is taken.
    pub(super) operands: [&'g str; 3],
    /// What the softmax is taken of.
    pub(super) scores: &'g str,
    /// What scores are combined with on their way: scale and masks.
    pub(super) sides: Vec<&'g str>,
    /// The weighted sum and what it becomes, the last first.
    pub(super) outputs: Vec<&'g str>,
}

/// The rows that become query, key and value, with their widths.
#[derive(Debug, Clone)]
pub(super) struct Cuts<'g>([(&'g str, usize); 3]);

impl<'g> Cuts<'g> {
    pub(super) fn names(&self) -> [&'g str; 3] {
        self.0.map(|(name, _)| name)
    }

    pub(super) fn widths(&self) -> [usize; 3] {
        self.0.map(|(_, width)| width)
    }
}

impl<'g> Pattern<'g> {
    /// The attention around a softmax; `None` where it is not one.
    pub(super) fn find(links: &Links<'g>, softmax: &'g NodeProto) -> Option<Self> {
        const MAX_STEPS: usize = 12;
        let scores = input(softmax, 0)?;
        let path = path_to_product(links, scores, MAX_STEPS)?;
        let (product, path) = path.split_last()?;
        let mut on_path: Vec<&str> = path.iter().filter_map(|node| output(node, 0)).collect();
        on_path.extend(output(product, 0));
        let sides = path.iter().flat_map(|node| inputs(node));
        let sides = sides.filter(|name| !on_path.contains(name) && !links.is_constant(name));
        let (sum, values) = weighted_sum(links, output(softmax, 0)?, MAX_STEPS)?;
        Some(Self {
            softmax,
            operands: [input(product, 0)?, input(product, 1)?, values],
            scores,
            sides: sides.collect(),
            outputs: outputs(links, output(sum, 0)?),
        })
    }

    /// The rows that this attention starts from.
    pub(super) fn cuts(&self, links: &Links<'g>, rows: &Rows) -> Result<Cuts<'g>, String> {
        let rows_of = |name: &'g str| -> Vec<(&'g str, usize)> {
            let sources = links.sources(name, Shapes::Ignored, |name| rows.width(name).is_some());
            sources.into_iter().filter_map(|name| Some((name, rows.width(name)?))).collect()
        };
        let mut found = Vec::new();
        for (operand, what) in self.operands.into_iter().zip(["query", "key", "value"]) {
            match *rows_of(operand) {
                [one] => found.push(one),
                [] => return Err(format!("its {what} is not made of rows of tokens")),
                _ => return Err(format!("its {what} is made of more than one tensor")),
            }
        }
        let &[q, k, v] = found.as_slice() else { return Err("no operands".to_owned()) };
        if q.0 == k.0 || q.0 == v.0 || k.0 == v.0 {
            return Err(format!("query, key and value are not told apart in {}", q.0));
        }
        let all = self.outputs.first().map(|&out| rows_of(out)).unwrap_or_default();
        match all.iter().find(|(name, _)| ![q.0, k.0, v.0].contains(name)) {
            Some((name, _)) => Err(format!("it also depends on {name}")),
            None => Ok(Cuts([q, k, v])),
        }
    }
}

/// From what the softmax is taken of to the product of queries and keys, that product last.
fn path_to_product<'g>(links: &Links<'g>, name: &str, steps: usize) -> Option<Vec<&'g NodeProto>> {
    let (_, node) = links.producer(name)?;
    if node.op_type == "MatMul" {
        let varies = inputs(node).all(|name| !links.is_constant(name));
        return varies.then(|| vec![node]);
    }
    if steps == 0 || !BEFORE.contains(&node.op_type.as_str()) {
        return None;
    }
    let mut rest = inputs(node).find_map(|name| path_to_product(links, name, steps - 1))?;
    rest.insert(0, node);
    Some(rest)
}

/// The product of weights and values, and the values.
fn weighted_sum<'g>(
    links: &Links<'g>,
    weights: &'g str,
    steps: usize,
) -> Option<(&'g NodeProto, &'g str)> {
    let mut weights = weights;
    for _ in 0..steps {
        let mut consumers = links.consumers(weights).map(|(_, node)| node);
        let next = consumers
            .find(|node| node.op_type == "MatMul" || BETWEEN.contains(&node.op_type.as_str()))?;
        if next.op_type == "MatMul" {
            let values = input(next, 1)?;
            return (input(next, 0) == Some(weights)).then_some((next, values));
        }
        weights = output(next, 0)?;
    }
    None
}

/// `sum` and what only lays it out anew, the last first.
fn outputs<'g>(links: &Links<'g>, sum: &'g str) -> Vec<&'g str> {
    let mut found = vec![sum];
    let mut name = sum;
    while let Some((_, node)) = links.consumer(name)
        && AFTER.contains(&node.op_type.as_str())
        && input(node, 0) == Some(name)
        && let Some(out) = output(node, 0)
    {
        found.insert(0, out);
        name = out;
    }
    found
}
