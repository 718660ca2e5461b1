//! Values as written, layer over layer, read one by one.
//!
//! A [`Reader`] is asked for each setting once. It remembers what was asked for, so that what is
//! left over is known to be a mistake, and goes on after a fault, so that all are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::{ConfigError, Fault, Sources};

/// The layer that a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File,
    /// An environment variable.
    Environment(String),
    /// A command line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`.
    pub path: &'static str,
    /// Its value as a person would write it.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
}

/// A value of some layer, before it has a type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Toml(Value),
    Text(String),
}

/// Reads settings through the layers and collects what is wrong with them.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    file: BTreeMap<String, Value>,
    folder: PathBuf,
    known: BTreeSet<&'static str>,
    settings: Vec<Setting>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn open(sources: &'a Sources) -> Result<Self, ConfigError> {
        let mut file = BTreeMap::new();
        let mut folder = PathBuf::new();
        if let Some(path) = sources.file() {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            let table: toml::Table = text.parse().map_err(|fault: toml::de::Error| {
                ConfigError::Syntax { path: path.clone(), why: fault.to_string() }
            })?;
            flatten("", table, &mut file);
            folder = path.parent().map(PathBuf::from).unwrap_or_default();
        }
        let (known, settings, faults) = Default::default();
        Ok(Self { sources, file, folder, known, settings, faults })
    }

    /// The setting's value, or `default` where no layer has it or the value is wrong (which is
    /// then recorded).
    pub(super) fn read<T>(
        &mut self,
        path: &'static str,
        default: T,
        parse: impl Fn(&Given) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> T {
        self.known.insert(path);
        let Some((given, origin)) = self.given(path) else {
            let value = show(&default);
            self.settings.push(Setting { path, value, origin: Origin::Default });
            return default;
        };
        match parse(&given) {
            Ok(value) => {
                self.settings.push(Setting { path, value: show(&value), origin });
                value
            }
            Err(why) => {
                self.faults.push(Fault { path: path.to_owned(), origin, why });
                default
            }
        }
    }

    /// The settings `group.NAME`, whose names are a person's to choose. Only the file has them.
    pub(super) fn read_group<T>(
        &mut self,
        group: &'static str,
        parse: impl Fn(&Given) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> BTreeMap<String, T> {
        let prefix = format!("{group}.");
        let mut found = BTreeMap::new();
        // What is taken out here is no setting that nobody knows.
        for (path, value) in self.file.extract_if(.., |path, _| path.starts_with(&prefix)) {
            match parse(&Given::Toml(value)) {
                Ok(value) => drop(found.insert(path.replacen(&prefix, "", 1), value)),
                Err(why) => self.faults.push(Fault { path, origin: Origin::File, why }),
            }
        }
        let shown = found.iter().map(|(name, value)| format!("{name} = {}", show(value)));
        let value = shown.collect::<Vec<_>>().join(", ");
        let origin = if found.is_empty() { Origin::Default } else { Origin::File };
        self.settings.push(Setting { path: group, value, origin });
        found
    }

    /// Records that a setting, right by itself, does not go with another.
    pub(super) fn refuse(&mut self, path: &'static str, why: impl Into<String>) {
        let origin = self.given(path).map_or(Origin::Default, |(_, origin)| origin);
        self.faults.push(Fault { path: path.to_owned(), origin, why: why.into() });
    }

    /// Whether nothing wrong was found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// The folder of the file: paths written in the file start there.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    pub(super) fn sources(&self) -> &Sources {
        self.sources
    }

    /// What is in force, and all that is wrong, names nobody asked for included.
    pub(super) fn finish(mut self) -> (Vec<Setting>, Vec<Fault>) {
        let mut unknown = Vec::new();
        for path in self.file.keys().filter(|path| !self.known.contains(path.as_str())) {
            unknown.push(self.unknown(path.clone(), Origin::File));
        }
        let sections: BTreeSet<String> = self
            .known
            .iter()
            .filter_map(|path| Some(format!("ENDCAP_{}_", path.split_once('.')?.0.to_uppercase())))
            .collect();
        let names: BTreeSet<String> = self.known.iter().map(|path| variable(path)).collect();
        for name in self.sources.variables() {
            if sections.iter().any(|prefix| name.starts_with(prefix)) && !names.contains(name) {
                let path = name.trim_start_matches("ENDCAP_").to_lowercase();
                let path = path.replacen('_', ".", 1);
                unknown.push(self.unknown(path, Origin::Environment(name.to_owned())));
            }
        }
        self.faults.append(&mut unknown);
        (self.settings, self.faults)
    }

    fn unknown(&self, path: String, origin: Origin) -> Fault {
        let near = self
            .known
            .iter()
            .map(|known| (distance(known, &path), known))
            .filter(|(distance, _)| *distance <= 3)
            .min();
        let why = match near {
            Some((_, known)) => format!("there is no such setting; did you mean {known}"),
            None => "there is no such setting".to_owned(),
        };
        Fault { path, origin, why }
    }

    fn given(&self, path: &str) -> Option<(Given, Origin)> {
        if let Some(value) = self.sources.flag(path) {
            return Some((Given::Text(value.to_owned()), Origin::Flag));
        }
        let name = variable(path);
        if let Some(value) = self.sources.variable(&name) {
            return Some((Given::Text(value.to_owned()), Origin::Environment(name)));
        }
        let value = self.file.get(path)?;
        Some((Given::Toml(value.clone()), Origin::File))
    }
}

/// The environment variable of a setting.
pub(super) fn variable(path: &str) -> String {
    match path {
        "data_dir" => "ENDCAP_DATA".to_owned(),
        path => format!("ENDCAP_{}", path.replace('.', "_").to_uppercase()),
    }
}

fn flatten(prefix: &str, table: toml::Table, into: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(table) => flatten(&path, table, into),
            value => {
                into.insert(path, value);
            }
        }
    }
}

/// Letters to insert, delete or replace to get from one name to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
