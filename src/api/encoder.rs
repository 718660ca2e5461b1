//! Texts through a network that takes tokens.
//!
//! Texts of the same number of tokens are computed together and nothing is padded, so that what is
//! made of a text does not depend on what else was asked.

use std::collections::BTreeMap;
use std::time::Instant;

use super::error::{of_engine, of_inference, out_of_range, over_limit};
use super::service::ServedNetwork;
use super::shelf::Lent;
use crate::engine::{Array, ElementType, Inference, Placed, Port, TokenId};
use crate::http::Problem;
use crate::skills::heads::TextInput;

/// The field that errors of the texts name.
const INPUT: &str = "input";
/// Tokens that are computed together at most: enough to fill the kernels, few enough that others
/// are not held up.
const BATCH_TOKENS: usize = 2048;

/// A network whose card says how texts become its inputs.
#[derive(Clone)]
pub(super) struct Encoder {
    served: Lent<ServedNetwork>,
    text: TextInput,
    output: Option<String>,
}

impl Encoder {
    /// `output` is the one that is wanted, where the graph has several.
    pub(super) fn new(
        served: Lent<ServedNetwork>,
        text: TextInput,
        output: Option<String>,
    ) -> Self {
        Self { served, text, output }
    }

    /// The package's name.
    pub(super) fn name(&self) -> &str {
        &self.served.name
    }

    /// The tokens of each text, with those that begin and end a sequence.
    pub(super) fn encode(&self, texts: &[String]) -> Result<Vec<Vec<TokenId>>, Problem> {
        let tokenizer = self.served.tokenizer.as_ref();
        let tokenizer = tokenizer.ok_or_else(|| self.fault("the package has no tokenizer"))?;
        let encode = |text: &String| tokenizer.encode_whole(text);
        let texts: Result<Vec<_>, _> = texts.iter().map(encode).collect();
        texts.map_err(|error| of_engine(error, INPUT))
    }

    /// The tokens of a text, each with its place.
    pub(super) fn encode_placed(&self, text: &str) -> Result<Vec<Placed>, Problem> {
        let tokenizer = self.served.tokenizer.as_ref();
        let tokenizer = tokenizer.ok_or_else(|| self.fault("the package has no tokenizer"))?;
        tokenizer.encode_placed(text).map_err(|error| of_engine(error, INPUT))
    }

    /// Whether the network takes these tokens.
    pub(super) fn check(&self, texts: &[Vec<TokenId>]) -> Result<(), Problem> {
        let vocabulary = self.served.tokenizer.as_ref().map_or(0, |t| t.vocabulary());
        for (at, text) in texts.iter().enumerate() {
            let (field, most) = (format!("{INPUT}[{at}]"), self.text.max_tokens);
            if text.is_empty() {
                return Err(out_of_range(&field, "empty", "at least one token"));
            }
            if text.len() > most {
                let limit = "the model's max_tokens";
                return Err(over_limit(&field, text.len(), "tokens", most, limit));
            }
            if let Some(token) = text.iter().find(|&&token| token as usize >= vocabulary) {
                return Err(out_of_range(&field, token, &format!("below {vocabulary}")));
            }
        }
        Ok(())
    }

    /// Hands `take` the numbers of each text, with its place and their shape, in any order.
    pub(super) async fn each(
        &self,
        texts: &[Vec<TokenId>],
        deadline: Instant,
        mut take: impl FnMut(usize, &[f32], &[usize]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        for (length, places) in by_length(texts) {
            for places in places.chunks((BATCH_TOKENS / length.max(1)).max(1)) {
                let batch: Vec<_> = places.iter().filter_map(|&at| texts.get(at)).collect();
                let (shape, numbers) = self.compute(&batch, length, deadline).await?;
                let [count, each @ ..] = shape.as_slice() else {
                    return Err(self.fault("its output is one number"));
                };
                let size: usize = each.iter().product();
                if *count != batch.len() || size == 0 {
                    return Err(self.fault(format!("its output has shape {shape:?}")));
                }
                for (&at, numbers) in places.iter().zip(numbers.chunks_exact(size)) {
                    take(at, numbers, each)?;
                }
            }
        }
        Ok(())
    }

    /// Shape and numbers of the output for texts that all have `length` tokens.
    async fn compute(
        &self,
        texts: &[&Vec<TokenId>],
        length: usize,
        deadline: Instant,
    ) -> Result<(Vec<usize>, Vec<f32>), Problem> {
        let network = &self.served.network;
        let ids: Vec<i64> = texts.iter().flat_map(|text| text.iter().map(|&t| t.into())).collect();
        let input = |port: &Port| {
            let ports = &self.text.inputs;
            let values = match &port.name {
                name if *name == ports.tokens => ids.clone(),
                name if *name == ports.mask => vec![1; ids.len()],
                name if *name == ports.types => vec![0; ids.len()],
                name => return Err(self.fault(format!("no value for its input {name}"))),
            };
            let array = self.integers(port.element, vec![texts.len(), length], &values)?;
            Ok((port.name.clone(), array))
        };
        let inputs = network.inputs().iter().map(input).collect::<Result<_, _>>()?;
        let outputs = self.output.iter().cloned().collect();
        let request = Inference { inputs, outputs, deadline: Some(deadline) };
        let answer = network.infer(request).await.map_err(of_inference)?;
        let (_, array) = answer.into_iter().next().ok_or_else(|| self.fault("no output"))?;
        let numbers = array.to_floats().ok_or_else(|| self.fault("its output is not FP32"))?;
        Ok((array.shape().to_vec(), numbers))
    }

    /// Whole numbers in the type that the graph wants them.
    fn integers(
        &self,
        element: ElementType,
        shape: Vec<usize>,
        values: &[i64],
    ) -> Result<Array, Problem> {
        let array = match element {
            ElementType::Int64 => Array::integers(shape, values),
            ElementType::Int32 => {
                let narrow = |&value: &i64| (value as i32).to_le_bytes();
                Array::new(element, shape, values.iter().flat_map(narrow).collect())
            }
            other => return Err(self.fault(format!("it takes tokens as {}", other.name()))),
        };
        array.map_err(Problem::internal)
    }

    /// A fault of the package.
    pub(super) fn fault(&self, why: impl std::fmt::Display) -> Problem {
        Problem::internal(format!("{}: {why}", self.served.name))
    }
}

/// Places of the texts of each length.
fn by_length(texts: &[Vec<TokenId>]) -> BTreeMap<usize, Vec<usize>> {
    let mut lengths: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, text) in texts.iter().enumerate() {
        lengths.entry(text.len()).or_default().push(at);
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_length_are_computed_together() {
        let texts = [vec![1, 2], vec![3], vec![4, 5], vec![6]];
        let lengths = by_length(&texts);
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [(1, vec![1, 3]), (2, vec![0, 2])]);
    }
}
