//! Which kernels a decoder runs: how products are divided among a device's workgroups, how a workgroup
//! adds up, and how rows attend. A short trial on the device takes the fastest of a few ways.

mod products;
mod rows;
mod time;

use std::time::Duration;

use self::products::Bench;
use crate::graph::{Attention, Graph, Operation};
use crate::kernels::{Reduction, Variant};
use crate::{Device, GpuError};

/// The kernels that a decoder runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tuning {
    /// How products are divided, by its place among [`WAYS`].
    products: usize,
    pub(crate) norms: Reduction,
    pub(crate) attention: Attending,
}

/// How rows attend. The same for all rows, or a row's result would depend on how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attending {
    /// Each by itself.
    Rows(Reduction),
    /// Where there are many, so many pairs of row and head at once; where there are few, each by itself.
    Tiles(usize),
}

impl Default for Attending {
    fn default() -> Self {
        Self::Rows(Reduction::Shared)
    }
}

impl Attending {
    /// How the workgroups of single rows add up.
    pub(crate) fn of_few(self) -> Reduction {
        match self {
            Self::Rows(reduction) => reduction,
            Self::Tiles(_) => Reduction::Shared,
        }
    }
}

/// Rows up to which a variant is taken, the last for all others. Those of one way have the same
/// slices, so that a row's result does not depend on how many rows there are.
type Way = (&'static str, [(usize, Variant); 3]);

const fn variant(rows: usize, tiles: usize, slices: usize) -> Variant {
    Variant { rows, tiles, slices }
}

/// The first is what no device is known to be bad at.
const WAYS: [Way; 4] = [
    ("8", [(1, variant(1, 2, 8)), (4, variant(4, 2, 8)), (usize::MAX, variant(8, 4, 8))]),
    ("4 wide", [(1, variant(1, 4, 4)), (4, variant(4, 4, 4)), (usize::MAX, variant(8, 4, 4))]),
    ("16", [(1, variant(1, 2, 16)), (4, variant(4, 2, 16)), (usize::MAX, variant(8, 2, 16))]),
    ("8 wide", [(1, variant(1, 4, 8)), (4, variant(4, 4, 8)), (usize::MAX, variant(8, 4, 8))]),
];

const REDUCTIONS: [(&str, Reduction); 2] =
    [("shared", Reduction::Shared), ("subgroups", Reduction::Subgroups)];

const ATTENDING: [(&str, Attending); 4] = [
    ("rows", Attending::Rows(Reduction::Shared)),
    ("rows by subgroups", Attending::Rows(Reduction::Subgroups)),
    ("tiles of 8", Attending::Tiles(8)),
    ("tiles of 16", Attending::Tiles(16)),
];

fn name_of<T: PartialEq>(all: &[(&'static str, T)], of: &T) -> &'static str {
    all.iter().find(|(_, one)| one == of).map_or("", |(name, _)| name)
}

impl Tuning {
    /// All that a device can run.
    pub fn all(device: &Device) -> impl Iterator<Item = Self> {
        let has_subgroups = device.has_subgroups();
        let all = (0..WAYS.len()).flat_map(|products| {
            REDUCTIONS.into_iter().flat_map(move |(_, norms)| {
                ATTENDING.map(|(_, attention)| Self { products, norms, attention })
            })
        });
        all.filter(move |tuning| has_subgroups || !tuning.needs_subgroups())
    }

    /// Its name, to be remembered by.
    pub fn name(&self) -> String {
        let products = WAYS.get(self.products).map_or("", |(name, _)| name);
        let norms = name_of(&REDUCTIONS, &self.norms);
        format!("{products}, {norms}, {}", name_of(&ATTENDING, &self.attention))
    }

    /// The one of this name, where the device can run it.
    pub fn named(name: &str, device: &Device) -> Option<Self> {
        Self::all(device).find(|tuning| tuning.name() == name)
    }

    fn needs_subgroups(&self) -> bool {
        let attention = self.attention == Attending::Rows(Reduction::Subgroups);
        attention || self.norms == Reduction::Subgroups
    }

    /// The variants of products, and up to how many rows each is taken.
    pub(crate) fn variants(&self) -> [(usize, Variant); 3] {
        let way = WAYS.get(self.products).or(WAYS.first());
        way.map_or([(usize::MAX, variant(1, 2, 8)); 3], |way| way.1)
    }

    /// The fastest for a graph on a device. Takes some hundred runs of a product, of a norm and of an
    /// attention, in each way.
    pub fn of(device: &Device, graph: &Graph<'_>) -> Result<Self, GpuError> {
        let mut best = Self::default();
        let bench = Bench::new(device, graph)?;
        if let Some(bench) = &bench {
            let ways = (0..WAYS.len()).map(|products| Self { products, ..best });
            best = fastest(ways, |tuning| bench.time(tuning))?.unwrap_or(best);
        }
        let fits = |tuning: &Self| device.has_subgroups() || !tuning.needs_subgroups();
        if let Some(width) = widest_norm(graph) {
            let ways = REDUCTIONS.map(|(_, norms)| Self { norms, ..best }).into_iter();
            let time = |tuning: &Self| rows::time_norm(device, width, tuning.norms);
            best = fastest(ways.filter(fits), time)?.unwrap_or(best);
        }
        if let Some(attention) = first_attention(graph) {
            let ways = ATTENDING.map(|(_, attention)| Self { attention, ..best }).into_iter();
            let time = |tuning: &Self| rows::time_attention(device, attention, tuning.attention);
            best = fastest(ways.filter(fits), time)?.unwrap_or(best);
        }
        Ok(best)
    }
}

fn fastest(
    all: impl Iterator<Item = Tuning>,
    mut time: impl FnMut(&Tuning) -> Result<Duration, GpuError>,
) -> Result<Option<Tuning>, GpuError> {
    let mut best: Option<(Tuning, Duration)> = None;
    for tuning in all {
        let took = time(&tuning)?;
        tracing::debug!(tuning = tuning.name(), ?took, "tried");
        if best.is_none_or(|(_, shortest)| took < shortest) {
            best = Some((tuning, took));
        }
    }
    Ok(best.map(|(tuning, _)| tuning))
}

fn widest_norm(graph: &Graph<'_>) -> Option<usize> {
    let norms = graph.operations.iter().filter_map(|operation| match operation {
        Operation::Norm { gain, .. } => Some(gain.len()),
        _ => None,
    });
    norms.max()
}

fn first_attention<'a>(graph: &'a Graph<'_>) -> Option<&'a Attention> {
    graph.operations.iter().find_map(|operation| match operation {
        Operation::Attend(attention) => Some(attention),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::{device, device_with_all};
    use crate::plan::TILES_IN_TURN;
    use crate::weights::TILE;

    #[test]
    fn every_way_fits_into_what_each_device_has() {
        for (products, (name, variants)) in WAYS.into_iter().enumerate() {
            assert_eq!(Tuning { products, ..Tuning::default() }.variants(), variants);
            for (_, Variant { rows, tiles, slices }) in variants {
                assert!(rows * tiles * slices * TILE * 4 <= 16 << 10, "{name}");
                assert!(slices * TILE <= 256 && tiles.is_multiple_of(TILES_IN_TURN), "{name}");
                assert_eq!(slices, variants[0].1.slices, "{name}: rows would not be the same");
            }
            assert!(variants.is_sorted_by_key(|(most, _)| *most) && variants[2].0 == usize::MAX);
        }
    }

    #[test]
    fn what_a_device_can_run_is_found_by_its_name_and_nothing_else_is() {
        let (portable, all) = (device(), device_with_all());
        for tuning in Tuning::all(&all) {
            assert_eq!(Tuning::named(&tuning.name(), &all), Some(tuning));
            let can = (!tuning.needs_subgroups()).then_some(tuning);
            assert_eq!(Tuning::named(&tuning.name(), &portable), can);
        }
        let with_all = if all.has_subgroups() { 32 } else { 12 };
        assert_eq!((Tuning::all(&portable).count(), Tuning::all(&all).count()), (12, with_all));
        assert_eq!(Tuning::default().name(), "8, shared, rows");
        assert_eq!(Tuning::named("8", &all), None);
    }
}
