//! What a bundle's parts make: which packages, of which files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::packages::{GUARD_RULES_FILE, Role, replaceable};
use crate::protocol::Digest;
use crate::protocol::documents::{Bundle, Part, PartKind};
use crate::reconcile::bundle::{Files, StageError};

/// Digits of a bundle's digest in the names of its packages.
const DIGITS: usize = 12;
/// Stands before them.
const MARK: &str = ".b-";
/// Characters of a package's name at most.
const MAX_NAME: usize = 64;

/// A package of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Composed<'a> {
    /// Its name.
    pub(super) name: String,
    /// The part that brings its model; none where the model is one that the box has.
    pub(super) model: Option<&'a Part>,
    /// The installed package whose model it takes where it brings none.
    pub(super) of: &'a str,
    /// Names of files that stand for the model's own, with their parts and digests.
    pub(super) replaced: Vec<(&'a str, &'a Part, Digest)>,
}

/// The packages of a bundle, first the one that its alias leads to. To this one belong tokeniser,
/// template and rules, whatever their parts are named.
pub(super) fn composed(bundle: &Bundle, digest: Digest) -> Result<Vec<Composed<'_>>, StageError> {
    let is_model = |part: &&Part| part.kind == PartKind::Model;
    let mut models = bundle.parts.iter().filter(is_model);
    let first = models.next();
    let named = first.or(bundle.parts.first());
    let named = named.ok_or_else(|| StageError("the bundle has no part".to_owned()))?;
    let mut replaced: Vec<(&str, &Part, Digest)> = Vec::new();
    for (part, file) in bundle.files().filter(|(part, _)| part.kind != PartKind::Model) {
        let name = file.path.as_str();
        if !replaceable(name).is_some_and(|role| is_of(part.kind, role)) {
            let kind = part.kind.as_str();
            return Err(StageError(format!("a part of the kind {kind} has no file `{name}`")));
        }
        if replaced.iter().any(|(known, ..)| *known == name) {
            return Err(StageError(format!("two parts have a file `{name}`")));
        }
        replaced.push((name, part, file.artefact.digest));
    }
    let alone = |part| Composed {
        name: package_name(part, digest),
        model: Some(part),
        of: part.name.as_str(),
        replaced: Vec::new(),
    };
    let first = Composed { model: first, replaced, ..alone(named) };
    let all: Vec<_> = std::iter::once(first).chain(models.map(alone)).collect();
    let mut names = BTreeSet::new();
    match all.iter().find(|one| !names.insert(&one.name)) {
        Some(twice) => Err(StageError(format!("two of its models would be named {}", twice.name))),
        None => Ok(all),
    }
}

/// Whether a part of this kind may have a file of this role.
fn is_of(kind: PartKind, role: Role) -> bool {
    match role {
        Role::Tokenizer => kind == PartKind::Tokenizer,
        Role::ChatTemplate | Role::GenerationConfig => kind == PartKind::Template,
        Role::GuardRules => kind == PartKind::GuardRules,
        _ => false,
    }
}

impl Composed<'_> {
    /// Where the files lie that stand for the model's own.
    pub(super) fn replacements(&self, files: &Files, bundle: Digest) -> Vec<PathBuf> {
        let path = |(name, part, _): &(&str, &Part, Digest)| files.part(bundle, part).join(name);
        self.replaced.iter().map(path).collect()
    }

    /// Whether a package that was loaded from these files, by name with their digests, is this one: it
    /// has every file that was replaced, and nothing else that the bundle did not bring. Its card is
    /// written here, and of a model that the box had nothing is known but that the package was whole.
    pub(super) fn is_made_of(&self, loaded: &[(String, String)], card: &str) -> bool {
        let replaced = |name: &str| self.replaced.iter().find(|(known, ..)| *known == name);
        let known = |name: &str, sha256: &str| match (replaced(name), self.model) {
            _ if name == card => true,
            (Some((.., digest)), _) => digest.to_string() == sha256,
            // Rules are a bundle's alone.
            (None, None) => name != GUARD_RULES_FILE,
            (None, Some(model)) => model.files.iter().any(|file| {
                file.path.as_str() == name && file.artefact.digest.to_string() == sha256
            }),
        };
        let is_loaded = |name: &str| loaded.iter().any(|(loaded, _)| loaded == name);
        !loaded.is_empty()
            && loaded.iter().all(|(name, sha256)| known(name, sha256))
            && self.replaced.iter().all(|(name, ..)| is_loaded(name))
    }
}

/// The name of a part's package.
fn package_name(part: &Part, bundle: Digest) -> String {
    let digits = bundle.to_string();
    let digits = digits.get(..DIGITS).unwrap_or(&digits);
    let room = MAX_NAME - MARK.len() - DIGITS;
    let name: String = part.name.as_str().to_lowercase().chars().take(room).collect();
    format!("{name}{MARK}{digits}")
}

/// The digits of the bundle that a package belongs to.
pub(super) fn digits_of(package: &str) -> Option<&str> {
    package.rsplit_once(MARK).map(|(_, digits)| digits).filter(|digits| digits.len() == DIGITS)
}

/// Whether a package, by its name, belongs to one of these bundles.
pub(super) fn is_of_any<'a>(package: &str, bundles: impl IntoIterator<Item = &'a Digest>) -> bool {
    let digits = digits_of(package);
    digits.is_some_and(|digits| {
        bundles.into_iter().any(|digest| digest.to_string().starts_with(digits))
    })
}
