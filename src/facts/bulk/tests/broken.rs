//! Files that somebody or something has damaged: no panic, and an end.

use std::path::Path;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::facts::Table;
use crate::facts::bulk::Rows;

const SEED: u64 = 0x5a0b;
const ROUNDS: usize = 400;

/// Reads a file to its end; a damaged one tells faults, and not more of them than it has bytes.
fn read(path: &Path, table: Table, bytes: usize) {
    if let Ok(rows) = Rows::open(path, table) {
        let told = rows.take(bytes + 2).count();
        assert!(told <= bytes + 1, "{} does not end", path.display());
    }
}

#[test]
fn a_damaged_file_is_told_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for (name, table) in [
        ("products.csv", Table::Products),
        ("products.parquet", Table::Products),
        ("prices.parquet", Table::Prices),
        ("promotions.parquet", Table::Promotions),
    ] {
        let whole = std::fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tables").join(name),
        )
        .unwrap();
        let path = folder.path().join(name);
        for _ in 0..ROUNDS {
            let mut damaged = whole.clone();
            match random.random_range(0..3) {
                0 => damaged.truncate(random.random_range(0..whole.len())),
                1 => {
                    for _ in 0..random.random_range(1..8) {
                        let at = random.random_range(0..damaged.len());
                        damaged[at] = random.random();
                    }
                }
                _ => {
                    let at = random.random_range(0..damaged.len());
                    let end = (at + random.random_range(1..64)).min(damaged.len());
                    damaged.drain(at..end);
                }
            }
            std::fs::write(&path, &damaged).unwrap();
            read(&path, table, damaged.len());
        }
    }
}
