//! The facts of an epoch as artefacts: all of them, or what changed since an earlier one.

use std::io::{Seek as _, Write};

use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use crate::hq::error::HqError;
use crate::hq::service::Hq;
use crate::protocol::documents::{Artefact, ArtefactBuilder, ChangeWriter, FactChange, Leaf, root};
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
            let file = tempfile::tempfile().map_err(|error| packed(&error))?;
            let mut writer = ChangeWriter::new(Both { file, sum: ArtefactBuilder::default() })
                .map_err(|error| packed(&error))?;
            while let Some(change) = taken.blocking_recv() {
                writer.write(&change).map_err(|error| packed(&error))?;
            }
            let Both { mut file, sum } = writer.finish().map_err(|error| packed(&error))?;
            file.rewind().map_err(|error| packed(&error))?;
            Ok::<_, HqError>((file, sum.finish()?))
        });
        self.send_changes(tenant, catalogue, after, changes).await?;
        let done = packing.await.map_err(|_| HqError::Pack("a worker failed".to_owned()))?;
        let (file, artefact) = done?;
        let pieces = ReaderStream::new(tokio::fs::File::from_std(file));
        let pieces = pieces.map_err(|error| packed(&error)).boxed();
        self.artefacts.receive(artefact.digest, pieces).await?;
        Ok(artefact)
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

/// What is written, and what it adds up to.
struct Both {
    file: std::fs::File,
    sum: ArtefactBuilder,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sum.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
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

fn packed(error: &dyn std::error::Error) -> HqError {
    HqError::Pack(error.to_string())
}
