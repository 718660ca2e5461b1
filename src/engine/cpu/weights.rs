//! The weights of a graph, taken out of it.
//!
//! Nodes name their weights by number and tract never sees them: a plan is then small and quickly
//! made, a matrix that several nodes use is held once, and all can lie packed in a file that the
//! next start only maps.

mod dense;
mod file;
mod tensor;

pub(super) use self::dense::TURNED;
pub(super) use self::file::{load, save};

use std::collections::HashMap;
use std::path::Path;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use self::tensor::Tensors;
use super::kernels::dense::Dense;
use super::kernels::float::Columns;
use super::kernels::pack::{Bits, Layout, Packed, Stored};
use super::kernels::product::Matrix;
use super::ops;
use crate::engine::LoadError;

/// All matrices of a model, in the order in which a step reads them.
#[derive(Debug, Default)]
pub(super) struct Weights {
    matrices: Vec<Matrix>,
    /// Numbered by themselves.
    dense: Vec<Dense>,
}

impl Weights {
    /// The matrix with this number.
    pub(super) fn get(&self, number: usize) -> Option<&Matrix> {
        self.matrices.get(number)
    }

    /// The weights with this number that many rows share.
    pub(super) fn dense(&self, number: usize) -> Option<&Dense> {
        self.dense.get(number)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        let dense = self.dense.iter().map(|dense| dense.held_bytes() as u64);
        dense.chain(self.matrices.iter().map(|matrix| matrix.bytes() as u64)).sum()
    }
}

/// Attributes of the nodes that use weights.
pub(super) const WEIGHTS: &str = "weights";
pub(super) const WIDTHS: &str = "widths";

/// Takes the weights of products and embeddings out of the graph. What is left of such a node is
/// `RowLinear` or `RowTable` with the numbers of its weights.
pub(super) fn take(graph: &mut GraphProto, folder: &Path) -> Result<Weights, LoadError> {
    take_from(graph, folder, true)
}

/// [`take`] for a graph of any kind, whose embeddings stay in it: a `Gather` may count from the end,
/// and gathers other things too.
pub(super) fn take_products(graph: &mut GraphProto, folder: &Path) -> Result<Weights, LoadError> {
    take_from(graph, folder, false)
}

fn take_from(
    graph: &mut GraphProto,
    folder: &Path,
    embeddings: bool,
) -> Result<Weights, LoadError> {
    let mut taken = Taken {
        tensors: Tensors::of(graph, folder),
        weights: Weights::default(),
        known: HashMap::new(),
        known_shared: HashMap::new(),
        embeddings,
    };
    let mut nodes = Vec::with_capacity(graph.node.len());
    for node in &graph.node {
        let outcome = taken.node(node);
        nodes.push(outcome.map_err(|why| LoadError::Node {
            node: node.name.clone(),
            operator: node.op_type.clone(),
            why,
        })?);
    }
    let weights = taken.weights;
    graph.node = nodes;
    Ok(weights)
}

struct Taken<'a> {
    tensors: Tensors<'a>,
    weights: Weights,
    /// Numbers of matrices by the names of what they were made of.
    known: HashMap<Vec<String>, usize>,
    /// The same for weights that many rows share.
    known_shared: HashMap<Vec<String>, usize>,
    /// Whether tables of floats are taken.
    embeddings: bool,
}

impl Taken<'_> {
    fn node(&mut self, node: &NodeProto) -> Result<NodeProto, String> {
        match node.op_type.as_str() {
            ops::QUANTIZED => {
                let number = self.n_bits(node)?;
                self.linear(node, number)
            }
            ops::FLOAT => {
                let number = self.float(node)?;
                self.linear(node, number)
            }
            ops::INTEGER => {
                let number = self.integer(node)?;
                self.linear(node, number)
            }
            ops::SHARED_FLOAT | ops::SHARED_INTEGER => self.shared(node),
            ops::GATHER => {
                let number = self.quantized_table(node)?;
                self.table(node, number)
            }
            "Gather" if self.embeddings => match self.float_table(node)? {
                Some(number) => self.table(node, number),
                None => Ok(node.clone()),
            },
            _ => Ok(node.clone()),
        }
    }

    fn matrix(&self, number: usize) -> Result<&Matrix, String> {
        self.weights.get(number).ok_or_else(|| "its weights are lost".to_owned())
    }

    /// What is left of a product.
    fn linear(&self, node: &NodeProto, number: usize) -> Result<NodeProto, String> {
        let inputs = node.input.iter().take(1).cloned().collect();
        self.without_weights(node, ops::LINEAR, inputs, number, self.matrix(number)?.outputs())
    }

    /// What is left of an embedding.
    fn table(&self, node: &NodeProto, number: usize) -> Result<NodeProto, String> {
        let inputs = node.input.iter().skip(1).take(1).cloned().collect();
        self.without_weights(node, ops::TABLE, inputs, number, self.matrix(number)?.inputs())
    }

    fn without_weights(
        &self,
        node: &NodeProto,
        op: &str,
        input: Vec<String>,
        number: usize,
        width: usize,
    ) -> Result<NodeProto, String> {
        Ok(NodeProto {
            name: node.name.clone(),
            op_type: op.to_owned(),
            input,
            output: node.output.clone(),
            attribute: vec![
                integers(WEIGHTS, vec![number as i64]),
                integers(WIDTHS, vec![width as i64]),
            ],
            ..Default::default()
        })
    }

    /// The matrix made of the named inputs, made now where it is not there yet.
    fn once(
        &mut self,
        names: Vec<String>,
        make: impl FnOnce(&Tensors<'_>) -> Result<Matrix, String>,
    ) -> Result<usize, String> {
        if let Some(number) = self.known.get(&names) {
            return Ok(*number);
        }
        let matrix = make(&self.tensors)?;
        self.weights.matrices.push(matrix);
        let number = self.weights.matrices.len() - 1;
        self.known.insert(names, number);
        Ok(number)
    }

    /// `MatMulNBits` (ONNX Runtime contrib operators, domain com.microsoft).
    fn n_bits(&mut self, node: &NodeProto) -> Result<usize, String> {
        let whole = |name| attribute(node, name).and_then(|value| usize::try_from(value).ok());
        let (Some(columns), Some(rows), Some(block)) =
            (whole("K"), whole("N"), whole("block_size"))
        else {
            return Err("K, N or block_size is missing".to_owned());
        };
        let blocks = Blocks { rows, columns, block, bits: attribute(node, "bits").unwrap_or(4) };
        let names = [1, 2, 3].map(|at| input(node, at).unwrap_or_default());
        self.blocks(&names, blocks)
    }

    /// `GatherBlockQuantized` (ONNX Runtime contrib operators, domain com.microsoft).
    fn quantized_table(&mut self, node: &NodeProto) -> Result<usize, String> {
        for (name, default, supported) in
            [("gather_axis", 0, &[0][..]), ("quantize_axis", 1, &[1, -1])]
        {
            let value = attribute(node, name).unwrap_or(default);
            if !supported.contains(&value) {
                return Err(format!("{name} = {value}; {supported:?} is supported"));
            }
        }
        let names = [0, 2, 3].map(|at| input(node, at).unwrap_or_default());
        let bits = attribute(node, "bits").unwrap_or(4);
        let per_byte = Bits::parse(bits)?.per_byte();
        let [table, ..] = &names;
        let &[rows, stored] = self.tensors.shape(table)?.as_slice() else {
            return Err("the table has not two axes".to_owned());
        };
        let block = usize::try_from(attribute(node, "block_size").unwrap_or(128)).unwrap_or(0);
        let columns = stored.saturating_mul(per_byte);
        if block == 0 || !columns.is_multiple_of(block) {
            return Err(format!(
                "block_size {block} does not divide the table's {columns} columns"
            ));
        }
        self.blocks(&names, Blocks { rows, columns, block, bits })
    }

    /// Quantised blocks; the names are those of values, scales and zero points.
    fn blocks(&mut self, names: &[String; 3], blocks: Blocks) -> Result<usize, String> {
        let Blocks { rows, columns, block, bits } = blocks;
        let bits = Bits::parse(bits)?;
        if block == 0 {
            return Err("block_size 0".to_owned());
        }
        let sources = names.each_ref().map(|name| self.tensors.source(name));
        self.once(sources.to_vec(), |tensors| {
            let [values, scales, zeros] = names;
            let values = tensors.bytes(values)?;
            let scales = tensors.floats(scales)?;
            let zero_points = match zeros.as_str() {
                "" => None,
                _ if tensors.is_bytes(zeros)? => {
                    let zeros = bits.unpack(&tensors.bytes(zeros)?, columns.div_ceil(block));
                    Some(zeros.into_iter().map(f32::from).collect())
                }
                _ => Some(tensors.floats(zeros)?),
            };
            let layout = Layout::Rows;
            let packed = Packed::new(&Stored {
                rows,
                columns,
                bits,
                block,
                layout,
                values: &values,
                scales: &scales,
                zero_points,
            });
            packed.map(Matrix::Quantized)
        })
    }

    /// Integer weights of columns × rows with a scale and a zero point each row, or for all.
    fn integer(&mut self, node: &NodeProto) -> Result<usize, String> {
        let names = [1, 2, 3].map(|at| input(node, at).unwrap_or_default());
        let sources = names.each_ref().map(|name| self.tensors.source(name));
        self.once(sources.to_vec(), |tensors| {
            let [weights, scales, zeros] = &names;
            let &[columns, rows] = tensors.shape(weights)?.as_slice() else {
                return Err("the weights have not two axes".to_owned());
            };
            let signed = !tensors.is_bytes(weights)?;
            let each = |values: Vec<f32>, what: &str| match values.as_slice() {
                [one] => Ok(vec![*one; rows]),
                _ if values.len() == rows => Ok(values),
                _ => Err(format!("{} {what} for {rows} columns", values.len())),
            };
            let raise = if signed { 128.0 } else { 0.0 };
            let zeros = match zeros.as_str() {
                "" => vec![0.0],
                _ => tensors.floats(zeros)?,
            };
            let zeros = each(zeros, "zero points")?.into_iter().map(|zero| zero + raise);
            let packed = Packed::new(&Stored {
                rows,
                columns,
                bits: Bits::Eight,
                block: columns.next_multiple_of(32),
                layout: Layout::Columns { signed },
                values: &tensors.bytes(weights)?,
                scales: &each(tensors.floats(scales)?, "scales")?,
                zero_points: Some(zeros.collect()),
            });
            packed.map(Matrix::Quantized)
        })
    }

    /// Float weights, inputs × outputs; an embedding turned round for the head is held once.
    fn float(&mut self, node: &NodeProto) -> Result<usize, String> {
        let name = input(node, 1).ok_or("it has no weights")?;
        let turned = self.tensors.is_turned(&name)?;
        let source = self.tensors.source(&name);
        self.once(vec![source.clone(), turned.to_string()], |tensors| {
            let &[first, second] = tensors.shape(&source)?.as_slice() else {
                return Err("the weights have not two axes".to_owned());
            };
            let values = tensors.floats(&source)?;
            let (inputs, outputs) = if turned { (second, first) } else { (first, second) };
            columns(inputs, outputs, &values, turned)
        })
    }

    /// The table of a plain `Gather` of rows of floats; `None` where it gathers something else.
    fn float_table(&mut self, node: &NodeProto) -> Result<Option<usize>, String> {
        let (Some(name), 0) = (input(node, 0), attribute(node, "axis").unwrap_or(0)) else {
            return Ok(None);
        };
        let source = self.tensors.source(&name);
        if !self.tensors.has(&source) || self.tensors.is_turned(&name)? {
            return Ok(None);
        }
        let &[rows, width] = self.tensors.shape(&source)?.as_slice() else { return Ok(None) };
        if !self.tensors.is_float(&source)? {
            return Ok(None);
        }
        // As the head has it, where it is the same table.
        let number = self.once(vec![source.clone(), true.to_string()], |tensors| {
            columns(width, rows, &tensors.floats(&source)?, true)
        })?;
        Ok(Some(number))
    }
}

struct Blocks {
    rows: usize,
    columns: usize,
    block: usize,
    bits: i64,
}

/// `turned` values are outputs × inputs.
fn columns(inputs: usize, outputs: usize, values: &[f32], turned: bool) -> Result<Matrix, String> {
    if inputs == 0 || outputs == 0 || values.len() != inputs * outputs {
        return Err(format!("{} weights for {inputs} × {outputs}", values.len()));
    }
    let value = |at: usize| values.get(at).copied().unwrap_or_default();
    Ok(Matrix::Float(Columns::new(inputs, outputs, values, |input, output| {
        value(if turned { output * inputs + input } else { input * outputs + output })
    })))
}

fn input(node: &NodeProto, at: usize) -> Option<String> {
    node.input.get(at).filter(|name| !name.is_empty()).cloned()
}

fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}

/// An attribute that is a list of integers.
pub(super) fn integers(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 7, ints: values, ..Default::default() }
}
