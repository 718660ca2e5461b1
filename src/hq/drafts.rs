//! A document on its way to be wanted: checked here, so that no store has to refuse it.

use futures_util::StreamExt as _;

use super::documents::Draft;
use super::error::HqError;
use super::service::Hq;
use crate::protocol::documents::{
    Bundle, BundleFile, ConfigDoc, GuardRules, PackIndex, Part, PartKind, artefact_path,
};
use crate::protocol::limits::{MAX_DOCUMENT_BYTES, MAX_INLINE_BYTES};
use crate::protocol::{Contents, Digest, Document, ProtocolError, Target};
use crate::sync::{Believed, KeysDoc};

impl Hq {
    /// A document of JSON, as people write it. What does not fit a pointer is kept as an artefact.
    pub async fn draft_of_json(
        &self,
        target: Target,
        document: Document,
        json: &str,
    ) -> Result<Draft, HqError> {
        let wrong =
            |error: ProtocolError| HqError::Value { field: "contents", why: error.to_string() };
        let bytes = match document {
            Document::Config => {
                ConfigDoc::parse(json.as_bytes()).and_then(|doc| doc.to_bytes()).map_err(wrong)?
            }
            Document::Bundle => {
                let bundle = Bundle::from_json(json).map_err(wrong)?;
                self.require_files(&bundle).await?;
                bundle.to_bytes().map_err(wrong)?
            }
            Document::Keys => self.keys_of_json(json)?,
            Document::Cache | Document::Facts | Document::Time => {
                let why = format!("a {document} document is not published as JSON");
                return Err(HqError::Value { field: "document", why });
            }
        };
        self.draft_of_bytes(target, document, bytes).await
    }

    /// A document of these bytes, carried by its pointer or kept as an artefact.
    async fn draft_of_bytes(
        &self,
        target: Target,
        document: Document,
        bytes: Vec<u8>,
    ) -> Result<Draft, HqError> {
        if bytes.len() <= MAX_INLINE_BYTES {
            return Draft::inline(target, document, bytes);
        }
        let size_bytes = bytes.len() as u64;
        let digest = self.artefacts().put(bytes).await?;
        Ok(kept(target, document, digest, size_bytes))
    }

    /// Keys that boxes are to believe. One that left out a key with which HQ signs would be its last word.
    fn keys_of_json(&self, json: &str) -> Result<Vec<u8>, HqError> {
        let wrong = |why: String| HqError::Value { field: "contents", why };
        let document = KeysDoc::parse(json.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        for (role, key) in self.director.public() {
            let ours = Believed::of(role, &key);
            if !document.keys.contains(&ours) {
                return Err(wrong(format!(
                    "the {role:?} key {} with which HQ signs is left out",
                    ours.key
                )));
            }
        }
        document.to_bytes().map_err(|error| wrong(error.to_string()))
    }

    /// A bundle of JSON whose files are all here, and its document for `target`.
    pub(super) async fn bundle_of_json(
        &self,
        target: Target,
        json: &str,
    ) -> Result<(Bundle, Draft), HqError> {
        let wrong =
            |error: ProtocolError| HqError::Value { field: "contents", why: error.to_string() };
        let bundle = Bundle::from_json(json).map_err(wrong)?;
        self.require_files(&bundle).await?;
        let bytes = bundle.to_bytes().map_err(wrong)?;
        let draft = self.draft_of_bytes(target, Document::Bundle, bytes).await?;
        Ok((bundle, draft))
    }

    /// A document that is an artefact already.
    pub async fn draft_of_artefact(
        &self,
        target: Target,
        document: Document,
        digest: Digest,
    ) -> Result<Draft, HqError> {
        let size_bytes = self.require(digest).await?;
        let wrong =
            |error: ProtocolError| HqError::Value { field: "artefact", why: error.to_string() };
        match document {
            Document::Bundle => {
                let bytes = self.small_artefact(digest, size_bytes).await?;
                self.require_files(&Bundle::parse(&bytes).map_err(wrong)?).await?;
            }
            Document::Config => {
                let bytes = self.small_artefact(digest, size_bytes).await?;
                ConfigDoc::parse(&bytes).map_err(wrong)?;
            }
            Document::Cache => self.require_pack(digest).await?,
            Document::Facts | Document::Time | Document::Keys => {
                let why = format!("a {document} document is not published by hand");
                return Err(HqError::Value { field: "document", why });
            }
        }
        Ok(kept(target, document, digest, size_bytes))
    }

    /// Every file of a bundle must be here before a store is sent for it.
    async fn require_files(&self, bundle: &Bundle) -> Result<(), HqError> {
        for (part, file) in bundle.files() {
            let size_bytes = self.require(file.artefact.digest).await?;
            if size_bytes != file.artefact.size_bytes {
                let (path, said) = (&file.path, file.artefact.size_bytes);
                let why = format!("{}/{path} has {size_bytes} bytes, not {said}", part.name);
                return Err(HqError::Value { field: "contents", why });
            }
            if part.kind == PartKind::GuardRules {
                self.require_rules(part, file).await?;
            }
        }
        Ok(())
    }

    /// Rules that no program could read are refused here, and not by each box.
    async fn require_rules(&self, part: &Part, file: &BundleFile) -> Result<(), HqError> {
        let artefact = &file.artefact;
        let bytes = self.small_artefact(artefact.digest, artefact.size_bytes).await?;
        let wrong = |error: ProtocolError| {
            let why = format!("{}/{}: {error}", part.name, file.path);
            HqError::Value { field: "contents", why }
        };
        GuardRules::parse(&bytes).map(drop).map_err(wrong)
    }

    /// Whatever a box may fetch of a pack must be here before one is sent for it.
    async fn require_pack(&self, digest: Digest) -> Result<(), HqError> {
        let bytes = self.pack_index_bytes(digest).await?;
        let bytes = bytes.ok_or_else(|| HqError::unknown("artefact", digest))?;
        let index = PackIndex::parse(&bytes)
            .map_err(|error| HqError::Value { field: "artefact", why: error.to_string() })?;
        let deltas = index.deltas.iter().flat_map(|deltas| deltas.iter());
        let whole = index.packed.as_ref().unwrap_or(&index.artefact);
        for artefact in deltas.map(|delta| &delta.artefact).chain([whole]) {
            self.require(artefact.digest).await?;
        }
        Ok(())
    }

    async fn require(&self, digest: Digest) -> Result<u64, HqError> {
        let size = self.artefacts().size(digest).await?;
        size.ok_or_else(|| HqError::unknown("artefact", digest))
    }

    /// A document's bytes, read whole.
    pub(super) async fn small_artefact(
        &self,
        digest: Digest,
        size_bytes: u64,
    ) -> Result<Vec<u8>, HqError> {
        let most = MAX_DOCUMENT_BYTES as u64;
        if size_bytes > most {
            return Err(HqError::TooMuch { what: "bytes of a document", found: size_bytes, most });
        }
        let (mut all, mut pieces) =
            (Vec::new(), self.artefacts().read(digest, 0..size_bytes).await?);
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

fn kept(target: Target, document: Document, digest: Digest, size_bytes: u64) -> Draft {
    let contents = Contents::Path(artefact_path(digest));
    Draft { target, document, contents, digest, size_bytes, expires: None, over: None }
}
