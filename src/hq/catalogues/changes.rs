//! The facts of an epoch as artefacts: all of them, or what changed since an earlier one.

use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::hq::error::HqError;
use crate::hq::measured_file::{MeasuredFile, packed};
use crate::hq::service::Hq;
use crate::protocol::documents::{Artefact, ChangeWriter, FactChange, Leaf, root};
use crate::protocol::{Digest, Label, Text};

/// Facts on their way from the database to what hashes or packs them.
const MAX_WAITING: usize = 256;

impl Hq {
    /// What all facts add up to, and how many they are.
    pub(super) async fn root_of(
        &self,
        tenant: &Label,
        catalogue: &Label,
    ) -> Result<(Digest, u64), HqError> {
        let (leaves, mut taken) = mpsc::channel::<Result<Leaf, HqError>>(MAX_WAITING);
        let hashing = tokio::task::spawn_blocking(move || {
            let mut count = 0;
            let counted = std::iter::from_fn(|| taken.blocking_recv()).inspect(|_| count += 1);
            let root = root::<Fault>(counted.map(|leaf| leaf.map_err(Fault::Read)));
            root.map(|root| (root, count)).map_err(Fault::told)
        });
        let select = "SELECT kind, id, digest FROM facts
             WHERE tenant = $1 AND catalogue = $2 AND digest IS NOT NULL ORDER BY kind, id";
        let mut rows = sqlx::query_as::<_, (String, String, String)>(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .fetch(self.database.reader());
        while let Some(row) = rows.next().await {
            let leaf =
                row.map_err(HqError::database("reading facts")).and_then(|(table, id, digest)| {
                    let digest = crate::hq::rows::parsed("a fact's digest", &digest)?;
                    Ok(Leaf { table: table.into(), id: id.into(), digest })
                });
            if leaves.send(leaf).await.is_err() {
                break;
            }
        }
        drop(leaves);
        hashing.await.map_err(|_| HqError::Pack("a worker failed".to_owned()))?
    }

    /// Makes the artefact of what changed after an epoch, of everything after epoch 0, and keeps it.
    pub(super) async fn pack(
        &self,
        tenant: &Label,
        catalogue: &Label,
        after: u64,
    ) -> Result<Artefact, HqError> {
        let (changes, mut taken) = mpsc::channel::<FactChange>(MAX_WAITING);
        let packing = tokio::task::spawn_blocking(move || {
            let file = MeasuredFile::new().map_err(|error| packed(&error))?;
            let mut writer = ChangeWriter::new(file).map_err(|error| packed(&error))?;
            while let Some(change) = taken.blocking_recv() {
                writer.write(&change).map_err(|error| packed(&error))?;
            }
            writer.finish().map_err(|error| packed(&error))?.finish()
        });
        self.send_changes(tenant, catalogue, after, changes).await?;
        let done = packing.await.map_err(|_| HqError::Pack("a worker failed".to_owned()))?;
        done?.keep(&self.artefacts).await
    }

    async fn send_changes(
        &self,
        tenant: &Label,
        catalogue: &Label,
        after: u64,
        changes: mpsc::Sender<FactChange>,
    ) -> Result<(), HqError> {
        let select = "SELECT kind, id, fact FROM facts
             WHERE tenant = $1 AND catalogue = $2 AND epoch > $3 AND ($3 > 0 OR fact IS NOT NULL)
             ORDER BY kind, id";
        let mut rows = sqlx::query_as::<_, (String, String, Option<String>)>(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(crate::hq::rows::int(after))
            .fetch(self.database.reader());
        while let Some(row) = rows.next().await {
            let (table, id, fact) = row.map_err(HqError::database("reading facts"))?;
            let (table, id) = (Text::new(table)?, Text::new(id)?);
            let change = match fact {
                Some(fact) => FactChange::Put { table, id, fact: Text::new(fact)? },
                None => FactChange::Remove { table, id },
            };
            if changes.send(change).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

enum Fault {
    Read(HqError),
    Order(crate::protocol::documents::Unordered),
}

impl From<crate::protocol::documents::Unordered> for Fault {
    fn from(error: crate::protocol::documents::Unordered) -> Self {
        Self::Order(error)
    }
}

impl Fault {
    fn told(self) -> HqError {
        match self {
            Self::Read(error) => error,
            Self::Order(error) => packed(&error),
        }
    }
}
