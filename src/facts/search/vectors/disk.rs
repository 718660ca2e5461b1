//! The file of the vectors. It only saves work and may be deleted at any time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Quantised, SearchError};

const VECTORS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("vectors");
const ENCODER: TableDefinition<'_, (), &str> = TableDefinition::new("encoder");
/// Memory for pages of the file; vectors themselves are in memory anyway.
const CACHE_BYTES: usize = 1 << 20;
/// Bytes of the digest and the scale before a vector's numbers.
const HEAD: usize = 36;

#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    database: Database,
}

impl Disk {
    /// The file with the encoder's name and all vectors.
    #[allow(clippy::type_complexity, reason = "the three parts go to one place")]
    pub(super) fn open(
        path: &Path,
    ) -> Result<(Self, String, HashMap<Arc<str>, Quantised>), SearchError> {
        let database = match create(path) {
            Ok(database) => database,
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
                return Err(failed("opening", path, redb::DatabaseError::DatabaseAlreadyOpen));
            }
            Err(error) => {
                tracing::warn!(%error, "the file of vectors cannot be read and is begun anew");
                let removed = std::fs::remove_file(path);
                removed
                    .map_err(|error| failed("removing", path, redb::StorageError::from(error)))?;
                create(path).map_err(|error| failed("making", path, error))?
            }
        };
        let disk = Self { path: path.to_owned(), database };
        let (encoder, vectors) = disk.read().map_err(|error| failed("reading", path, error))?;
        Ok((disk, encoder, vectors))
    }

    /// What pages of the file take in memory at most.
    pub(super) fn cache_bytes(&self) -> usize {
        CACHE_BYTES
    }

    fn read(&self) -> Result<(String, HashMap<Arc<str>, Quantised>), redb::Error> {
        let begin = self.database.begin_write()?;
        begin.open_table(VECTORS)?;
        begin.open_table(ENCODER)?;
        begin.commit()?;
        let reading = self.database.begin_read()?;
        let encoder = reading.open_table(ENCODER)?.get(())?;
        let encoder = encoder.map(|name| name.value().to_owned()).unwrap_or_default();
        let mut vectors = HashMap::new();
        for entry in reading.open_table(VECTORS)?.iter()? {
            let (sku, bytes) = entry?;
            if let Some(vector) = parse(bytes.value()) {
                vectors.insert(sku.value().into(), vector);
            }
        }
        Ok((encoder, vectors))
    }

    pub(super) fn begin_anew(&self, encoder: &str) -> Result<(), SearchError> {
        self.change(|writing| {
            writing.delete_table(VECTORS)?;
            writing.open_table(VECTORS)?;
            writing.open_table(ENCODER)?.insert((), encoder)?;
            Ok(())
        })
    }

    pub(super) fn put(&self, vectors: &[(Arc<str>, Quantised)]) -> Result<(), SearchError> {
        self.change(|writing| {
            let mut table = writing.open_table(VECTORS)?;
            for (sku, vector) in vectors {
                table.insert(&**sku, bytes(vector).as_slice())?;
            }
            Ok(())
        })
    }

    pub(super) fn remove(&self, skus: &[Arc<str>]) -> Result<(), SearchError> {
        self.change(|writing| {
            let mut table = writing.open_table(VECTORS)?;
            for sku in skus {
                table.remove(&**sku)?;
            }
            Ok(())
        })
    }

    fn change(
        &self,
        act: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), SearchError> {
        let run = || -> Result<(), redb::Error> {
            let mut writing = self.database.begin_write()?;
            writing.set_durability(Durability::Immediate)?;
            act(&writing)?;
            writing.commit()?;
            Ok(())
        };
        run().map_err(|error| failed("writing", &self.path, error))
    }
}

fn create(path: &Path) -> Result<Database, redb::DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

fn failed(act: &'static str, path: &Path, error: impl Into<redb::Error>) -> SearchError {
    SearchError::Disk { act, path: path.to_owned(), source: Box::new(error.into()) }
}

fn bytes(vector: &Quantised) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + vector.bytes.len());
    bytes.extend(vector.digest);
    bytes.extend(vector.scale.to_le_bytes());
    bytes.extend(vector.bytes.iter().map(|number| *number as u8));
    bytes
}

fn parse(bytes: &[u8]) -> Option<Quantised> {
    let (digest, rest) = bytes.split_first_chunk()?;
    let (scale, numbers) = rest.split_first_chunk()?;
    let scale = f32::from_le_bytes(*scale);
    let numbers: Box<[i8]> = numbers.iter().map(|byte| *byte as i8).collect();
    (!numbers.is_empty() && scale.is_finite()).then_some(Quantised {
        digest: *digest,
        scale,
        bytes: numbers,
    })
}
