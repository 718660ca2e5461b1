//! A file that is written once, and what it adds up to.

use std::io::{Seek as _, Write};

use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio_util::io::ReaderStream;

use super::artefacts::Artefacts;
use super::error::HqError;
use crate::protocol::documents::{Artefact, ArtefactBuilder};

/// A file without a name, on its way to the artefacts. Writing blocks on the disk.
pub(super) struct MeasuredFile {
    file: std::fs::File,
    sum: ArtefactBuilder,
}

/// One that is complete.
pub(super) struct Measured {
    file: std::fs::File,
    pub(super) artefact: Artefact,
}

impl MeasuredFile {
    /// An empty one.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, sum: ArtefactBuilder::default() })
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> Result<Measured, HqError> {
        self.file.rewind().map_err(|error| packed(&error))?;
        Ok(Measured { file: self.file, artefact: self.sum.finish()? })
    }
}

impl Write for MeasuredFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sum.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Measured {
    /// Keeps it where stores fetch it.
    pub(super) async fn keep(self, artefacts: &Artefacts) -> Result<Artefact, HqError> {
        let pieces = ReaderStream::new(tokio::fs::File::from_std(self.file));
        let pieces = pieces.map_err(|error| packed(&error)).boxed();
        artefacts.receive(self.artefact.digest, pieces).await?;
        Ok(self.artefact)
    }
}

/// Why a file could not be made.
pub(super) fn packed(error: &dyn std::error::Error) -> HqError {
    HqError::Pack(error.to_string())
}
