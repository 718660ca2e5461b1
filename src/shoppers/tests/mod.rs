//! The room as others see it.

mod bounds;
mod conversations;
mod erasing;

use super::*;

fn shoppers(config: ShoppersConfig) -> Shoppers {
    Shoppers::in_memory(config).unwrap()
}

fn kiosk() -> Owner {
    Owner { device: "k1".to_owned(), class: "kiosk".to_owned(), zone: None }
}

fn said(text: &str) -> NewTurn {
    NewTurn {
        speaker: Speaker::Shopper,
        text: text.to_owned(),
        language: "en".to_owned(),
        details: None,
    }
}
