//! A package put together for a bundle: the files of a model's package, some of them replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::card::Card;
use super::disk;
use super::error::PackageError;
use super::import::{CHAT_TEMPLATE_FILE, GENERATION_CONFIG_FILE, TOKENIZER_FILE};
use super::manifest::{OfBundle, Role};
use super::name::PackageName;
use super::package::Package;
use super::progress::Silent;
use super::staging::{self, Draft, Existing, Staging};
use super::store::Store;

/// The name of a bundle's rules about what may be said, in a package and in a bundle's part.
pub const GUARD_RULES_FILE: &str = "guard_rules.json";

/// What a package is put together of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Where its model comes from.
    pub model: ModelOf,
    /// Files that stand for the model's own of the same role, each of a [`replaceable`] name.
    pub replaced: Vec<PathBuf>,
    /// Whose it is.
    pub bundle: OfBundle,
}

/// Where a composition's model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelOf {
    /// A package that lies in a folder elsewhere.
    Folder(PathBuf),
    /// A package of this store that belongs to no bundle, by its name. So a composition is the same
    /// whatever was composed before.
    Package(String),
}

/// The role of a file that may stand for a model's own, by its name; `None` for any other name.
#[must_use]
pub fn replaceable(name: &str) -> Option<Role> {
    match name {
        TOKENIZER_FILE => Some(Role::Tokenizer),
        CHAT_TEMPLATE_FILE => Some(Role::ChatTemplate),
        GENERATION_CONFIG_FILE => Some(Role::GenerationConfig),
        GUARD_RULES_FILE => Some(Role::GuardRules),
        _ => None,
    }
}

impl Store {
    /// Makes a package of this name of a composition. Files are linked where the disk can do that,
    /// and copied where not; every digest is taken anew, and the card tells the new ones. One of that
    /// name that is here already stays where it is of the same bundle, and is replaced where not.
    /// Blocks for as long as reading the files takes.
    pub fn compose(&self, of: &Composition, name: &str) -> Result<Package, PackageError> {
        let name = PackageName::parse(name).map_err(PackageError::Name)?;
        let _busy = self.busy(&name)?;
        if let Ok(package) = self.open_package(&name)
            && package.manifest().bundle.as_ref() == Some(&of.bundle)
        {
            return Ok(package);
        }
        let model = match &of.model {
            ModelOf::Folder(folder) => Package::open(folder)?,
            ModelOf::Package(name) => self.not_composed(name)?,
        };
        let staging = Staging::begin(self.models())?;
        let files = lay(&model, &of.replaced, staging.folder())?;
        let draft = Draft {
            bundle: Some(of.bundle.clone()),
            ..Draft::like(model.manifest(), &name, files, Some(card(&model)?))
        };
        staging.publish(draft, Existing::Replace, &Silent)
    }

    /// A package that nobody composed.
    fn not_composed(&self, name: &str) -> Result<Package, PackageError> {
        let package = self.package(name)?;
        match package.manifest().bundle {
            Some(_) => Err(PackageError::MadeOfBundle { name: name.to_owned() }),
            None => Ok(package),
        }
    }

    /// Removes a package of a bundle that is of no more use; one that is not there is no error.
    pub fn let_go(&self, name: &str) -> Result<(), PackageError> {
        let name = PackageName::parse(name).map_err(PackageError::Name)?;
        let _busy = self.busy(&name)?;
        let place = self.models().join(name.as_str());
        if place.symlink_metadata().is_err() {
            return Ok(());
        }
        staging::remove(self.models(), &place)
    }
}

/// Puts all files of the new package but the card in their place, and tells their names and roles.
fn lay(
    model: &Package,
    replaced: &[PathBuf],
    out: &Path,
) -> Result<Vec<(String, Role)>, PackageError> {
    let mut files = Vec::new();
    for path in replaced {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let role = replaceable(name).ok_or_else(|| PackageError::Import {
            path: path.clone(),
            why: "no file of this name can stand for a model's own".to_owned(),
        })?;
        disk::link_new(path, &out.join(name))?;
        files.push((name.to_owned(), role));
    }
    let new: BTreeSet<Role> = files.iter().map(|(_, role)| *role).collect();
    let stays = |role: Role| role != Role::Card && !new.contains(&role);
    for file in model.manifest().files.iter().filter(|file| stays(file.role)) {
        disk::link_new(&model.folder().join(&file.path), &out.join(&file.path))?;
        files.push((file.path.clone(), file.role));
    }
    Ok(files)
}

/// The model's card without the digests of its package's files, which are told anew. It keeps the
/// model's name, so that packages of the same files are the same, whatever bundles they belong to.
fn card(model: &Package) -> Result<Card, PackageError> {
    let mut card = model.card()?;
    let own = &model.manifest().files;
    card.digests.retain(|(name, _)| own.iter().all(|file| file.path != *name));
    Ok(card)
}
