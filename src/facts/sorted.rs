//! A sorted map that is cheap to keep a copy of.

use std::sync::Arc;

/// Entries that are copied at most when one of them changes.
const CHUNK: usize = 128;

/// A map in the order of its keys. A clone costs nothing and stays as it is when the other changes:
/// a change copies the one chunk it is in.
#[derive(Debug, Clone)]
pub(super) struct Sorted<V> {
    chunks: Arc<Vec<Chunk<V>>>,
    len: usize,
}

type Chunk<V> = Arc<Vec<(Arc<str>, V)>>;

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<V: Clone> Sorted<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|(found, _)| (**found).cmp(key)).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let at = self.chunk_of(key);
        let place = self.chunks.get(at)?.binary_search_by(|(found, _)| (**found).cmp(key)).ok()?;
        let entries = Arc::make_mut(Arc::make_mut(&mut self.chunks).get_mut(at)?);
        entries.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value and gives back the one it replaces.
    pub(super) fn insert(&mut self, key: Arc<str>, value: V) -> Option<V> {
        let at = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return None;
        };
        let entries = Arc::make_mut(chunk);
        match entries.binary_search_by(|(found, _)| found.cmp(&key)) {
            Ok(found) => entries.get_mut(found).map(|(_, held)| std::mem::replace(held, value)),
            Err(place) => {
                entries.insert(place, (key, value));
                if entries.len() > CHUNK {
                    let upper = entries.split_off(CHUNK / 2);
                    chunks.insert(at + 1, Arc::new(upper));
                }
                self.len += 1;
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.chunk_of(key);
        let place = self.chunks.get(at)?.binary_search_by(|(found, _)| (**found).cmp(key)).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(chunks.get_mut(at)?);
        let (_, value) = entries.remove(place);
        if entries.is_empty() {
            chunks.remove(at);
        }
        self.len -= 1;
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|(key, value)| (key, value))
    }

    /// Entries behind a key, whether or not it is there.
    pub(super) fn iter_after(&self, key: &str) -> impl Iterator<Item = (&Arc<str>, &V)> {
        let at = self.chunk_of(key);
        let chunks = self.chunks.iter().skip(at).flat_map(|chunk| chunk.iter());
        chunks.skip_while(move |(found, _)| **found <= *key).map(|(key, value)| (key, value))
    }

    /// The chunk that has the key, or would.
    fn chunk_of(&self, key: &str) -> usize {
        let begins_by = |chunk: &Chunk<V>| chunk.first().is_some_and(|(first, _)| **first <= *key);
        self.chunks.partition_point(begins_by).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn it_does_what_a_map_does_and_copies_stay_as_they_were() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
        let mut kept = Vec::new();
        for step in 0..20_000u32 {
            let key = format!("{}", random.random_range(0..900));
            if random.random_range(0..3) == 0 {
                assert_eq!(sorted.remove(&key), model.remove(&key));
            } else {
                assert_eq!(sorted.insert(key.as_str().into(), step), model.insert(key, step));
            }
            if let Some(value) = sorted.get_mut("77") {
                *value += 1;
                *model.get_mut("77").unwrap() += 1;
            }
            assert_eq!(sorted.len(), model.len());
            if step % 1000 == 0 {
                kept.push((sorted.clone(), model.clone()));
            }
        }
        kept.push((sorted, model));
        for (sorted, model) in kept {
            assert!(sorted.iter().map(|(k, v)| (&**k, v)).eq(model.iter().map(|(k, v)| (&**k, v))));
            for key in ["", "5", "500", "899", "9", "x"] {
                assert_eq!(sorted.get(key), model.get(key));
                let behind = model.iter().filter(|(found, _)| found.as_str() > key);
                assert!(
                    sorted
                        .iter_after(key)
                        .map(|(k, v)| (&**k, v))
                        .eq(behind.map(|(k, v)| (&**k, v)))
                );
            }
        }
    }
}
