//! Vectors of the products' texts, as bytes, in memory and in a file.

mod disk;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::SearchError;
use crate::facts::Product;
use disk::Disk;

/// Memory of an SKU with its counts, and of what the allocator keeps beside it and a vector.
const OWN_BYTES: usize = 48;

/// A text whose vector is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Of which product.
    pub sku: Arc<str>,
    /// Of what a vector is to be made.
    pub text: String,
    digest: [u8; 32],
}

impl Missing {
    /// What a product means is said by its English name, else by its first one, and its category.
    pub(super) fn of(sku: &Arc<str>, product: &Product) -> Self {
        let english = product.names.iter().find(|(lang, _)| lang.as_str() == "en");
        let name = english.or_else(|| product.names.iter().next()).map_or("", |(_, name)| name);
        let brand = product.brand.as_deref().unwrap_or_default();
        let name = name.strip_prefix(brand).map_or(name, str::trim_start);
        let text = match &product.category {
            Some(category) => format!("{name} ({})", category.replace(['/', '-'], " ")),
            None => name.to_owned(),
        };
        let digest = Sha256::digest(text.as_bytes()).into();
        Self { sku: Arc::clone(sku), text, digest }
    }
}

/// A text with its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectorised {
    /// The text.
    pub of: Missing,
    /// Its vector, of any length above 0.
    pub vector: Vec<f32>,
}

/// A vector of length 1, each number as a share of the largest.
#[derive(Debug, Clone, PartialEq)]
struct Quantised {
    digest: [u8; 32],
    scale: f32,
    bytes: Box<[i8]>,
}

impl Quantised {
    fn of(sku: &str, digest: [u8; 32], vector: &[f32]) -> Result<Self, SearchError> {
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        if !length.is_normal() {
            let why = format!("its length is {length}");
            return Err(SearchError::Vector { sku: sku.to_owned(), why });
        }
        let most = vector.iter().map(|number| number.abs()).fold(0.0, f32::max);
        let step = most / 127.0;
        let bytes = vector.iter().map(|number| (number / step).round() as i8).collect();
        Ok(Self { digest, scale: step / length, bytes })
    }

    fn dot(&self, other: &Self) -> f32 {
        let products = self.bytes.iter().zip(&other.bytes);
        let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        sum as f32 * self.scale * other.scale
    }
}

/// Vectors by SKU.
#[derive(Debug)]
pub(super) struct Vectors {
    encoder: String,
    by_sku: HashMap<Arc<str>, Quantised>,
    disk: Option<Disk>,
}

impl Vectors {
    /// What a file holds; one that cannot be read is begun anew.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, SearchError> {
        let Some(path) = path else {
            return Ok(Self { encoder: String::new(), by_sku: HashMap::new(), disk: None });
        };
        let (disk, encoder, by_sku) = Disk::open(path)?;
        Ok(Self { encoder, by_sku, disk: Some(disk) })
    }

    pub(super) fn set_encoder(&mut self, name: &str) -> Result<(), SearchError> {
        if self.encoder == name {
            return Ok(());
        }
        if let Some(disk) = &self.disk {
            disk.begin_anew(name)?;
        }
        self.by_sku.clear();
        name.clone_into(&mut self.encoder);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.by_sku.len()
    }

    /// What they take in memory.
    pub(super) fn bytes(&self) -> usize {
        let width = self.by_sku.values().next().map_or(0, |held| held.bytes.len());
        let entry = size_of::<(Arc<str>, Quantised)>() + 1;
        let own = self.by_sku.capacity() * entry + self.by_sku.len() * (width + OWN_BYTES);
        let pages = self.disk.as_ref().map_or(0, Disk::cache_bytes);
        // A file of no vectors has hardly a page.
        if self.by_sku.is_empty() { own } else { own + pages }
    }

    pub(super) fn skus(&self) -> impl Iterator<Item = Arc<str>> {
        self.by_sku.keys().cloned()
    }

    pub(super) fn has(&self, missing: &Missing) -> bool {
        self.by_sku.get(&missing.sku).is_some_and(|held| held.digest == missing.digest)
    }

    pub(super) fn put(&mut self, made: Vec<Vectorised>) -> Result<(), SearchError> {
        let mut taken = Vec::with_capacity(made.len());
        let mut width = self.by_sku.values().next().map(|held| held.bytes.len());
        for Vectorised { of, vector } in made {
            let wanted = *width.get_or_insert(vector.len());
            if vector.len() != wanted {
                let why = format!("{} numbers, but the others have {wanted}", vector.len());
                return Err(SearchError::Vector { sku: of.sku.to_string(), why });
            }
            taken.push((Arc::clone(&of.sku), Quantised::of(&of.sku, of.digest, &vector)?));
        }
        if let Some(disk) = &self.disk {
            disk.put(&taken)?;
        }
        self.by_sku.extend(taken);
        Ok(())
    }

    /// Drops the vectors of products that are gone. Where the file fails, they stay in it until the
    /// next start, which costs a few bytes and no answer.
    pub(super) fn forget(&mut self, skus: &[Arc<str>]) {
        for sku in skus {
            self.by_sku.remove(sku);
        }
        if let Some(disk) = &self.disk
            && let Err(error) = disk.remove(skus)
        {
            tracing::warn!(%error, "vectors of deleted products stay in their file");
        }
    }

    /// The nearest by cosine, nearest first.
    pub(super) fn nearest(&self, vector: &[f32], limit: usize) -> Vec<(Arc<str>, f32)> {
        let Ok(asked) = Quantised::of("", [0; 32], vector) else { return Vec::new() };
        let mut found: Vec<_> = self
            .by_sku
            .iter()
            .filter(|(_, held)| held.bytes.len() == asked.bytes.len())
            .map(|(sku, held)| (sku, held.dot(&asked)))
            .collect();
        let nearer = |a: &(&Arc<str>, f32), b: &(&Arc<str>, f32)| {
            b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0))
        };
        if found.len() > limit && limit > 0 {
            found.select_nth_unstable_by(limit - 1, nearer);
            found.truncate(limit);
        }
        found.sort_by(nearer);
        found.into_iter().map(|(sku, cosine)| (Arc::clone(sku), cosine)).collect()
    }
}
