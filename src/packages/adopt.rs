//! A package that lies elsewhere, taken into the store under another name.

use std::path::Path;

use super::disk;
use super::error::PackageError;
use super::name::PackageName;
use super::package::Package;
use super::progress::Silent;
use super::staging::{Draft, Existing, Staging};
use super::store::Store;

impl Store {
    /// Makes the package in a folder one of these under another name. Its files are linked where the
    /// disk can do that, and copied where not; every digest is taken anew. One of that name that is
    /// here already stays. Blocks for as long as reading the package takes.
    pub fn adopt(&self, folder: &Path, name: &str) -> Result<Package, PackageError> {
        let name = PackageName::parse(name).map_err(PackageError::Name)?;
        let _busy = self.busy(&name)?;
        if let Ok(package) = self.open_package(&name) {
            return Ok(package);
        }
        let package = Package::open(folder)?;
        let staging = Staging::begin(self.models())?;
        let manifest = package.manifest();
        for file in &manifest.files {
            disk::link_new(&folder.join(&file.path), &staging.folder().join(&file.path))?;
        }
        let draft = Draft {
            name: name.to_string(),
            version: manifest.version.clone(),
            task: manifest.task,
            context_tokens: manifest.context_tokens,
            end_tokens: manifest.end_tokens.clone(),
            bos_token: manifest.bos_token.clone(),
            eos_token: manifest.eos_token.clone(),
            adds_bos: manifest.adds_bos,
            files: manifest.files.iter().map(|file| (file.path.clone(), file.role)).collect(),
            card: None,
        };
        staging.publish(draft, Existing::Keep, &Silent)
    }
}
