//! One layer: what it says to devices of every class, and to those of each.

use std::collections::BTreeMap;

use firmware_config::{
    Class, Common, Handheld, Kiosk, Mirror, Own, SensorGateway, Settings, ShelfLabel,
};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Fault, lay_over};

/// The table of what every class is told.
pub(super) const COMMON: &str = "common";

/// Tables by their names: [`COMMON`] and those of classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layer(BTreeMap<&'static str, Table>);

impl Layer {
    /// Takes the tables of a layer out of what was written. What remains is for the caller to judge.
    pub(super) fn take(written: &mut Table, path: &str, faults: &mut Vec<Fault>) -> Self {
        let mut layer = Self::default();
        let names = [COMMON].into_iter().chain(Class::ALL.map(Class::name));
        for name in names {
            let table = match written.remove(name) {
                None => continue,
                Some(Value::Table(table)) => table,
                Some(_) => {
                    let why = "this is a table".to_owned();
                    faults.push(Fault { path: format!("{path}.{name}"), why });
                    continue;
                }
            };
            // Each table is whole by itself, as every setting has a default: so a fault is told where it stands.
            if let Err((below, why)) = check(name, &table) {
                faults.push(Fault { path: format!("{path}.{name}.{below}"), why });
            }
            layer.0.insert(name, table);
        }
        layer
    }

    /// Lies over what was below.
    pub(super) fn lay_over(&self, below: &mut Self) {
        for (name, table) in &self.0 {
            lay_over(below.0.entry(name).or_default(), table);
        }
    }

    /// What a device of this class is told by it.
    pub(super) fn settings(&self, class: Class) -> Result<Settings, (String, String)> {
        let table = |name| self.0.get(name).cloned().unwrap_or_default();
        let of = table(class.name());
        let own = match class {
            Class::Kiosk => read::<Kiosk>(of).map(Own::Kiosk),
            Class::Mirror => read::<Mirror>(of).map(Own::Mirror),
            Class::Handheld => read::<Handheld>(of).map(Own::Handheld),
            Class::ShelfLabel => read::<ShelfLabel>(of).map(Own::ShelfLabel),
            Class::SensorGateway => read::<SensorGateway>(of).map(Own::SensorGateway),
        };
        Ok(Settings { common: read::<Common>(table(COMMON))?, own: own? })
    }
}

fn check(name: &str, table: &Table) -> Result<(), (String, String)> {
    match Class::of_name(name) {
        Some(class) => {
            let layer = Layer([(class.name(), table.clone())].into());
            layer.settings(class).map(drop)
        }
        None => read::<Common>(table.clone()).map(drop),
    }
}

/// The settings of a table, or where in it they are wrong and why.
fn read<T: DeserializeOwned>(table: Table) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let why = error.inner().to_string();
        (error.path().to_string(), why.lines().next().unwrap_or_default().to_owned())
    })
}
