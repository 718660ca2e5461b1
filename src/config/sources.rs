//! Where settings come from: a file, the environment, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The layers above the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    named: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// Defaults alone: no file, no environment.
    pub fn none() -> Self {
        Self::default()
    }

    /// The process's environment, and the file it names or that lies in its usual place.
    pub fn of_process() -> Self {
        // A variable that is not UTF-8 cannot be one of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { environment, ..Self::default() }
    }

    /// Reads this file instead of the usual one.
    pub fn with_file(mut self, path: &Path) -> Self {
        self.named = Some(path.to_owned());
        self
    }

    /// Puts a value given by a flag above every other layer.
    pub fn with_flag(mut self, setting: &'static str, value: impl Into<String>) -> Self {
        self.flags.push((setting, value.into()));
        self
    }

    /// Puts an environment variable in place of the process's.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The admin token in `ENDCAP_TOKEN`: a demo's, or one to show to a running server. No setting:
    /// it is shown nowhere.
    pub fn token(&self) -> Option<&str> {
        self.variable("ENDCAP_TOKEN")
    }

    /// Whether a processor that pretends to be a graphics processor may serve, in
    /// `ENDCAP_ALLOW_SOFTWARE_GPU`. No setting: it only makes sense in tests.
    pub fn allows_software_gpu(&self) -> bool {
        self.variable("ENDCAP_ALLOW_SOFTWARE_GPU") == Some("1")
    }

    /// The named file, else the one that `ENDCAP_CONFIG` names, else
    /// `endcap/config.toml` in the user's configuration folder if it is there.
    pub(super) fn file(&self) -> Option<PathBuf> {
        if let Some(path) = &self.named {
            return Some(path.clone());
        }
        if let Some(path) = self.variable("ENDCAP_CONFIG") {
            return Some(PathBuf::from(path));
        }
        let folder = match self.variable("XDG_CONFIG_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(self.variable("HOME")?).join(".config"),
        };
        Some(folder.join("endcap/config.toml")).filter(|path| path.is_file())
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment.keys().map(String::as_str)
    }

    pub(super) fn flag(&self, setting: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(name, _)| *name == setting).map(|(_, value)| value.as_str())
    }
}

/// `endcap` in the user's data folder (`XDG_DATA_HOME`, else `~/.local/share`).
pub fn default_data_dir(sources: &Sources) -> PathBuf {
    match (sources.variable("XDG_DATA_HOME"), sources.variable("HOME")) {
        (Some(folder), _) => Path::new(folder).join("endcap"),
        (None, Some(home)) => Path::new(home).join(".local/share/endcap"),
        (None, None) => PathBuf::from("/var/lib/endcap"),
    }
}
