//! What facts, index and vectors are said to take, beside what the allocator hands out for them.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use endcap::facts::search::{Search, Vectorised};
use endcap::facts::{Batch, Change, Fact, Facts, FactsConfig, Table, UnixSeconds, sample};
use serde_json::{Value, json};

use crate::support::alone;

/// Numbers of a vector, as MiniLM has them.
const WIDTH: usize = 384;
/// Facts of a table that are written to see what they take.
const MANY: usize = 20_000;

/// Between these, what is counted is a fair part of what the heap grows by: the allocator hands
/// memory out in pieces of its own.
const LEAST: f64 = 0.75;
const MOST: f64 = 1.5;
/// An index is counted with all that its writer may take, which it has for moments.
const WRITER_BYTES: f64 = 16_000_000.0;

/// `struct mallinfo2` of glibc's malloc.h, in bytes where a field is of memory.
#[repr(C)]
struct MallInfo {
    arena: usize,
    ordblks: usize,
    smblks: usize,
    hblks: usize,
    hblkhd: usize,
    usmblks: usize,
    fsmblks: usize,
    uordblks: usize,
    fordblks: usize,
    keepcost: usize,
}

/// Bytes of the heap that are in use, those of large pieces with a mapping of their own among them.
/// Resident memory would depend on what was freed before and is used again.
fn allocated_bytes() -> usize {
    // SAFETY: declared as in glibc's malloc.h. It takes the allocator's own locks and changes nothing.
    unsafe extern "C" {
        safe fn mallinfo2() -> MallInfo;
    }
    let heap = mallinfo2();
    heap.uordblks + heap.hblkhd
}

/// What it makes, and by how many bytes the heap grew.
fn growth<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let before = allocated_bytes();
    let made = make();
    (made, allocated_bytes() as f64 - before as f64)
}

/// What was measured so far, told when all of it is known.
#[derive(Default)]
struct Measured(Vec<String>, Vec<String>);

impl Measured {
    fn note(&mut self, what: &str, counted: usize, grown: f64) {
        self.note_within(what, counted, grown, 0.0);
    }

    /// The same where `spare` bytes of what is counted need not be there now.
    fn note_within(&mut self, what: &str, counted: usize, grown: f64, spare: f64) {
        let (counted, ratio) = (counted as f64, counted as f64 / grown);
        let mib = |bytes: f64| bytes / 1_048_576.0;
        let line = format!(
            "{what}: {:.2} MiB counted, {:.2} MiB grown, ratio {ratio:.2}",
            mib(counted),
            mib(grown)
        );
        eprintln!("{line}");
        let wrong = ratio < LEAST || counted > grown * MOST + spare;
        if wrong { &mut self.1 } else { &mut self.0 }.push(line);
    }
}

fn fact_of(table: Table, at: usize) -> Value {
    match table {
        Table::Products => json!({
            "names": { "en": format!("Dark roast coffee No. {at}"), "de": format!("Kaffee Nr. {at}") },
            "category": format!("drinks/coffee/{}", at % 50),
            "brand": "Bean & Co",
            "size": { "text": "12 oz", "quantity": 12, "unit": "oz" },
            "allergens": { "contains": ["milk"], "may_contain": ["nuts"] },
        }),
        Table::Prices => json!({ "amount": at as f64 / 100.0, "currency": "USD", "per": "kg" }),
        Table::Promotions => json!({
            "titles": { "en": "Coffee week" }, "skus": [at.to_string(), (at + 1).to_string()],
            "offer": { "percent_off": 20 }, "starts": "2026-11-26T08:00:00Z",
        }),
        Table::Stock => {
            json!({ "band": "low", "quantity": 3, "location": { "aisle": "4" } })
        }
        Table::Hours => json!({
            "names": { "en": "Bakery" },
            "weekly": { "monday": [{ "opens": "08:00", "closes": "12:00" }], "friday": [{ "opens": "08:00", "closes": "12:00" }] },
        }),
        Table::Recalls => json!({
            "skus": [at.to_string()], "reasons": { "en": "It may hold glass." }, "since": "2026-11-26T08:00:00Z",
        }),
    }
}

fn many(table: Table) -> Batch {
    let change = |at: usize| {
        let fact = Fact::parse(table, fact_of(table, at).to_string().as_bytes()).unwrap();
        Change::Put { id: format!("{at:06}").parse().unwrap(), fact, source: None }
    };
    Batch { changes: (0..MANY).map(change).collect(), idempotency: None }
}

/// Facts of one table in a file of their own, as a start finds them.
fn measure_table(table: Table, measured: &mut Measured) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.redb");
    let config = FactsConfig { max_changes: 1, ..FactsConfig::default() };
    let facts = Facts::open(&path, config.clone()).unwrap();
    facts.write(many(table), UnixSeconds::now()).unwrap();
    drop(facts);
    let (facts, grown) = growth(|| Facts::open(&path, config).unwrap());
    let status = facts.status();
    measured.note(table.as_str(), status.memory_bytes + status.beside_bytes, grown);
    eprintln!("  of it {} beside", status.beside_bytes >> 10);
    if table == Table::Products {
        let (search, grown) = growth(|| {
            let search = Search::open(facts, None).unwrap();
            search.catch_up().unwrap();
            search
        });
        let counted = search.memory().index_bytes;
        measured.note_within("an index of them", counted, grown, WRITER_BYTES);
    }
}

/// The sample shop with its index and vectors.
fn measure_shop(measured: &mut Measured) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.redb");
    let facts = Facts::open(&path, FactsConfig::default()).unwrap();
    sample::load(&facts, UnixSeconds::now(), |_, _| ()).unwrap();
    drop(facts);
    let (facts, grown) = growth(|| Facts::open(&path, FactsConfig::default()).unwrap());
    let status = facts.status();
    measured.note("the shop's facts", status.memory_bytes + status.beside_bytes, grown);

    let vectors = folder.path().join("vectors.redb");
    let (search, grown) = growth(|| {
        let search = Search::open(facts, Some(&vectors)).unwrap();
        search.catch_up().unwrap();
        search
    });
    eprintln!("  facts {} beside {} KiB", status.memory_bytes >> 10, status.beside_bytes >> 10);
    measured.note_within("its index", search.memory().index_bytes, grown, WRITER_BYTES);

    let vector = |at: usize| (0..WIDTH).map(|i| ((at * 31 + i * 7) % 101) as f32 - 50.0).collect();
    let missing = search.missing(usize::MAX).unwrap();
    let made = missing.into_iter().enumerate();
    let made: Vec<_> = made.map(|(at, of)| Vectorised { of, vector: vector(at) }).collect();
    made.chunks(64).for_each(|some| search.put_vectors(some.to_vec()).unwrap());
    let facts = search.facts().clone();
    drop((search, made));
    let (bare, beside) = growth(|| Search::open(facts.clone(), None).unwrap());
    // As a start finds them: without what writing them left in the file's pages.
    let (search, grown) = growth(|| Search::open(facts, Some(&vectors)).unwrap());
    measured.note("its vectors", search.memory().vector_bytes, grown - beside);
    drop(bare);
}

#[test]
#[ignore = "the other test gives it a process of its own"]
fn in_a_process_of_its_own() {
    let mut measured = Measured::default();
    Table::ALL.into_iter().for_each(|table| measure_table(table, &mut measured));
    measure_shop(&mut measured);
    assert!(measured.1.is_empty(), "counted is not what it takes: {:#?}", measured.1);
}

#[test]
fn what_is_counted_for_facts_index_and_vectors_is_what_they_take() {
    let told = alone(module_path!(), &[]);
    assert!(told.contains("its vectors"), "{told}");
}
