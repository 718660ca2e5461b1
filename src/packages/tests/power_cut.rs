//! The power fails after every single step of the disk; the store opens again each time.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::super::disk::power::{self, Made};
use super::super::{Composition, ModelOf, OfBundle, PackageError, Silent, Store};
use super::{export, names};

/// How much of what was not synced yet is lost with the power.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// Nothing: the process was killed.
    None,
    /// The contents of files that were written and not synced.
    Contents,
    /// As before, and renames and removals that no sync of their folder followed.
    Names,
}

/// Does to the disk what the power cut may do.
fn lose(made: &[Made], loss: Loss) {
    if matches!(loss, Loss::None) {
        return;
    }
    if matches!(loss, Loss::Names) {
        for (at, step) in made.iter().enumerate().rev() {
            let Made::Rename(from, to) = step else { continue };
            let parent = Made::Sync(to.parent().unwrap().to_owned());
            if !made[at..].contains(&parent) && to.exists() && !from.exists() {
                fs::rename(to, from).unwrap();
            }
        }
    }
    let synced: BTreeSet<&PathBuf> =
        made.iter().filter_map(|m| if let Made::Sync(p) = m { Some(p) } else { None }).collect();
    for step in made {
        if let Made::Link(path) = step
            && matches!(loss, Loss::Names)
            && !synced.contains(&path.parent().unwrap().to_owned())
            && path.exists()
        {
            fs::remove_file(path).unwrap();
        }
        if let Made::Write(path) = step
            && !synced.contains(path)
            && path.exists()
        {
            OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
        }
    }
}

/// Runs `work` on a store that `before` prepared, with the power cut after 0, 1, 2… steps and
/// every kind of loss, until it comes through; `after` judges the reopened store each time.
fn check(
    before: impl Fn(&Store),
    work: impl Fn(&Store) -> Result<(), PackageError>,
    after: impl Fn(&Store, bool),
) -> usize {
    for steps in 0.. {
        let mut came_through = false;
        for loss in [Loss::None, Loss::Contents, Loss::Names] {
            let root = tempfile::tempdir().unwrap();
            let store = Store::open(root.path()).unwrap();
            before(&store);
            let (result, made) = power::for_steps(steps, || work(&store));
            came_through = result.is_ok();
            if !came_through {
                lose(&made, loss);
            }
            let again = Store::open(root.path()).unwrap();
            after(&again, came_through);
            let left = names(&root.path().join("models"));
            assert!(
                !left.iter().any(|n| n.starts_with(".staging")),
                "after {steps} steps ({loss:?}) there is {left:?}"
            );
        }
        if came_through {
            return steps;
        }
    }
    unreachable!("it comes through with enough steps")
}

/// Every package that is there is whole; returns their names.
fn sound(store: &Store) -> Vec<String> {
    let packages = store.list().unwrap();
    for package in &packages {
        package.verify().unwrap();
        package.card().unwrap();
    }
    packages.iter().map(|p| p.name().to_owned()).collect()
}

fn source() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    export(dir.path());
    dir
}

fn import(store: &Store, from: &Path) -> Result<(), PackageError> {
    store.import(from, Some("tiny"), None, &Silent).map(drop)
}

#[test]
fn an_imported_package_is_whole_or_not_there() {
    let from = source();
    let steps = check(
        |_| {},
        |store| import(store, from.path()),
        |store, came_through| {
            let there = sound(store);
            assert!(there == ["tiny"] || (there.is_empty() && !came_through), "{there:?}");
            // What a power cut left is in nobody's way.
            if there.is_empty() {
                import(store, from.path()).unwrap();
            }
        },
    );
    assert!(steps > 15, "only {steps} steps were cut");
}

#[test]
fn a_removed_package_is_whole_or_gone() {
    let from = source();
    check(
        |store| import(store, from.path()).unwrap(),
        |store| store.remove("tiny"),
        |store, came_through| {
            let there = sound(store);
            assert!(there.is_empty() || (there == ["tiny"] && !came_through), "{there:?}");
        },
    );
}

#[test]
fn a_damaged_package_is_replaced_by_a_whole_one_or_stays_unlisted() {
    let from = source();
    check(
        |store| {
            import(store, from.path()).unwrap();
            let folder = store.package("tiny").unwrap().folder().to_owned();
            fs::write(folder.join("model.onnx_data"), b"cut short").unwrap();
        },
        |store| import(store, from.path()),
        |store, came_through| {
            let there = sound(store);
            assert!(there == ["tiny"] || (there.is_empty() && !came_through), "{there:?}");
        },
    );
}

#[test]
fn a_composed_package_is_whole_or_not_there_and_what_it_is_made_of_stays() {
    let (from, parts) = (source(), tempfile::tempdir().unwrap());
    let template = parts.path().join("chat_template.jinja");
    fs::write(&template, "{{ messages }}!").unwrap();
    let composition = Composition {
        model: ModelOf::Package("tiny".to_owned()),
        replaced: vec![template.clone()],
        bundle: OfBundle { digest: "ab".repeat(32), cache_epoch: Some(1) },
    };
    let compose = |store: &Store| store.compose(&composition, "tiny.b-abababababab").map(drop);
    let steps = check(
        |store| import(store, from.path()).unwrap(),
        compose,
        |store, came_through| {
            let there = sound(store);
            let both = ["tiny", "tiny.b-abababababab"];
            assert!(there == both || (there == ["tiny"] && !came_through), "{there:?}");
            assert_eq!(fs::read(&template).unwrap(), b"{{ messages }}!");
            compose(store).unwrap();
            assert_eq!(sound(store), both);
        },
    );
    assert!(steps > 15, "only {steps} steps were cut");
    check(
        |store| {
            import(store, from.path()).unwrap();
            compose(store).unwrap();
        },
        |store| store.let_go("tiny.b-abababababab"),
        |store, came_through| {
            assert!(sound(store).len() == 2 - usize::from(came_through) || !came_through);
            store.let_go("tiny.b-abababababab").unwrap();
            assert_eq!(sound(store), ["tiny"]);
        },
    );
}
