//! A language model asked with arrays: tokens in, the logits after each of them out.

use tract_onnx::pb::GraphProto;

use super::{Array, ArrayError, Dim, ElementType, InferError, Inference, Network, Port, ports};
use crate::engine::{EngineError, LoadError, Model, TokenId};

/// Names as exporters have them.
const TOKENS: &str = "input_ids";
const LOGITS: &str = "logits";

impl Model {
    /// Its input as an array: the tokens of one text.
    pub fn inputs(&self) -> Vec<Port> {
        vec![tokens_port()]
    }

    /// Its output as an array: after each token, a logit for every token it knows.
    pub fn outputs(&self) -> Vec<Port> {
        vec![logits_port(Dim::Fixed(self.vocabulary()))]
    }

    /// What [`Self::inputs`] and [`Self::outputs`] will be, as far as the graph declares it.
    pub fn declared(graph: &GraphProto) -> Result<[Vec<Port>; 2], LoadError> {
        let [_, outputs] = Network::declared(graph)?;
        let logits = outputs.into_iter().find(|port| port.name == LOGITS);
        let vocabulary = logits.and_then(|port| port.dims).and_then(|mut dims| dims.pop());
        let vocabulary = vocabulary.unwrap_or_else(|| Dim::Free("vocabulary".to_owned()));
        Ok([vec![tokens_port()], vec![logits_port(vocabulary)]])
    }

    /// Computes the logits of a text's tokens, as [`super::Network::infer`] computes its outputs.
    pub async fn infer(&self, request: Inference) -> Result<Vec<(String, Array)>, InferError> {
        let wanted = ports::wanted(&self.outputs(), &request.outputs)?;
        let arrays = ports::arrange(&self.inputs(), request.inputs)?;
        let tokens = arrays.first().map(tokens).transpose()?.unwrap_or_default();
        let shape = vec![1, tokens.len(), self.vocabulary()];
        let logits = self.logits(tokens, request.deadline).await.map_err(refused)?;
        let fault = |error: ArrayError| InferError::Internal(error.to_string());
        let array = Array::floats(shape, &logits).map_err(fault)?;
        Ok(wanted.into_iter().map(|_| (LOGITS.to_owned(), array.clone())).collect())
    }
}

fn tokens_port() -> Port {
    let dims = Some(vec![Dim::Fixed(1), Dim::Free("tokens".to_owned())]);
    Port { name: TOKENS.to_owned(), element: ElementType::Int64, dims }
}

fn logits_port(vocabulary: Dim) -> Port {
    let dims = Some(vec![Dim::Fixed(1), Dim::Free("tokens".to_owned()), vocabulary]);
    Port { name: LOGITS.to_owned(), element: ElementType::Float32, dims }
}

fn tokens(array: &Array) -> Result<Vec<TokenId>, InferError> {
    let numbers = array.bytes().unwrap_or_default().as_chunks::<8>().0.iter();
    let token = |bytes: &[u8; 8]| {
        let number = i64::from_le_bytes(*bytes);
        TokenId::try_from(number)
            .map_err(|_| InferError::Refused { why: format!("{number} is no token") })
    };
    numbers.map(token).collect()
}

fn refused(error: EngineError) -> InferError {
    match error {
        EngineError::QueueFull { queued, retry_after } => {
            InferError::QueueFull { queued, retry_after }
        }
        EngineError::Deadline => InferError::Deadline,
        EngineError::ShuttingDown => InferError::ShuttingDown,
        EngineError::Internal(why) => InferError::Internal(why),
        EngineError::PromptTooLong { .. }
        | EngineError::UnknownToken { .. }
        | EngineError::EmptyPrompt
        | EngineError::Constraint(_) => InferError::Refused { why: error.to_string() },
    }
}
