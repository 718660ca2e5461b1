//! What the store says of sound, damaged, busy and foreign things.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::super::lock::Lock;
use super::super::{Card, Package, PackageError, Silent, Store};
use super::{export, names};

fn filled(root: &Path) -> (Store, Package) {
    let from = tempfile::tempdir().unwrap();
    export(from.path());
    let store = Store::open(root).unwrap();
    let package = store.import(from.path(), Some("tiny"), None, &Silent).unwrap();
    (store, package)
}

#[test]
fn a_package_has_all_that_its_users_need() {
    let root = tempfile::tempdir().unwrap();
    let (store, package) = filled(root.path());
    let source = package.decoder();
    assert_eq!((source.name.as_str(), source.context_tokens), ("tiny", 64));
    assert_eq!(source.end_tokens, [2, 3]);
    assert!(source.onnx.is_file() && source.tokenizer.is_file());
    assert_eq!(package.chat_template().unwrap().as_deref(), Some("{{ messages }}"));
    assert_eq!(package.generation_defaults().unwrap().temperature, Some(0.5));
    assert_eq!(package.manifest().bos_token, "<start>");
    let card: Card = package.card().unwrap();
    assert_eq!(card.digests.len(), package.manifest().files.len() - 1, "all files but the card");
    assert!(package.created().elapsed().is_ok());
    package.verify().unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    assert!(!package.folder().join("README.md").exists());
}

#[test]
fn what_is_not_there_is_told_with_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let (store, _) = filled(root.path());
    for (result, told) in [
        (store.package("none").map(drop), "endcap models pull none"),
        (store.remove("none"), "endcap models pull none"),
        (store.package("../tiny").map(drop), "not a package name"),
        (store.remove(".."), "not a package name"),
        (store.import(Path::new("/nowhere"), None, None, &Silent).map(drop), "/nowhere"),
        (store.import(root.path(), None, None, &Silent).map(drop), "neither"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let again = store.package("tiny").unwrap();
    let error = store.import(again.folder(), None, None, &Silent).unwrap_err();
    assert!(matches!(error, PackageError::AlreadyInstalled { .. }), "{error}");
}

#[test]
fn damage_is_found_and_passed_over() {
    type Case = (&'static str, fn(&Path));
    let spoil: [Case; 6] = [
        ("a byte", |f| {
            let mut bytes = fs::read(f.join("model.onnx_data")).unwrap();
            bytes[9] ^= 1;
            fs::write(f.join("model.onnx_data"), bytes).unwrap();
        }),
        ("a length", |f| fs::write(f.join("model.onnx_data"), b"").unwrap()),
        ("a missing file", |f| fs::remove_file(f.join("tokenizer.json")).unwrap()),
        ("a missing manifest", |f| fs::remove_file(f.join("package.json")).unwrap()),
        ("a manifest cut short", |f| fs::write(f.join("package.json"), b"{\"format\": 1").unwrap()),
        ("a link out of the package", |f| {
            let elsewhere = f.parent().unwrap().join(".elsewhere");
            fs::rename(f.join("tokenizer.json"), &elsewhere).unwrap();
            symlink(&elsewhere, f.join("tokenizer.json")).unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let root = tempfile::tempdir().unwrap();
        let (store, package) = filled(root.path());
        spoil(package.folder());
        let found = store.package("tiny").and_then(|p| p.verify());
        assert!(found.is_err(), "{what}");
        if what != "a byte" {
            assert!(store.list().unwrap().is_empty(), "{what}");
        }
        store.remove("tiny").unwrap();
        assert!(!package.folder().exists(), "{what}");
    }
}

#[test]
fn a_folder_that_is_a_link_is_no_package() {
    let root = tempfile::tempdir().unwrap();
    let (store, package) = filled(root.path());
    symlink(package.folder(), root.path().join("models/linked")).unwrap();
    assert!(store.package("linked").is_err());
    assert_eq!(store.list().unwrap().len(), 1);
    store.remove("linked").unwrap();
    store.package("tiny").unwrap().verify().unwrap();
}

#[test]
fn one_name_is_worked_on_by_one_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let (store, package) = filled(root.path());
    let held = Lock::wait(&root.path().join("models/.lock-tiny")).unwrap();
    assert!(matches!(store.remove("tiny"), Err(PackageError::Busy { .. })));
    let import = store.import(package.folder(), Some("tiny"), None, &Silent);
    assert!(matches!(import, Err(PackageError::Busy { .. })));
    store.import(package.folder(), Some("other"), None, &Silent).unwrap();
    drop(held);
    store.remove("tiny").unwrap();
}

#[test]
fn only_abandoned_work_is_swept_away() {
    let root = tempfile::tempdir().unwrap();
    let (_, _) = filled(root.path());
    let models = root.path().join("models");
    let (dead, alive) = (models.join(".staging-dead"), models.join(".staging-alive"));
    for folder in [&dead, &alive] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("package.json"), b"{}").unwrap();
    }
    let _work = Lock::wait(&alive).unwrap();
    Store::open(root.path()).unwrap();
    assert!(!dead.exists() && alive.exists(), "{:?}", names(&models));
}

#[test]
fn a_folder_that_cannot_be_written_is_readable_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let (_, package) = filled(root.path());
    let models = root.path().join("models");
    for entry in fs::read_dir(&models).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_file() {
            fs::remove_file(entry).unwrap();
        }
    }
    fs::set_permissions(&models, fs::Permissions::from_mode(0o555)).unwrap();
    // The administrator may write anywhere; then there is nothing to see here.
    if fs::write(models.join("probe"), b"").is_err() {
        let store = Store::open(root.path()).unwrap();
        assert_eq!(store.list().unwrap().len(), 1);
        let error = store.remove("tiny").unwrap_err().to_string();
        assert!(error.contains("cannot be written") && error.contains("--data"), "{error}");
        let other = store.import(package.folder(), Some("other"), None, &Silent).unwrap_err();
        assert!(matches!(other, PackageError::ReadOnly { .. }), "{other}");
    }
    fs::set_permissions(&models, fs::Permissions::from_mode(0o755)).unwrap();
}
