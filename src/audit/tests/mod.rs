//! The room as others see it.

mod chain;
mod erasure;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::shoppers::{Shoppers, ShoppersConfig, SubjectId};

fn audit(config: AuditConfig) -> Audit {
    let shoppers = Shoppers::in_memory(ShoppersConfig::default()).unwrap();
    Audit::on(redb::backends::InMemoryBackend::new, shoppers, config).unwrap()
}

fn making(subject: Option<SubjectId>, text: &str) -> Making {
    let inputs = json!({ "messages": ["Is it fat?"], "seed": 7 });
    let sampling = json!({ "seed": 7 });
    let said =
        Said { inputs, sampling, text: text.to_owned(), end: "stop".to_owned(), whole: true };
    Making {
        skill: "ask".to_owned(),
        subject,
        model: "m".to_owned(),
        model_digest: "d".to_owned(),
        template_digest: "t".to_owned(),
        refused: Vec::new(),
        facts: vec![FactRead { name: "products:1".to_owned(), revision: 3 }],
        said: Some(said),
    }
}

fn giving(subject: Option<SubjectId>, made: Option<AnswerId>, text: &str) -> Giving {
    Giving {
        skill: "ask".to_owned(),
        intent: "open".to_owned(),
        step: "model".to_owned(),
        made,
        subject,
        question: "Is it fat?".to_owned(),
        text: text.to_owned(),
        facts: Vec::new(),
        cache: "hit".to_owned(),
        refused: Vec::new(),
        seen_by: SeenBy { device: Some("k1".to_owned()), class: Some("kiosk".to_owned()) },
    }
}

/// The thread that writes has the file a moment longer than the last handle.
fn until_free<T, E: Debug>(open: impl Fn() -> Result<T, E>) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Ok(opened) => return opened,
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
