//! Packages put together for bundles.

use std::fs;
use std::path::PathBuf;

use super::super::{
    Composition, ModelOf, OfBundle, PackageError, Role, Silent, Store, replaceable,
};
use super::{export, sha256};

struct World {
    root: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let (root, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(root.path()).unwrap();
        export(from.path());
        store.import(from.path(), Some("tiny"), None, &Silent).unwrap();
        Self { root, store }
    }

    /// A file of a bundle's part.
    fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn of(&self, replaced: Vec<PathBuf>) -> Composition {
        let bundle = OfBundle { digest: "ab".repeat(32), cache_epoch: None };
        Composition { model: ModelOf::Package("tiny".to_owned()), replaced, bundle }
    }
}

#[test]
fn files_of_a_bundle_stand_for_the_models_own() {
    let world = World::new();
    let (template, rules) = ("{{ messages[0] }}", r#"{"blocked_terms": {}}"#);
    let replaced =
        vec![world.file("chat_template.jinja", template), world.file("guard_rules.json", rules)];
    let made = world.store.compose(&world.of(replaced), "tiny.b-1").unwrap();
    made.verify().unwrap();
    assert_eq!(made.chat_template().unwrap().unwrap(), template);
    assert_eq!(made.guard_rules().unwrap().unwrap(), rules.as_bytes());
    let own = world.store.package("tiny").unwrap();
    assert_eq!(
        own.chat_template().unwrap().unwrap(),
        "{{ messages }}",
        "the model's stays as it was"
    );
    assert_eq!(own.guard_rules().unwrap(), None);
    assert_ne!(made.digest(), own.digest());
    assert_eq!(made.manifest().file(Role::Onnx), own.manifest().file(Role::Onnx));
    // The card tells what is in the package now.
    let digests = made.card().unwrap().digests;
    let of = |name: &str| {
        let told: Vec<_> = digests.iter().filter(|(known, _)| known == name).collect();
        assert_eq!(told.len(), 1, "{name}");
        told[0].1.clone()
    };
    assert_eq!(of("chat_template.jinja"), sha256(template.as_bytes()));
    assert_eq!(of("guard_rules.json"), sha256(rules.as_bytes()));
    assert_eq!(of("tokenizer.json"), own.manifest().file(Role::Tokenizer).unwrap().sha256);
}

#[test]
fn the_same_files_are_the_same_package_whatever_bundle_they_come_with() {
    let world = World::new();
    let first = world.of(vec![world.file("chat_template.jinja", "x")]);
    let bundle = OfBundle { digest: "cd".repeat(32), cache_epoch: None };
    let second = Composition { bundle, ..first.clone() };
    let of_epoch = |cache_epoch| {
        let bundle = OfBundle { cache_epoch, ..first.bundle.clone() };
        Composition { bundle, ..first.clone() }
    };
    let digest = |of: &Composition, name: &str| world.store.compose(of, name).unwrap().digest();
    let one = digest(&first, "a");
    assert_eq!(digest(&second, "b"), one);
    assert_ne!(digest(&of_epoch(Some(1)), "c"), one);
    assert_ne!(digest(&of_epoch(Some(1)), "d"), digest(&of_epoch(Some(2)), "e"));
}

#[test]
fn a_package_of_the_same_bundle_stays_and_one_of_another_is_replaced() {
    let world = World::new();
    let first = world.of(vec![world.file("chat_template.jinja", "x")]);
    let made = world.store.compose(&first, "tiny.b-1").unwrap();
    // Not even its parts need be there any more.
    fs::remove_file(world.root.path().join("chat_template.jinja")).unwrap();
    let again = world.store.compose(&first, "tiny.b-1").unwrap();
    assert_eq!(again.created(), made.created());
    let other = OfBundle { digest: "cd".repeat(32), cache_epoch: None };
    let other = Composition { replaced: Vec::new(), bundle: other, ..first };
    let replaced = world.store.compose(&other, "tiny.b-1").unwrap();
    assert_eq!(replaced.manifest().bundle.as_ref(), Some(&other.bundle));
}

#[test]
fn a_composition_is_made_of_what_was_installed_and_of_no_other_composition() {
    let world = World::new();
    let rules = world.of(vec![world.file("guard_rules.json", "{}")]);
    world.store.compose(&rules, "tiny.b-1").unwrap();
    let model = ModelOf::Package("tiny.b-1".to_owned());
    let bundle = OfBundle { digest: "cd".repeat(32), cache_epoch: None };
    let second = Composition { model, replaced: Vec::new(), bundle };
    let refused = world.store.compose(&second, "tiny.b-2").unwrap_err();
    assert!(matches!(refused, PackageError::MadeOfBundle { .. }), "{refused}");
    let second = Composition { model: ModelOf::Package("tiny".to_owned()), ..second };
    let made = world.store.compose(&second, "tiny.b-2").unwrap();
    assert_eq!(made.guard_rules().unwrap(), None);
}

#[test]
fn nobody_removes_a_package_of_a_bundle_but_who_lets_it_go() {
    let world = World::new();
    world.store.compose(&world.of(Vec::new()), "tiny.b-1").unwrap();
    let refused = world.store.remove("tiny.b-1").unwrap_err();
    assert!(matches!(refused, PackageError::OfBundle { .. }), "{refused}");
    world.store.let_go("tiny.b-1").unwrap();
    assert!(matches!(world.store.package("tiny.b-1"), Err(PackageError::NotInstalled { .. })));
    world.store.let_go("tiny.b-1").unwrap();
    world.store.remove("tiny").unwrap();
}

#[test]
fn a_file_of_another_name_stands_for_nothing() {
    for name in ["model.onnx", "package.json", "card.cdx.json", "tokenizer.JSON", ""] {
        assert_eq!(replaceable(name), None, "{name}");
    }
    let world = World::new();
    let wrong = world.of(vec![world.file("prompt.txt", "x")]);
    let refused = world.store.compose(&wrong, "tiny.b-1").unwrap_err().to_string();
    assert!(refused.contains("prompt.txt"), "{refused}");
    assert!(world.store.package("tiny.b-1").is_err());
}
