//! Where values are: which buffers there must be, and which value is where in which.
//!
//! The results of one operation's products lie side by side in the rows of one block. Blocks of the
//! same width whose values are never needed at once share a buffer. Of other widths they do not: what
//! lies behind a row's numbers stays zero for ever, and kernels read it.

use std::collections::HashMap;

use crate::GpuError;
use crate::graph::{Attention, Graph, Mutual, Operation, ValueId};
use crate::kernels::Rows;
use crate::weights::BLOCK;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The operation whose results lie together.
    pub(super) block: usize,
    /// The buffer.
    pub(crate) buffer: usize,
    /// First number in a row.
    pub(crate) from: usize,
    /// Numbers of a row of the buffer; a multiple of 32.
    pub(crate) stride: usize,
    pub(crate) rows: Rows,
}

/// All places.
#[derive(Debug)]
pub(super) struct Values {
    places: HashMap<ValueId, Place>,
    widths: Vec<usize>,
    /// Of each buffer: numbers of a row, and which rows it has.
    pub(super) buffers: Vec<(usize, Rows)>,
}

impl Values {
    pub(super) fn of(graph: &Graph<'_>) -> Result<Self, GpuError> {
        let mut values =
            Self { places: HashMap::new(), widths: graph.values.clone(), buffers: Vec::new() };
        let last = last_uses(graph);
        // The operation after which each buffer's block is no more needed.
        let mut busy: Vec<usize> = Vec::new();
        let mut widths: Vec<usize> = Vec::new();
        for (at, operation) in graph.operations.iter().enumerate() {
            let outs = outputs(operation);
            let rows = values.rows(operation)?;
            let width = outs.iter().map(|&out| values.width(out)).sum::<Result<usize, _>>()?;
            let until = outs.iter().filter_map(|out| last.get(out)).max().copied().unwrap_or(at);
            let stride = width.next_multiple_of(BLOCK);
            // What is brought is there before anything is computed.
            let fed = matches!(operation, Operation::Feed { .. });
            let free = (0..busy.len()).find(|&buffer| {
                !fed && busy.get(buffer).is_some_and(|&until| until < at)
                    && widths.get(buffer) == Some(&width)
                    && values.buffers.get(buffer) == Some(&(stride, rows))
            });
            let buffer = free.unwrap_or_else(|| {
                values.buffers.push((stride, rows));
                busy.push(0);
                widths.push(width);
                busy.len() - 1
            });
            if let Some(place) = busy.get_mut(buffer) {
                *place = until;
            }
            let mut from = 0;
            for out in outs {
                values.places.insert(out, Place { block: at, buffer, from, stride, rows });
                from += values.width(out)?;
            }
        }
        Ok(values)
    }

    pub(super) fn place(&self, value: ValueId) -> Result<Place, GpuError> {
        let place = self.places.get(&value).copied();
        place.ok_or_else(|| GpuError::Internal(format!("nothing makes value {value}")))
    }

    pub(super) fn width(&self, value: ValueId) -> Result<usize, GpuError> {
        let width = self.widths.get(value).copied();
        width.ok_or_else(|| GpuError::Internal(format!("there is no value {value}")))
    }

    /// The rows of what an operation makes.
    fn rows(&self, operation: &Operation) -> Result<Rows, GpuError> {
        match operation {
            Operation::Embed { .. } | Operation::Feed { .. } => Ok(Rows::Tokens),
            Operation::Pick { .. } => Ok(Rows::Wanted),
            Operation::Norm { x, .. }
            | Operation::LayerNorm { x, .. }
            | Operation::Linear { x, .. } => Ok(self.place(*x)?.rows),
            Operation::Attend(Attention { inputs: [x, ..], .. })
            | Operation::Mutual(Mutual { inputs: [x, ..], .. }) => Ok(self.place(*x)?.rows),
        }
    }
}

fn outputs(operation: &Operation) -> Vec<ValueId> {
    match operation {
        Operation::Embed { out, .. }
        | Operation::Feed { out }
        | Operation::Norm { out, .. }
        | Operation::LayerNorm { out, .. }
        | Operation::Attend(Attention { out, .. })
        | Operation::Mutual(Mutual { out, .. })
        | Operation::Pick { out, .. } => vec![*out],
        Operation::Linear { products, .. } => products.iter().map(|p| p.out).collect(),
    }
}

fn inputs(operation: &Operation) -> Vec<ValueId> {
    match operation {
        Operation::Embed { .. } | Operation::Feed { .. } => Vec::new(),
        Operation::Norm { x, .. } | Operation::LayerNorm { x, .. } | Operation::Pick { x, .. } => {
            vec![*x]
        }
        Operation::Linear { x, residual, .. } => {
            { [Some(*x), *residual] }.into_iter().flatten().collect()
        }
        Operation::Attend(Attention { inputs, .. }) | Operation::Mutual(Mutual { inputs, .. }) => {
            inputs.to_vec()
        }
    }
}

/// The last operation that needs each value; results are needed for ever.
fn last_uses(graph: &Graph<'_>) -> HashMap<ValueId, usize> {
    let mut last = HashMap::new();
    for (at, operation) in graph.operations.iter().enumerate() {
        last.extend(inputs(operation).into_iter().map(|value| (value, at)));
    }
    last.extend(graph.results.iter().map(|&result| (result, usize::MAX)));
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Function, Product};

    fn product(out: ValueId) -> Product {
        Product { matrix: 0, gate: None, bias: None, function: Function::None, out }
    }

    /// Embedding, then layers of a product that is added to what came before it.
    fn graph(layers: usize) -> Graph<'static> {
        let mut graph = Graph { values: vec![64], ..Default::default() };
        graph.operations.push(Operation::Embed { table: 0, out: 0 });
        for layer in 0..layers {
            graph.values.extend([64, 100, 20, 64]);
            let at = layer * 4;
            let gain = vec![1.0; 64];
            graph.operations.push(Operation::Norm { x: at, gain, epsilon: 1e-5, out: at + 1 });
            let products = vec![product(at + 2), product(at + 3)];
            graph.operations.push(Operation::Linear { x: at + 1, products, residual: None });
            let products = vec![product(at + 4)];
            graph.operations.push(Operation::Linear { x: at + 3, products, residual: Some(at) });
        }
        graph.results = vec![layers * 4];
        graph
    }

    #[test]
    fn values_that_are_needed_at_once_are_apart_and_others_share() {
        let few = Values::of(&graph(3)).unwrap();
        assert_eq!(few.buffers.len(), Values::of(&graph(30)).unwrap().buffers.len());
        let all = graph(3);
        for operation in &all.operations {
            for out in outputs(operation) {
                for input in inputs(operation) {
                    let [a, b] = [out, input].map(|value| few.place(value).unwrap().buffer);
                    assert_ne!(a, b, "{operation:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_brought_shares_nothing_with_what_is_computed_before_it() {
        let mut graph = graph(1);
        graph.values.extend([64, 64]);
        graph.operations.push(Operation::Feed { out: 5 });
        let products = vec![product(6)];
        graph.operations.push(Operation::Linear { x: 4, products, residual: Some(5) });
        graph.results = vec![6];
        let values = Values::of(&graph).unwrap();
        let fed = values.place(5).unwrap().buffer;
        assert!((0..5).all(|value| values.place(value).unwrap().buffer != fed));
    }

    #[test]
    fn results_of_one_operation_lie_side_by_side() {
        let values = Values::of(&graph(1)).unwrap();
        let [first, second] = [2, 3].map(|value| values.place(value).unwrap());
        assert_eq!((first.buffer, first.from, first.stride), (second.buffer, 0, 128));
        assert_eq!(second.from, 100);
    }

    #[test]
    fn widths_do_not_share_though_their_rows_are_as_long() {
        let mut graph = graph(1);
        // 120 and 118 numbers both take rows of 128.
        graph.values.push(118);
        let products = vec![product(5)];
        graph.operations.push(Operation::Linear { x: 4, products, residual: None });
        graph.results = vec![5];
        let values = Values::of(&graph).unwrap();
        assert_ne!(values.place(5).unwrap().buffer, values.place(2).unwrap().buffer);
    }
}
