//! A model that is asked with arrays.

use crate::api::service::{Served, ServedModel, ServedNetwork};
use crate::api::shelf::{Lease, Lent};
use crate::engine::{Array, InferError, Inference};
use crate::skills::heads::Head;

/// A graph, or a language model by the tokens it reads and the logits it makes of them.
#[derive(Clone)]
pub(super) enum AskedModel {
    Network(Lent<ServedNetwork>),
    Language(Lent<ServedModel>),
}

impl AskedModel {
    pub(super) fn of(lease: Lease) -> Self {
        match lease.served().clone() {
            Served::Network(network) => Self::Network(lease.of(network)),
            Served::Language(model) => Self::Language(lease.of(model)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Network(network) => &network.name,
            Self::Language(model) => &model.name,
        }
    }

    pub(super) fn version(&self) -> &str {
        match self {
            Self::Network(network) => &network.version,
            Self::Language(model) => &model.version,
        }
    }

    pub(super) async fn infer(
        &self,
        inference: Inference,
    ) -> Result<Vec<(String, Array)>, InferError> {
        match self {
            Self::Network(network) => network.network.infer(inference).await,
            Self::Language(model) => model.model.infer(inference).await,
        }
    }

    /// What its classes are called, where it has a head for classes.
    pub(super) fn labels(&self) -> Option<&[String]> {
        let Self::Network(network) = self else { return None };
        match network.head.as_ref()? {
            Head::Classify(head) => Some(head.classes.labels.list()),
            Head::ClassifyText(head) => Some(head.classes.labels.list()),
            _ => None,
        }
    }
}
