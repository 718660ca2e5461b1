//! Whether a file that stands for a model's own can be in force at a store, as far as that can be told here.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::engine::Tokenizer;
use crate::protocol::documents::{GuardRules, PartKind};
use crate::skills::chat::ChatTemplate;
use crate::skills::checks::Refused;

/// Refuses what every store would refuse, or what could only be a slip.
pub(super) fn require_fit(kind: PartKind, file: &Path) -> anyhow::Result<()> {
    let refuse = || format!("{} cannot be the {} of a bundle", file.display(), word(kind));
    match kind {
        PartKind::Model => Ok(()),
        PartKind::Tokenizer => Tokenizer::load(file).map(drop).with_context(refuse),
        PartKind::Template => template(file).with_context(refuse),
        PartKind::GuardRules => rules(file).with_context(refuse),
    }
}

fn word(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Model => "model",
        PartKind::Tokenizer => "tokeniser",
        PartKind::Template => "template",
        PartKind::GuardRules => "rules",
    }
}

fn template(file: &Path) -> anyhow::Result<()> {
    let source = std::fs::read_to_string(file)?;
    if source.trim().is_empty() {
        bail!("it is empty, and no question would reach the model");
    }
    Ok(ChatTemplate::compile(&source, "", "").map(drop)?)
}

fn rules(file: &Path) -> anyhow::Result<()> {
    let rules = GuardRules::parse(&std::fs::read(file)?)?;
    let known = |name: &str| Refused::ALL.iter().any(|check| check.name() == name);
    match rules.required_checks.iter().find(|name| !known(name.as_str())) {
        Some(name) => bail!("there is no check `{name}`"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_store_could_have_in_force_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (kind, text, why) in [
            (PartKind::Template, " \n", "it is empty"),
            (PartKind::Template, "{% if", "template"),
            (PartKind::GuardRules, r#"{"blocked_terms": {"any": [""]}}"#, "no word in it"),
            (PartKind::GuardRules, r#"{"x": 1}"#, "`x`"),
            (PartKind::GuardRules, r#"{"required_checks": ["taste"]}"#, "no check `taste`"),
            (PartKind::Tokenizer, "{}", "tokeniser of a bundle"),
        ] {
            std::fs::write(&file, text).unwrap();
            let refusal = format!("{:#}", require_fit(kind, &file).unwrap_err());
            assert!(refusal.contains(why) && refusal.contains("cannot be"), "{why}: {refusal}");
        }
        // What only some requests make fail is for the trial to find.
        for (kind, text) in [
            (PartKind::Template, "{{ raise_exception('no') }}"),
            (PartKind::GuardRules, r#"{"required_checks": ["money"]}"#),
            (PartKind::GuardRules, "{}"),
        ] {
            std::fs::write(&file, text).unwrap();
            require_fit(kind, &file).unwrap();
        }
    }
}
