//! Bytes from outside: whatever they are, parsers answer and never panic.

use super::super::safetensors::Safetensors;
use super::super::{Card, Catalogue, GenerationDefaults, Manifest, PackageName};

/// What is accepted must survive being written and read again.
#[test]
fn manifests_cards_defaults_and_names_take_any_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(manifest) = Manifest::parse(bytes) {
            let again = Manifest::parse(&manifest.to_bytes().unwrap()).unwrap();
            assert_eq!(again, manifest);
        }
        if let Ok(card) = Card::parse(bytes) {
            Card::parse(&card.to_bytes().unwrap()).unwrap();
        }
        if let Ok(defaults) = GenerationDefaults::parse(bytes) {
            defaults.to_bytes().unwrap();
        }
        let text = String::from_utf8_lossy(bytes);
        let _ = Catalogue::parse(&text);
        let _ = Card::parse_written(&text);
        let _ = Safetensors::parse(bytes);
        if let Ok(name) = PackageName::from_title(&text) {
            PackageName::parse(name.as_str()).unwrap();
        }
    });
}
