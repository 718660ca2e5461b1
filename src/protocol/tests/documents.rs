//! Documents: golden bytes, damage, and what contradicts itself.

use std::path::PathBuf;

use super::samples::name;
use crate::protocol::documents::*;
use crate::protocol::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/documents-v1")
}

fn package(text: &str) -> PackageName {
    text.parse().unwrap()
}

fn file(path: &str, bytes: &[u8]) -> BundleFile {
    BundleFile { path: path.parse().unwrap(), artefact: Artefact::of(bytes).unwrap() }
}

fn part(kind: PartKind, name: &str, files: Vec<BundleFile>) -> Part {
    Part { kind, name: package(name), files: List::new(files).unwrap() }
}

fn trial() -> TrialRules {
    let check = Check {
        prompt: Text::cut("What is the capital of France?"),
        max_tokens: 32,
        contains: List::new(vec![Text::cut("Paris")]).unwrap(),
        lacks: List::new(vec![Text::cut("<|")]).unwrap(),
    };
    TrialRules {
        shadow_s: 60,
        trial_s: 600,
        probation_s: 3600,
        min_requests: 20,
        max_errors_per_mille: 10,
        max_latency_percent: 150,
        checks: List::new(vec![check]).unwrap(),
    }
}

fn bundle() -> Bundle {
    let model = part(
        PartKind::Model,
        "smollm2-135m-instruct",
        vec![file("model.onnx", &[7; (1 << 20) + 1]), file("weights/0.bin", b"")],
    );
    let rules = part(PartKind::GuardRules, "rules", vec![file("rules.toml", b"block = []")]);
    Bundle {
        id: package("autumn-2026.1"),
        parts: List::new(vec![model, rules]).unwrap(),
        facts_epoch: Some(900),
        cache_epoch: None,
        requires: Requires {
            free_bytes: 1 << 30,
            min_version: "0.1.0".parse().unwrap(),
            take_within_s: 86_400,
        },
        trial: trial(),
        alias: package("shop"),
    }
}

fn changes() -> Vec<FactChange> {
    let (table, id) = (Text::cut("prices"), Text::cut("0041"));
    let fact = Text::cut(r#"{"amount":"2.49","currency":"EUR"}"#);
    vec![
        FactChange::Put { table: table.clone(), id, fact },
        FactChange::Remove { table, id: Text::cut("0042") },
    ]
}

fn index() -> FactsIndex {
    let delta = |from_epoch, bytes: &[u8]| FactsDelta {
        from_epoch,
        artefact: Artefact::of(bytes).unwrap(),
    };
    FactsIndex {
        epoch: 900,
        root: Digest([2; 32]),
        whole: Artefact::of(&[3; 5000]).unwrap(),
        deltas: List::new(vec![delta(899, b"one"), delta(890, b"more")]).unwrap(),
    }
}

fn pack() -> PackIndex {
    let entries = [&b"first"[..], b"second"];
    let entry =
        |bytes: &&[u8]| PackEntry { digest: Digest::of(bytes), size_bytes: bytes.len() as u32 };
    PackIndex {
        epoch: 12,
        artefact: Artefact::of(&entries.concat()).unwrap(),
        entries: List::new(entries.iter().map(entry).collect()).unwrap(),
        packed: None,
        deltas: None,
        name: None,
    }
}

/// A pack as it is made since there are deltas.
fn named_pack() -> PackIndex {
    let delta =
        PackDelta { from: Digest::of(b"an older index"), artefact: Artefact::of(b"less").unwrap() };
    PackIndex {
        packed: Some(Artefact::of(b"compressed").unwrap()),
        deltas: Some(List::new(vec![delta]).unwrap()),
        name: Some("copy-de".parse().unwrap()),
        ..pack()
    }
}

fn answer() -> PackedAnswer {
    let fact = PackedFact { name: Text::cut("prices:0041"), digest: Digest::of(b"2.49") };
    PackedAnswer {
        key: Digest::of(b"a question"),
        scope: PackScope::Store,
        provenance: PackedProvenance {
            route: Text::cut("copy"),
            model: Text::cut("smollm2-135m-instruct"),
            model_digest: Text::cut("ab12"),
            template_digest: Text::cut("cd34"),
            step: Some(Text::cut("model")),
            language: Some(Text::cut("de")),
            seed: Some(7),
        },
        stands_on: PackedRecord {
            facts: List::new(vec![fact]).unwrap(),
            read_s: 1_790_000_000,
            until_s: Some(1_790_003_600),
            clock: Some(Text::cut("00ff")),
            tables: List::new(vec![Text::cut("prices")]).unwrap(),
        },
        recipe: Some(PackedRecipe {
            maker: Text::cut("copy"),
            order: Blob::new([1, 2, 3]).unwrap(),
        }),
        meaning: None,
        made_ms: 1_790_000_001_234,
        cost: PackedCost { prompt_tokens: 90, completion_tokens: 40, ms: 1500 },
        events: Blob::new(*b"[]").unwrap(),
    }
}

fn config() -> ConfigDoc {
    let hours = InstallHours { from: "22:30".parse().unwrap(), until: "05:00".parse().unwrap() };
    ConfigDoc {
        blocked_terms: Some(List::new(vec![Text::cut("Gewinnspiel")]).unwrap()),
        default_language: Some(Text::cut("de")),
        cache: [(name("ask"), CacheTiers::Exact), (name("chat"), CacheTiers::Off)].into(),
        install_hours: Some(List::new(vec![hours]).unwrap()),
        wan_bytes_per_day: Some(2 << 30),
        log_level: Some(LogLevel::Info),
        device_profiles: None,
    }
}

/// Each document with its name, bytes and JSON.
fn all() -> Vec<(&'static str, Vec<u8>, String)> {
    let config_json = serde_json::to_string_pretty(&config()).unwrap();
    vec![
        ("bundle", bundle().to_bytes().unwrap(), bundle().to_json().unwrap()),
        ("facts_index", index().to_bytes().unwrap(), index().to_json().unwrap()),
        ("pack_index", pack().to_bytes().unwrap(), pack().to_json().unwrap()),
        ("config", config().to_bytes().unwrap(), config_json),
        ("pack_index_named", named_pack().to_bytes().unwrap(), named_pack().to_json().unwrap()),
        (
            "packed_answer",
            answer().to_bytes().unwrap(),
            serde_json::to_string_pretty(&answer()).unwrap(),
        ),
    ]
}

#[test]
fn each_document_has_the_bytes_and_the_json_that_it_always_had() {
    for (name, bytes, json) in all() {
        let golden = std::fs::read(folder().join(format!("{name}.bytes"))).unwrap();
        assert_eq!(bytes, golden, "{name}");
        let golden = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        assert_eq!(json, golden.trim_end(), "{name}");
    }
    let read = |name: &str| std::fs::read(folder().join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    assert_eq!(Bundle::parse(&read("bundle.bytes")), Ok(bundle()));
    assert_eq!(Bundle::from_json(&text("bundle.json")), Ok(bundle()));
    assert_eq!(FactsIndex::parse(&read("facts_index.bytes")), Ok(index()));
    assert_eq!(FactsIndex::from_json(&text("facts_index.json")), Ok(index()));
    assert_eq!(PackIndex::parse(&read("pack_index.bytes")), Ok(pack()));
    assert_eq!(PackIndex::from_json(&text("pack_index.json")), Ok(pack()));
    assert_eq!(PackIndex::parse(&read("pack_index_named.bytes")), Ok(named_pack()));
    assert_eq!(PackedAnswer::parse(&read("packed_answer.bytes")), Ok(answer()));
    assert_eq!(ConfigDoc::parse(&read("config.bytes")), Ok(config()));
    assert_eq!(ConfigDoc::parse(&read("config.json")), Ok(config()));
    // Later libraries may compress otherwise, and read what earlier ones wrote.
    let written = read("changes.zst");
    let read = ChangeReader::new(&written[..], 1 << 20).unwrap();
    assert_eq!(read.collect::<Result<Vec<_>, _>>().unwrap(), changes());
}

/// Writes the files of new samples, and never over one that is there.
#[test]
#[ignore = "a tool: run it after adding a sample"]
fn write_what_is_missing() {
    std::fs::create_dir_all(folder()).unwrap();
    let mut writer = ChangeWriter::new(Vec::new()).unwrap();
    changes().iter().for_each(|change| writer.write(change).unwrap());
    let mut files = vec![("changes.zst".to_owned(), writer.finish().unwrap())];
    for (name, bytes, json) in all() {
        files.push((format!("{name}.bytes"), bytes));
        files.push((format!("{name}.json"), (json + "\n").into_bytes()));
    }
    for (name, bytes) in files {
        if !folder().join(&name).exists() {
            std::fs::write(folder().join(name), bytes).unwrap();
        }
    }
}

#[test]
fn a_set_that_is_none_is_refused() {
    let with = |change: &dyn Fn(&mut Bundle)| {
        let mut changed = bundle();
        change(&mut changed);
        assert!(changed.check().is_err() && changed.to_bytes().is_err(), "{changed:?}");
        let json = serde_json::to_string(&changed).unwrap();
        assert!(Bundle::from_json(&json).is_err());
    };
    let model = |files| part(PartKind::Model, "m", files);
    with(&|bundle| bundle.parts = List::default());
    with(&|bundle| bundle.parts = List::new(vec![model(vec![])]).unwrap());
    let one = || model(vec![file("a", b"1")]);
    with(&|bundle| bundle.parts = List::new(vec![one(), one()]).unwrap());
    let twice = || vec![file("A", b"1"), file("a", b"2")];
    with(&|bundle| bundle.parts = List::new(vec![model(twice())]).unwrap());
    let nested = || vec![file("a/b", b"1"), file("a.b", b""), file("a", b"2")];
    with(&|bundle| bundle.parts = List::new(vec![model(nested())]).unwrap());
    with(&|bundle| bundle.trial.max_errors_per_mille = 1001);
    with(&|bundle| bundle.trial.probation_s = u32::MAX);
    with(&|bundle| bundle.requires.take_within_s = u32::MAX);
}

#[test]
fn a_pack_whose_entries_do_not_fill_it_is_refused() {
    let with = |change: &dyn Fn(&mut Vec<PackEntry>)| {
        let mut entries = pack().entries.to_vec();
        change(&mut entries);
        PackIndex { entries: List::new(entries).unwrap(), ..pack() }.check().unwrap_err();
    };
    with(&|entries| entries.truncate(1));
    with(&|entries| entries[0].size_bytes = 0);
    with(&|entries| entries[0].size_bytes = u32::MAX);
    let places: Vec<_> = pack().entries().map(|(at, entry)| (at, entry.size_bytes)).collect();
    assert_eq!(places, [(0, 5), (5, 6)]);
}

#[test]
fn damaged_documents_are_refused_or_understood() {
    let valid = all();
    bolero::check!().with_type::<(u8, u16, u8)>().for_each(|(which, at, byte)| {
        let (_, bytes, _) = &valid[usize::from(*which) % valid.len()];
        let mut bytes = bytes.clone();
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
        if let Ok(bundle) = Bundle::parse(&bytes) {
            assert!(bundle.to_bytes().unwrap().len() <= bytes.len());
        }
        if let Ok(index) = FactsIndex::parse(&bytes) {
            assert!(index.to_bytes().unwrap().len() <= bytes.len());
        }
        if let Ok(pack) = PackIndex::parse(&bytes) {
            assert!(pack.to_bytes().unwrap().len() <= bytes.len());
        }
        if let Ok(answer) = PackedAnswer::parse(&bytes) {
            assert!(answer.to_bytes().unwrap().len() <= bytes.len());
        }
        if let Ok(config) = ConfigDoc::parse(&bytes) {
            assert_eq!(ConfigDoc::parse(&config.to_bytes().unwrap()), Ok(config));
        }
        drop(Bundle::parse(&bytes[..at]));
    });
}

#[test]
fn the_largest_bundle_of_a_box_has_room_in_its_document() {
    // 8 GiB in chunks of a mebibyte.
    let chunks = List::new(vec![Digest([1; 32]); 8192]).unwrap();
    let artefact =
        Artefact { size_bytes: 8 << 30, digest: Digest([0; 32]), chunk_bytes: 1 << 20, chunks };
    let file = BundleFile { path: "model.onnx".parse().unwrap(), artefact };
    let parts = List::new(vec![part(PartKind::Model, "large", vec![file])]).unwrap();
    let bytes = Bundle { parts, ..bundle() }.to_bytes().unwrap();
    assert!(bytes.len() < limits::MAX_DOCUMENT_BYTES / 4, "{}", bytes.len());
}
