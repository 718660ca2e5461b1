//! A pack of what a box exported.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::PackRow;
use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::commit;
use crate::hq::error::HqError;
use crate::hq::measured_file::{Measured, MeasuredFile, packed};
use crate::hq::registry::require_tenant;
use crate::hq::rows::{int, parsed, to_json, uint};
use crate::hq::service::Hq;
use crate::protocol::documents::{
    Artefact, ArtefactBuilder, PackDelta, PackEntry, PackIndex, PackSourceReader, PackWriter,
    PackedAnswer,
};
use crate::protocol::limits::{MAX_PACK_BYTES, MAX_PACK_INDEX_BYTES};
use crate::protocol::{Digest, Label, List};

/// How many packs back there is a shorter way than everything.
const MAX_DELTAS: i64 = 8;
/// Kinds of answers that are counted by name; of more the rest is counted together.
const MAX_KINDS: usize = 64;

/// What a source has.
struct Source {
    entries: Vec<PackEntry>,
    /// All answers, one after the other.
    plain: Artefact,
    packed: Measured,
    contents: BTreeMap<String, u64>,
}

impl Hq {
    /// Makes a pack of an exported file that is kept as an artefact, and gives it the next number. Each
    /// of its answers is read and checked; none is wanted anywhere yet.
    pub async fn make_pack(
        &self,
        actor: &Actor,
        tenant: &Label,
        name: &Label,
        source: Digest,
    ) -> Result<PackRow, HqError> {
        let file = Arc::new(self.spooled(source).await?);
        // One at a time: numbers and deltas rest on the packs before.
        let _publishing = self.publishing.lock().await;
        let reading = Arc::clone(&file);
        let read = blocking(move || read(&reading)).await?;
        let Source { entries, plain, packed, contents } = read;
        let (epoch, older) = self.older_packs(tenant).await?;
        let whole = packed.keep(&self.artefacts).await?;
        let deltas = self.deltas(&file, &entries, &whole, older).await?;
        let delta = deltas.first().map(|delta| delta.artefact.size_bytes);
        let (answers, answer_bytes) = (entries.len() as u64, plain.size_bytes);
        let index = PackIndex {
            epoch,
            artefact: plain,
            entries: List::new(entries)?,
            packed: Some(whole.clone()),
            deltas: Some(List::new(deltas)?),
            name: Some(name.clone()),
        };
        let digest = self.artefacts.put(index.to_bytes()?).await?;
        let mut change = self.database.begin().await?;
        require_tenant(&mut change, tenant).await?;
        let insert = "INSERT INTO packs (tenant, epoch, name, digest, source, answers,
               answer_bytes, whole_bytes, delta_bytes, contents, author, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(int(epoch))
            .bind(name.as_str())
            .bind(digest.to_string())
            .bind(source.to_string())
            .bind(int(answers))
            .bind(int(answer_bytes))
            .bind(int(whole.size_bytes))
            .bind(delta.map(int))
            .bind(to_json("what a pack has", &contents)?)
            .bind(&actor.name)
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("writing a pack"))?;
        let told = format!("pack {epoch}, {answers} answers, {digest}");
        acts::record(&mut change, actor, "pack.make", &format!("{tenant}/{name}"), &told).await?;
        commit(change).await?;
        self.changed();
        self.pack_of(tenant, epoch).await
    }

    /// The number of the next pack, and the last ones before it, the newest first.
    async fn older_packs(&self, tenant: &Label) -> Result<(u64, Vec<Digest>), HqError> {
        let select = "SELECT epoch, digest FROM packs WHERE tenant = $1
             ORDER BY epoch DESC LIMIT $2";
        let rows: Vec<(i64, String)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(MAX_DELTAS)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading packs"))?;
        let next = rows.first().map_or(0, |(epoch, _)| uint(*epoch)) + 1;
        let digest = |(_, digest): &(i64, String)| parsed("a pack's digest", digest);
        Ok((next, rows.iter().map(digest).collect::<Result<_, _>>()?))
    }

    /// What boxes lack that have one of these packs, where that is less than everything.
    async fn deltas(
        &self,
        file: &Arc<File>,
        entries: &[PackEntry],
        whole: &Artefact,
        older: Vec<Digest>,
    ) -> Result<Vec<PackDelta>, HqError> {
        let mut deltas = Vec::new();
        for from in older {
            let Some(held) = self.entries_of(from).await? else { continue };
            if entries.iter().all(|entry| !held.contains(&entry.digest)) {
                continue;
            }
            let wanted: HashSet<Digest> = entries.iter().map(|entry| entry.digest).collect();
            let lacking: HashSet<Digest> = wanted.difference(&held).copied().collect();
            let reading = Arc::clone(file);
            let made = blocking(move || delta(&reading, lacking)).await?;
            if made.artefact.size_bytes < whole.size_bytes {
                deltas.push(PackDelta { from, artefact: made.keep(&self.artefacts).await? });
            }
        }
        Ok(deltas)
    }

    /// The entries of a pack; none where its index is gone.
    async fn entries_of(&self, digest: Digest) -> Result<Option<HashSet<Digest>>, HqError> {
        let Some(bytes) = self.pack_index_bytes(digest).await? else { return Ok(None) };
        let index = PackIndex::parse(&bytes)?;
        Ok(Some(index.entries.iter().map(|entry| entry.digest).collect()))
    }

    /// The bytes of a pack's index; none where there is no such artefact.
    pub(in crate::hq) async fn pack_index_bytes(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, HqError> {
        let Some(size_bytes) = self.artefacts.size(digest).await? else { return Ok(None) };
        let most = MAX_PACK_INDEX_BYTES as u64;
        if size_bytes > most {
            let what = "bytes of an index of a pack";
            return Err(HqError::TooMuch { what, found: size_bytes, most });
        }
        let mut all = Vec::new();
        let mut pieces = self.artefacts.read(digest, 0..size_bytes).await?;
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(Some(all))
    }

    /// A file without a name that has an artefact's bytes.
    async fn spooled(&self, digest: Digest) -> Result<File, HqError> {
        let size = self.artefacts.size(digest).await?;
        let size = size.ok_or_else(|| HqError::unknown("artefact", digest))?;
        if size > MAX_PACK_BYTES {
            let what = "bytes of a pack's source";
            return Err(HqError::TooMuch { what, found: size, most: MAX_PACK_BYTES });
        }
        let mut file = tempfile::tempfile().map_err(|error| packed(&error))?;
        if size == 0 {
            return Ok(file);
        }
        let mut pieces = self.artefacts.read(digest, 0..size).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            file = blocking(move || {
                file.write_all(&piece).map_err(|error| packed(&error))?;
                Ok(file)
            })
            .await?;
        }
        Ok(file)
    }
}

/// The answers of a source, each once: of two with one key the first, which is asked for more.
fn answers(
    file: &File,
) -> Result<impl Iterator<Item = Result<(Vec<u8>, PackedAnswer), HqError>> + '_, HqError> {
    let mut from = file;
    from.rewind().map_err(|error| packed(&error))?;
    let source = |error: &dyn std::error::Error| HqError::Value {
        field: "source",
        why: format!("it is no pack's source: {error}"),
    };
    let reader = PackSourceReader::new(from, MAX_PACK_BYTES).map_err(|error| source(&error))?;
    let mut keys = HashSet::new();
    let parse = move |bytes: Result<Vec<u8>, _>| {
        let bytes = bytes.map_err(|error| source(&error))?;
        let answer = PackedAnswer::parse(&bytes).map_err(|error| source(&error))?;
        let grounded = !answer.stands_on.facts.is_empty();
        if !grounded {
            let why = "an answer stands on nothing, and would hold for ever".to_owned();
            return Err(HqError::Value { field: "source", why });
        }
        Ok((bytes, answer))
    };
    let is_first = move |answer: &Result<(Vec<u8>, PackedAnswer), HqError>| match answer {
        Ok((_, answer)) => keys.insert(answer.key),
        Err(_) => true,
    };
    Ok(reader.map(parse).filter(is_first))
}

fn read(file: &File) -> Result<Source, HqError> {
    let mut plain = ArtefactBuilder::default();
    let spool = MeasuredFile::new().map_err(|error| packed(&error))?;
    let mut writer = PackWriter::new(spool).map_err(|error| packed(&error))?;
    let (mut entries, mut contents) = (Vec::new(), BTreeMap::new());
    for answer in answers(file)? {
        let (bytes, answer) = answer?;
        plain.write_all(&bytes).map_err(|error| packed(&error))?;
        writer.write(&bytes).map_err(|error| packed(&error))?;
        let size_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        entries.push(PackEntry { digest: Digest::of(&bytes), size_bytes });
        count(&mut contents, &answer);
    }
    if entries.is_empty() {
        let why = "it has no answers".to_owned();
        return Err(HqError::Value { field: "source", why });
    }
    let packed = writer.finish().map_err(|error| packed(&error))?.finish()?;
    Ok(Source { entries, plain: plain.finish()?, packed, contents })
}

/// Those answers of a source, compressed, in its order.
fn delta(file: &File, lacking: HashSet<Digest>) -> Result<Measured, HqError> {
    let spool = MeasuredFile::new().map_err(|error| packed(&error))?;
    let mut writer = PackWriter::new(spool).map_err(|error| packed(&error))?;
    for answer in answers(file)? {
        let (bytes, _) = answer?;
        if lacking.contains(&Digest::of(&bytes)) {
            writer.write(&bytes).map_err(|error| packed(&error))?;
        }
    }
    writer.finish().map_err(|error| packed(&error))?.finish()
}

fn count(contents: &mut BTreeMap<String, u64>, answer: &PackedAnswer) {
    let told = &answer.provenance;
    let language = told.language.as_deref().unwrap_or("-");
    let mut kind = format!("{} {} {language}", &*told.route, &*told.model);
    if contents.len() >= MAX_KINDS && !contents.contains_key(&kind) {
        kind = "others".to_owned();
    }
    *contents.entry(kind).or_insert(0) += 1;
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HqError> + Send + 'static,
) -> Result<T, HqError> {
    let ended = |_| HqError::Pack("a worker failed".to_owned());
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
