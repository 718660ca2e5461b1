//! What of a bundle is in force.

use super::shop::*;
use crate::api::shelf::{Share, Shelf as _};
use crate::app::bundles::parts::composed;
use crate::packages::PackageError;
use crate::protocol::Digest;
use crate::protocol::documents::PartKind;
use crate::reconcile::bundle::Stage as _;

const RULES: &str = r#"{"blocked_terms": {"any": ["Acme Mart"], "de": ["Gewinnspiel"]}, "required_checks": ["money"]}"#;

#[tokio::test]
async fn every_part_of_a_bundle_is_in_the_package_that_its_alias_leads_to() {
    let shop = Shop::new();
    // Another file of the same words.
    let tokenizer =
        String::from_utf8(shop.model(MODEL).2["tokenizer.json"].clone()).unwrap() + "\n";
    let parts = [
        shop.model(MODEL),
        one(PartKind::Tokenizer, "tokenizer.json", &tokenizer),
        template(OTHER_TEMPLATE),
        rules(RULES),
    ];
    let digest = shop.lay("all", &parts, |bundle| bundle.cache_epoch = Some(7));
    shop.arrange(Some(digest), None).await.unwrap();
    assert_eq!(shop.running().await, Some(digest));
    let served = shop.served(ALIAS).await;
    assert_eq!(prompt(&served, "milk?"), "Q: milk?\nA:");
    assert!(served.blocked.are_in("Welcome to ACME mart") && !served.blocked.are_in("Acme"));
    assert_eq!(served.blocked.of_language("de").count(), 2);
    let package = shop.package();
    package.verify().unwrap();
    assert_eq!(package.card().unwrap().name, MODEL, "the model is the same");
    assert_eq!(package.manifest().bundle.as_ref().unwrap().cache_epoch, Some(7));
    let placed = std::fs::read(package.folder().join("tokenizer.json")).unwrap();
    assert_eq!(placed, tokenizer.as_bytes());
    assert_ne!(served.digest, shop.served(MODEL).await.digest, "its answers are its own");
}

#[tokio::test]
async fn answers_are_kept_apart_by_files_and_epoch_and_by_nothing_else() {
    let shop = Shop::new();
    let parts = || [shop.model(MODEL), template(OTHER_TEMPLATE)];
    let mut digests = Vec::new();
    let mut fingerprint = Vec::new();
    for (id, epoch) in [("a", None), ("b", None), ("c", Some(1)), ("d", Some(2)), ("e", Some(1))] {
        let digest = shop.lay(id, &parts(), |bundle| bundle.cache_epoch = epoch);
        shop.arrange(Some(digest), None).await.unwrap();
        digests.push(digest);
        fingerprint.push(shop.served(ALIAS).await.digest.clone());
    }
    assert_eq!(fingerprint[0], fingerprint[1], "the same files, the same answers");
    assert_ne!(fingerprint[1], fingerprint[2]);
    assert_ne!(fingerprint[2], fingerprint[3]);
    assert_eq!(fingerprint[2], fingerprint[4], "what was made under a number is found again");
    shop.arrange(Some(digests[0]), None).await.unwrap();
    assert_eq!(shop.served(ALIAS).await.digest, fingerprint[0]);
}

#[tokio::test]
async fn a_bundle_without_a_model_is_the_same_whatever_ran_before() {
    let shop = Shop::new();
    let own = prompt(&*shop.served(MODEL).await, "a");
    let worded = shop.lay("worded", &[template(OTHER_TEMPLATE)], |_| {});
    shop.arrange(Some(worded), None).await.unwrap();
    let fingerprint = shop.served(ALIAS).await.digest.clone();
    assert_eq!(prompt(&*shop.served(ALIAS).await, "a"), "Q: a\nA:");
    // Rules alone come with the model's own template, and go with their bundle.
    let ruled = shop.lay("ruled", &[rules(RULES)], |_| {});
    shop.arrange(Some(ruled), Some(worded)).await.unwrap();
    let served = shop.served(ALIAS).await;
    assert!(served.blocked.are_in("Acme Mart"));
    assert_eq!(prompt(&served, "a"), own);
    assert_eq!(shop.running().await, Some(ruled));
    drop(served);
    shop.stage.tidy(&[ruled]).await.unwrap();
    shop.arrange(Some(worded), Some(ruled)).await.unwrap();
    let served = shop.served(ALIAS).await;
    assert!(served.blocked.is_empty(), "no rule of the bundle before");
    assert_eq!(served.digest, fingerprint);
    assert_eq!(shop.running().await, Some(worded));
    // It stands on its own when the other one is gone, after a restart too.
    shop.stage.tidy(&[worded]).await.unwrap();
    drop(served);
    let shop = shop.restarted();
    shop.arrange(Some(worded), None).await.unwrap();
    assert_eq!(shop.running().await, Some(worded));
    assert_eq!(prompt(&*shop.served(ALIAS).await, "a"), "Q: a\nA:");
}

#[tokio::test]
async fn what_cannot_be_in_force_is_told_and_what_answered_answers_on() {
    let shop = Shop::new();
    let good = shop.lay("good", &[shop.model(MODEL)], |_| {});
    shop.arrange(Some(good), None).await.unwrap();
    let mut damaged = shop.model(MODEL);
    damaged.2.insert("model.onnx".to_owned(), b"no graph".to_vec());
    let mut nameless = template(OTHER_TEMPLATE);
    nameless.2.insert("prompt.txt".to_owned(), Vec::new());
    let other = (PartKind::Template, "other", template("x").2);
    for (parts, why) in [
        (vec![damaged], "model.onnx"),
        (vec![shop.model(MODEL), template("{% if")], "template"),
        (vec![shop.model(MODEL), rules(r#"{"blocked": []}"#)], "rules"),
        (vec![shop.model(MODEL), rules(r#"{"required_checks": ["taste"]}"#)], "`taste`"),
        (vec![shop.model(MODEL), nameless], "`prompt.txt`"),
        (vec![shop.model(MODEL), template("x"), other], "two parts have a file"),
        (vec![one(PartKind::Tokenizer, "chat_template.jinja", "x")], "tokenizer has no file"),
    ] {
        let bad = shop.lay("bad", &parts, |_| {});
        let error = shop.arrange(Some(good), Some(bad)).await.unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
        shop.arrange(Some(good), None).await.unwrap();
        assert_eq!(shop.running().await, Some(good), "{why}");
    }
}

#[tokio::test]
async fn a_bundle_is_found_running_where_what_was_loaded_is_its_own() {
    let shop = Shop::new();
    let digest = shop.lay("one", &[shop.model(MODEL), template(OTHER_TEMPLATE)], |_| {});
    assert_eq!(shop.running().await, None);
    shop.arrange(Some(digest), None).await.unwrap();
    assert_eq!(shop.running().await, Some(digest));
    // Somebody leads the alias elsewhere: everything is written, and another one answers.
    let share = |package: &str| vec![Share { package: package.to_owned(), weight: 1 }];
    shop.shelf.set_alias(ALIAS, share(MODEL)).await.unwrap();
    assert_eq!(shop.running().await, None);
    let name = shop.package().name().to_owned();
    shop.shelf.set_alias(ALIAS, share(&name)).await.unwrap();
    assert_eq!(shop.running().await, Some(digest));
    // Its file is another one than was loaded: it is not what was asked for, and is not loaded again.
    let file = shop.package().folder().join("chat_template.jinja");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "x".repeat(OTHER_TEMPLATE.len())).unwrap();
    assert_eq!(shop.running().await, Some(digest), "what was loaded is still the right one");
    shop.shelf.unload(&name).await.unwrap();
    let error = shop.stage.running().await.unwrap_err().to_string();
    assert!(error.contains(&name), "{error}");
}

#[test]
fn what_was_loaded_is_compared_file_by_file() {
    let files = [("model.onnx", b"m"), ("tokenizer.json", b"t")];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).into();
    let parts = [(PartKind::Model, MODEL, files), template("new")];
    let bundle = bundle("one", &parts);
    let all = composed(&bundle, Digest([7; 32])).unwrap();
    let sha = |bytes: &[u8]| Digest::of(bytes).to_string();
    let file = |name: &str, sha: String| (name.to_owned(), sha);
    let right = vec![
        file("model.onnx", sha(b"m")),
        file("tokenizer.json", sha(b"t")),
        file("chat_template.jinja", sha(b"new")),
        file("card.cdx.json", sha(b"any")),
    ];
    let is = |loaded: &[(String, String)]| all[0].is_made_of(loaded, "card.cdx.json");
    assert!(is(&right));
    for (at, wrong) in [
        (0, file("model.onnx", sha(b"other"))),
        (2, file("chat_template.jinja", sha(b"old"))),
        (2, file("guard_rules.json", sha(b"x"))),
        (3, file("more.bin", sha(b"x"))),
    ] {
        let mut loaded = right.clone();
        loaded[at] = wrong.clone();
        assert!(!is(&loaded), "{wrong:?}");
    }
    assert!(!is(&right[..2]), "the template is not loaded");
    assert!(!is(&[]), "nothing was compared");
    let parts = [template("new")];
    let bundle = super::shop::bundle("two", &parts);
    let all = composed(&bundle, Digest([7; 32])).unwrap();
    let with = |more| [vec![file("chat_template.jinja", sha(b"new"))], vec![more]].concat();
    let is = |loaded: &[(String, String)]| all[0].is_made_of(loaded, "card.cdx.json");
    assert!(is(&with(file("model.onnx", sha(b"of the box")))));
    assert!(!is(&with(file("guard_rules.json", sha(b"x")))), "rules of another bundle");
}

#[test]
fn models_whose_packages_would_have_one_name_are_refused() {
    let files = || [("model.onnx".to_owned(), b"m".to_vec())].into();
    let long: &'static str = "a-model-with-a-name-that-is-longer-than-a-package-may-be-called";
    for (one, other) in [("tiny", "Tiny"), (long, &long[..60])] {
        let parts = [(PartKind::Model, one, files()), (PartKind::Model, other, files())];
        let error = composed(&bundle("two", &parts), Digest([7; 32])).unwrap_err().to_string();
        assert!(error.contains("two of its models"), "{error}");
    }
}

#[tokio::test]
async fn packages_of_a_bundle_go_with_it_and_nobody_else_removes_them() {
    let shop = Shop::new();
    let first = shop.lay("first", &[shop.model(MODEL)], |_| {});
    let second = shop.lay("second", &[shop.model(MODEL), template(OTHER_TEMPLATE)], |_| {});
    shop.arrange(Some(first), None).await.unwrap();
    let name = shop.package().name().to_owned();
    let refused = shop.packages.remove(&name).unwrap_err();
    assert!(matches!(refused, PackageError::OfBundle { .. }), "{refused}");
    shop.arrange(Some(second), None).await.unwrap();
    shop.stage.tidy(&[second, first]).await.unwrap();
    assert_eq!(shop.packages.list().unwrap().len(), 3, "the way back stays");
    shop.stage.tidy(&[second]).await.unwrap();
    assert_ne!(shop.package().name(), name);
    assert!(shop.shelf.list().iter().all(|shelved| shelved.name != name), "it is not offered");
    assert!(shop.packages.package(MODEL).is_ok(), "what is no bundle's stays");
    assert_eq!(shop.running().await, Some(second));
}

#[tokio::test]
async fn a_bundle_that_does_not_load_keeps_no_server_from_starting() {
    let shop = Shop::new();
    let rules = rules(r#"{"required_checks": ["taste"]}"#);
    let bad = shop.lay("bad", &[shop.model(MODEL), rules], |_| {});
    shop.arrange(Some(bad), None).await.unwrap_err();
    let shop = shop.restarted();
    shop.shelf.ready().await.unwrap();
    assert!(shop.shelf.list().iter().any(|shelved| shelved.name == shop.package().name()));
    shop.arrange(None, None).await.unwrap();
    assert_eq!(shop.served(MODEL).await.name, MODEL);
}
