//! A shop's data folder with a shelf of real packages, and bundles that are laid into it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use endcap_testing::bundles;

use crate::api::shelf::Shelf;
use crate::api::{Served, ServedModel};
use crate::app::bundles::Bundles;
use crate::app::shelf::PackageShelf;
use crate::config::{self, Sources};
use crate::packages::{Package, Silent, Store};
use crate::protocol::documents::*;
use crate::protocol::{Digest, List, Text};
use crate::reconcile::bundle::{Arrangement, Files, Stage as _, StageError};
use crate::skills::chat::{Message, Role};
use crate::telemetry::Metrics;

/// The model of the shop, and the name under which its bundles are asked for.
pub(super) const MODEL: &str = "tiny";
pub(super) const ALIAS: &str = "assistant";

/// A template that writes no role.
pub(super) const OTHER_TEMPLATE: &str =
    "{% for message in messages %}{{ 'Q: ' + message['content'] + '\\nA:' }}{% endfor %}";

/// A part's kind, its name and its files.
pub(super) type Files_ = (PartKind, &'static str, BTreeMap<String, Vec<u8>>);

pub(super) struct Shop {
    pub(super) folder: tempfile::TempDir,
    pub(super) shelf: Arc<PackageShelf>,
    pub(super) packages: Store,
    pub(super) files: Files,
    pub(super) stage: Arc<Bundles>,
}

impl Shop {
    /// A shop with one model.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), MODEL, "q4_1.gguf");
        Self::open(folder)
    }

    /// The same after a restart.
    pub(super) fn restarted(self) -> Self {
        self.shelf.shut_down();
        Self::open(self.folder)
    }

    fn open(folder: tempfile::TempDir) -> Self {
        let sources = Sources::none()
            .with_flag("data_dir", folder.path().to_str().unwrap())
            .with_flag("engine.memory_budget", "256 MiB")
            .with_flag("engine.threads", "1");
        let config = config::load(&sources).unwrap();
        let (metrics, budget) = (Arc::new(Metrics::new()), crate::app::memory::budget(&config));
        let shelf = PackageShelf::open(&config, &budget, Arc::clone(&metrics)).unwrap();
        let packages = Store::open(folder.path()).unwrap();
        let files = Files::open(&folder.path().join("bundles")).unwrap();
        let seen: Arc<dyn Shelf> = Arc::<PackageShelf>::clone(&shelf);
        let stage = Bundles::new(files.clone(), packages.clone(), seen, Arc::clone(&metrics));
        Self { folder, shelf, packages, files, stage: Arc::new(stage) }
    }

    /// A part with the files of an installed package.
    pub(super) fn model(&self, package: &str) -> Files_ {
        let folder = self.packages.package(package).unwrap().folder().to_owned();
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        let files = names.filter(|name| name != "packed.bin").map(|name| {
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            (name, bytes)
        });
        (PartKind::Model, MODEL, files.collect())
    }

    /// Puts a bundle in its place, as if it had been fetched.
    pub(super) fn lay(&self, id: &str, parts: &[Files_], change: impl Fn(&mut Bundle)) -> Digest {
        let mut bundle = bundle(id, parts);
        change(&mut bundle);
        let bytes = bundle.to_bytes().unwrap();
        let digest = Digest::of(&bytes);
        let folder = self.files.path(digest);
        for (kind, name, files) in parts {
            for (file, bytes) in files {
                let path = folder.join(kind.as_str()).join(name).join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("bundle.cbor"), bytes).unwrap();
        digest
    }

    pub(super) async fn arrange(
        &self,
        live: Option<Digest>,
        beside: Option<Digest>,
    ) -> Result<(), StageError> {
        self.stage
            .arrange(&Arrangement {
                live,
                beside,
                mirrored: false,
                taken_back: live.or(beside).is_none(),
            })
            .await
    }

    pub(super) async fn running(&self) -> Option<Digest> {
        self.stage.running().await.unwrap()
    }

    /// What answers under a name.
    pub(super) async fn served(&self, name: &str) -> Arc<ServedModel> {
        let lease = self.shelf.lend(name.into()).await.unwrap();
        let Served::Language(served) = lease.served().clone() else { panic!("{name} is a graph") };
        served
    }

    /// The only package of bundles.
    pub(super) fn package(&self) -> Package {
        let all = self.packages.list().unwrap().into_iter();
        let mut of_bundles = all.filter(|package| package.manifest().bundle.is_some());
        let package = of_bundles.next().unwrap();
        assert!(of_bundles.next().is_none());
        package
    }
}

/// The prompt that a model's template makes of a question.
pub(super) fn prompt(served: &ServedModel, question: &str) -> String {
    let messages = [Message { role: Role::User, content: question.to_owned() }];
    let template = served.template.as_ref().unwrap();
    template.prompt(&messages, |typed| served.model.tokenizer().guard(typed)).unwrap().to_string()
}

pub(super) fn template(source: &str) -> Files_ {
    one(PartKind::Template, "chat_template.jinja", source)
}

pub(super) fn rules(json: &str) -> Files_ {
    one(PartKind::GuardRules, "guard_rules.json", json)
}

pub(super) fn one(kind: PartKind, name: &str, contents: &str) -> Files_ {
    (kind, MODEL, [(name.to_owned(), contents.as_bytes().to_vec())].into())
}

/// A bundle of these parts with a trial of seconds and a check that every answer passes.
pub(super) fn bundle(id: &str, parts: &[Files_]) -> Bundle {
    let part = |(kind, name, files): &Files_| bundles::part(*kind, name, files);
    let trial = bundles::trial(vec![check(&[])]);
    bundles::bundle(id, ALIAS, parts.iter().map(part).collect(), trial)
}

/// A check whose answer must have these texts.
pub(super) fn check(contains: &[&str]) -> Check {
    let contains = List::new(contains.iter().map(|text| Text::cut(text)).collect()).unwrap();
    Check {
        prompt: Text::cut("Where is the milk?"),
        max_tokens: 8,
        contains,
        lacks: List::default(),
    }
}

fn install(data: &Path, name: &str, gguf: &str) {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tiny");
    let card = tiny.join("card.toml");
    let store = Store::open(data).unwrap();
    store.import(&tiny.join(gguf), Some(name), Some(&card), &Silent).unwrap();
}
