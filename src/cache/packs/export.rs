//! Answers that were made here, for others.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::portable::{self, Unportable};
use crate::cache::exact::Found;
use crate::cache::room::Inner;
use crate::cache::{Cache, Scope};
use crate::facts::UnixSeconds;
use crate::protocol::documents::{PackSourceWriter, StreamError};
use crate::protocol::limits::MAX_PACK_ENTRIES;

/// Which answers are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Of these routes; there must be one. Only what a skill has checked can be chosen.
    pub routes: Vec<String>,
    /// In these languages; all where there is none.
    pub languages: Vec<String>,
    /// Asked for so often at least, the first time included.
    pub min_asked: u32,
    /// At most so many.
    pub max_answers: usize,
    /// At most so many bytes of them, before compression.
    pub max_bytes: u64,
}

/// The step of a skill whose text a model said and every check let pass.
const CHECKED: &str = "model";
/// About what is given at once.
const PIECE_BYTES: usize = 64 << 10;

/// Chosen answers, those first that are asked for most. It holds their heads; each is read when it is
/// taken.
pub struct Export {
    cache: Cache,
    /// The file that is made of them; gone at its end.
    file: Option<PackSourceWriter<Vec<u8>>>,
    chosen: std::vec::IntoIter<Found>,
    max_bytes: u64,
    bytes: u64,
    answers: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Cache {
    /// The answers that can be given elsewhere: none that is for one person or one kind of device, none
    /// that no check has seen, none whose facts have changed.
    pub fn export(&self, choice: &Choice) -> Result<Export, StreamError> {
        let mut left_out = BTreeMap::new();
        let mut chosen = Vec::new();
        for found in self.0.exact.all() {
            match left_out_for(&self.0, &found, choice) {
                Verdict::Chosen => chosen.push(found),
                Verdict::LeftOut(why) => *left_out.entry(why).or_insert(0) += 1,
                Verdict::NotAsked => {}
            }
        }
        chosen.sort_by_cached_key(|found| (Reverse(asked(found)), *found.head.key.bytes()));
        let most = choice.max_answers.min(MAX_PACK_ENTRIES);
        if chosen.len() > most {
            left_out.insert("limit", (chosen.len() - most) as u64);
            chosen.truncate(most);
        }
        Ok(Export {
            cache: self.clone(),
            file: Some(PackSourceWriter::new(Vec::new())?),
            chosen: chosen.into_iter(),
            max_bytes: choice.max_bytes,
            bytes: 0,
            answers: 0,
            left_out,
        })
    }
}

enum Verdict {
    Chosen,
    /// Of another route.
    NotAsked,
    LeftOut(&'static str),
}

fn asked(found: &Found) -> u32 {
    found.tally.asked.load(Ordering::Relaxed)
}

fn left_out_for(inner: &Inner, found: &Found, choice: &Choice) -> Verdict {
    let (head, told) = (&*found.head, &*found.head.provenance);
    if !choice.routes.contains(&told.route) {
        return Verdict::NotAsked;
    }
    let spoken = told.language.as_ref();
    let in_language = |wanted: &String| spoken.is_some_and(|language| language == wanted);
    let languages = &choice.languages;
    if !matches!(head.scope, Scope::Public | Scope::Store) {
        Verdict::LeftOut("scope")
    } else if told.step.as_deref() != Some(CHECKED) {
        Verdict::LeftOut("unchecked")
    } else if !languages.is_empty() && !languages.iter().any(in_language) {
        Verdict::LeftOut("language")
    } else if asked(found) < choice.min_asked {
        Verdict::LeftOut("seldom")
    } else if inner.facts.seal(&head.record, UnixSeconds::now()).is_none() {
        Verdict::LeftOut("facts")
    } else {
        Verdict::Chosen
    }
}

impl Export {
    /// The bytes of the next answer; none at the end. Blocks on the disk.
    pub fn next_answer(&mut self) -> Option<Vec<u8>> {
        while let Some(found) = self.chosen.next() {
            let bytes = match self.read(&found) {
                Ok(bytes) => bytes,
                Err(why) => {
                    self.leave_out(why);
                    continue;
                }
            };
            if self.bytes + bytes.len() as u64 > self.max_bytes {
                self.leave_out("limit");
                continue;
            }
            self.bytes += bytes.len() as u64;
            self.answers += 1;
            return Some(bytes);
        }
        None
    }

    /// The next bytes of the file that HQ makes a pack of; none at the end. Blocks on the disk.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        while let Some(answer) = self.next_answer() {
            file.write(&answer)?;
            if file.get_mut().len() >= PIECE_BYTES {
                let piece = std::mem::take(file.get_mut());
                self.file = Some(file);
                return Ok(Some(piece));
            }
        }
        file.finish().map(Some)
    }

    /// Answers that were taken.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Answers of the chosen routes that are not among them, by reason.
    pub fn left_out(&self) -> &BTreeMap<&'static str, u64> {
        &self.left_out
    }

    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_insert(0) += 1;
    }

    fn read(&self, found: &Found) -> Result<Vec<u8>, &'static str> {
        let inner = &self.cache.0;
        let seal = inner.facts.seal(&found.head.record, UnixSeconds::now()).ok_or("facts")?;
        let events = match &found.events {
            Some(events) => Some(std::sync::Arc::clone(events)),
            None => inner.store.as_ref().and_then(|store| store.read(&found.head.key)),
        };
        let events = events.ok_or("gone")?;
        let meaning = inner.semantic.meaning(&found.head.key);
        let packed = portable::packed(found, &events, &seal, meaning.as_deref());
        let bytes = packed.and_then(|answer| answer.to_bytes().map_err(Unportable::from));
        bytes.map_err(|error| {
            tracing::debug!(%error, "an answer cannot be exported");
            "form"
        })
    }
}
