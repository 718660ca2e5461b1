//! Bundles as tests want them: no epochs, any program, room for nothing.

use std::collections::BTreeMap;

use endcap_protocol::List;
use endcap_protocol::documents::{
    Artefact, Bundle, BundleFile, Check, Part, PartKind, Requires, TrialRules,
};

/// A part with these files.
#[must_use]
pub fn part(kind: PartKind, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Part {
    let file = |(path, bytes): (&String, &Vec<u8>)| BundleFile {
        path: path.parse().unwrap(),
        artefact: Artefact::of(bytes).unwrap(),
    };
    Part {
        kind,
        name: name.parse().unwrap(),
        files: List::new(files.iter().map(file).collect()).unwrap(),
    }
}

/// A model of one file.
#[must_use]
pub fn model(name: &str, contents: &[u8]) -> Part {
    let file = ("model.onnx".to_owned(), contents.to_vec());
    part(PartKind::Model, name, &BTreeMap::from([file]))
}

/// A bundle of these parts that takes over a name.
#[must_use]
pub fn bundle(id: &str, alias: &str, parts: Vec<Part>, trial: TrialRules) -> Bundle {
    Bundle {
        id: id.parse().unwrap(),
        parts: List::new(parts).unwrap(),
        facts_epoch: None,
        cache_epoch: None,
        requires: Requires {
            free_bytes: 0,
            min_version: "0.1.0".parse().unwrap(),
            take_within_s: 3600,
        },
        trial,
        alias: alias.parse().unwrap(),
    }
}

/// A trial of seconds with these checks, slow as it may be.
#[must_use]
pub fn trial(checks: Vec<Check>) -> TrialRules {
    TrialRules {
        shadow_s: 0,
        trial_s: 1,
        probation_s: 1,
        min_requests: 5,
        max_errors_per_mille: 100,
        max_latency_percent: 100_000,
        checks: List::new(checks).unwrap(),
    }
}
