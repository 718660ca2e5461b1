//! How much one pays for, so that prices of packs of other sizes can be compared.

use crate::facts::{Money, Price, Product, Unit};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mass,
    Volume,
    Length,
    Count,
}

/// As much as a price is for, in grams, millilitres, millimetres or pieces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Amount {
    kind: Kind,
    much: f64,
    /// The unit that it is told in.
    told: Unit,
}

impl Amount {
    /// Of the unit that a price names, else of the product's pack; none where neither is known.
    pub(super) fn of(product: &Product, price: &Price) -> Option<Self> {
        let (quantity, unit) = match price.per {
            Some(unit) => (1.0, unit),
            None => {
                let size = product.size.as_ref()?;
                (size.quantity?.to_string().parse().ok()?, size.unit?)
            }
        };
        let (kind, much, told) = measured(unit);
        let much = much * quantity;
        (much > 0.0).then_some(Self { kind, much, told })
    }

    /// The unit in which both are told; none where they measure different things.
    pub(super) fn common(self, other: Self) -> Option<Unit> {
        (self.kind == other.kind).then_some(self.told)
    }

    /// What a price for this amount is for one of a unit of the same kind.
    pub(super) fn cost(self, price: &Price, unit: Unit) -> Option<Money> {
        let (_, much, _) = measured(unit);
        let minor = (price.amount.minor() as f64 * much / self.much).round();
        Money::of_minor(minor as i64, price.amount.currency())
    }
}

/// What a unit measures, how much it is, and the larger unit of its system that prices are told in.
fn measured(unit: Unit) -> (Kind, f64, Unit) {
    match unit {
        Unit::Mg => (Kind::Mass, 0.001, Unit::Kg),
        Unit::G => (Kind::Mass, 1.0, Unit::Kg),
        Unit::Kg => (Kind::Mass, 1_000.0, Unit::Kg),
        Unit::Oz => (Kind::Mass, 28.349_523_125, Unit::Lb),
        Unit::Lb => (Kind::Mass, 453.592_37, Unit::Lb),
        Unit::Ml => (Kind::Volume, 1.0, Unit::L),
        Unit::Cl => (Kind::Volume, 10.0, Unit::L),
        Unit::L => (Kind::Volume, 1_000.0, Unit::L),
        Unit::FlOz => (Kind::Volume, 29.573_529_562_5, Unit::Quart),
        Unit::Pint => (Kind::Volume, 473.176_473, Unit::Quart),
        Unit::Quart => (Kind::Volume, 946.352_946, Unit::Quart),
        Unit::Gallon => (Kind::Volume, 3_785.411_784, Unit::Quart),
        Unit::Cm => (Kind::Length, 10.0, Unit::M),
        Unit::M => (Kind::Length, 1_000.0, Unit::M),
        Unit::In => (Kind::Length, 25.4, Unit::Ft),
        Unit::Ft => (Kind::Length, 304.8, Unit::Ft),
        Unit::Each => (Kind::Count, 1.0, Unit::Each),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(quantity: &str, unit: &str) -> Amount {
        let size = serde_json::json!({ "text": "x", "quantity": quantity.parse::<f64>().unwrap(), "unit": unit });
        let product = serde_json::json!({ "names": { "en": "x" }, "size": size });
        Amount::of(&serde_json::from_value(product).unwrap(), &price()).unwrap()
    }

    fn price() -> Price {
        serde_json::from_value(serde_json::json!({ "amount": 3.2, "currency": "USD" })).unwrap()
    }

    #[test]
    fn packs_are_told_in_one_unit_where_they_measure_the_same() {
        for (quantity, unit, other, told, cost) in [
            ("16", "oz", "lb", Some(Unit::Lb), "3.20 USD"),
            ("500", "g", "oz", Some(Unit::Kg), "6.40 USD"),
            ("64", "fl_oz", "gallon", Some(Unit::Quart), "1.60 USD"),
            ("4", "each", "each", Some(Unit::Each), "0.80 USD"),
            ("1", "l", "kg", None, ""),
        ] {
            let (one, other) = (amount(quantity, unit), amount("1", other));
            assert_eq!(one.common(other), told, "{quantity} {unit}");
            let money = told.and_then(|told| one.cost(&price(), told));
            assert_eq!(money.map(|money| money.to_string()).unwrap_or_default(), cost);
        }
    }
}
