//! What texts mean: vectors by a package whose head says how a text becomes one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encoder::Encoder;
use super::error;
use super::service::{Served, ServedNetwork};
use super::shelf::{Lent, Shelf};
use crate::http::Problem;
use crate::skills::embedding;
use crate::skills::heads::{Embed, Head};

/// The task of such heads.
const TASK: &str = "embed";

/// Vectors of texts, where a package for them is installed.
#[derive(Clone)]
pub struct Meaning {
    shelf: Arc<dyn Shelf>,
}

impl Meaning {
    /// By packages of this shelf.
    pub fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf }
    }

    /// The package that makes the vectors, with its version: of those that can, the first by name.
    /// None where none can.
    pub fn encoder(&self) -> Option<String> {
        let shelved = self.shelf.list().into_iter();
        let able = shelved.filter(|shelved| shelved.about.task.as_deref() == Some(TASK));
        let first = able.min_by(|one, other| one.name.cmp(&other.name))?;
        Some(format!("{} {}", first.name, first.about.version))
    }

    /// Whether vectors can be had, or not, with nothing brought into memory.
    pub fn is_at_hand(&self) -> bool {
        let Some(encoder) = self.encoder() else { return true };
        self.shelf.at_hand(package(&encoder).into()).is_some()
    }

    /// A vector of each text; none where no package is there or it takes too long. Of a text that is
    /// longer than the package takes, its beginning counts.
    pub async fn vectors(&self, texts: &[String], patience: Duration) -> Option<Vec<Vec<f32>>> {
        let made =
            tokio::time::timeout(patience, self.make(texts, Instant::now() + patience)).await;
        match made {
            Ok(Ok(vectors)) => vectors,
            Ok(Err(problem)) => {
                let why = &problem.body().message;
                tracing::warn!(why, "the meaning of a text could not be computed");
                None
            }
            Err(_) => None,
        }
    }

    async fn make(
        &self,
        texts: &[String],
        deadline: Instant,
    ) -> Result<Option<Vec<Vec<f32>>>, Problem> {
        let Some(encoder) = self.encoder() else { return Ok(None) };
        let name = package(&encoder);
        let (served, head) = self.lend(name).await?;
        let encoder = Encoder::new(served, head.text.clone(), head.output.clone());
        let mut tokens = encoder.encode(texts)?;
        for text in &mut tokens {
            text.truncate(head.text.max_tokens);
        }
        encoder.check(&tokens)?;
        let mut vectors = vec![Vec::new(); tokens.len()];
        let take = |at: usize, numbers: &[f32], shape: &[usize]| {
            if let (Some(place), Some(&width)) = (vectors.get_mut(at), shape.last()) {
                *place = embedding::pool(numbers, width, head.pool);
            }
            Ok(())
        };
        encoder.each(&tokens, deadline, take).await?;
        Ok(Some(vectors))
    }

    async fn lend(&self, name: &str) -> Result<(Lent<ServedNetwork>, Embed), Problem> {
        let lease = self.shelf.lend(name.into()).await.map_err(error::of_shelf)?;
        let Served::Network(network) = lease.served().clone() else {
            return Err(error::not_a_network(name));
        };
        match &network.head {
            Some(Head::Embed(head)) if network.tokenizer.is_some() => {
                let head = Embed::clone(head);
                Ok((lease.of(network), head))
            }
            _ => Err(error::not_an_encoder(name)),
        }
    }
}

/// The package's name in [`Meaning::encoder`].
fn package(encoder: &str) -> &str {
    encoder.split(' ').next().unwrap_or_default()
}
