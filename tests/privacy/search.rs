//! A search for words in files, as they stand and as programs write them elsewhere.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What has fewer bytes is in any file by chance.
const LEAST_BYTES: usize = 6;

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Hunted {
    pub(super) kind: String,
    value: String,
    /// Each way to write it, with its name.
    forms: Vec<(&'static str, Vec<u8>)>,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) kind: String,
    pub(super) file: PathBuf,
    #[allow(dead_code, reason = "told where the test fails")]
    form: &'static str,
    #[allow(dead_code, reason = "told where the test fails")]
    value: String,
}

impl Hunted {
    pub(super) fn of(kind: &str, value: &str) -> Self {
        let lower = value.to_lowercase();
        let bare: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
        let ascii =
            |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) };
        let mut forms = vec![
            ("as it was said", value.as_bytes().to_vec()),
            ("small", lower.as_bytes().to_vec()),
            ("without signs", bare.as_bytes().to_vec()),
            ("small without signs", bare.to_lowercase().into_bytes()),
            ("in ASCII", value.chars().map(ascii).collect::<String>().into_bytes()),
            ("in UTF-16", value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            (
                "in hexadecimal",
                value.bytes().flat_map(|b| format!("{b:02x}").into_bytes()).collect(),
            ),
        ];
        forms.extend((0..3).map(|offset| ("in base64", base64(value.as_bytes(), offset))));
        forms.retain(|(_, form)| form.len() >= LEAST_BYTES);
        Self { kind: kind.to_owned(), value: value.to_owned(), forms }
    }
}

/// The characters that stand for a value behind so many other bytes, whatever those are.
fn base64(value: &[u8], offset: usize) -> Vec<u8> {
    let padded = [&b"\0\0"[..offset], value].concat();
    let written = STANDARD_NO_PAD.encode(&padded).into_bytes();
    // The first and the last characters have bits of what stands beside.
    let from = [0, 2, 3][offset];
    let to = if padded.len() % 3 == 0 { written.len() } else { written.len() - 1 };
    written[from..to.max(from)].to_vec()
}

/// All that is found of it in files, a form of each once a file.
pub(super) fn search(files: &[PathBuf], hunted: &[Hunted]) -> Vec<Found> {
    let mut patterns = Vec::new();
    let mut owners = Vec::new();
    for (number, one) in hunted.iter().enumerate() {
        for (name, form) in &one.forms {
            patterns.push(form);
            owners.push((number, *name));
        }
    }
    let finder = aho_corasick::AhoCorasick::new(&patterns).unwrap();
    let mut found = Vec::new();
    for file in files {
        // A file may be gone by now, as those of a broker are.
        let Ok(bytes) = std::fs::read(file) else { continue };
        let hits: std::collections::BTreeSet<_> = finder
            .find_overlapping_iter(&bytes)
            .map(|hit| owners[hit.pattern().as_usize()])
            .collect();
        found.extend(hits.into_iter().map(|(number, form)| Found {
            kind: hunted[number].kind.clone(),
            file: file.clone(),
            form,
            value: hunted[number].value.clone(),
        }));
    }
    found
}

#[test]
fn a_value_is_found_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let value = "Zoë Xander";
    let utf16: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let written = [
        format!("…{value}…").into_bytes(),
        b"zo\xc3\xabxander".to_vec(),
        utf16,
        br"Zo\u00eb Xander".to_vec(),
        STANDARD_NO_PAD.encode(format!("{{\"text\":\"hi {value}\"}}")).into_bytes(),
        STANDARD_NO_PAD.encode(format!("{{\"text\":\"hi, {value}\"}}")).into_bytes(),
        STANDARD_NO_PAD.encode(format!("{{\"text\":\"ah, {value}\"}}")).into_bytes(),
        b"5a6fc3ab2058616e646572".to_vec(),
    ];
    for (number, bytes) in written.into_iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(&file, bytes).unwrap();
        assert!(!search(&[file], &[Hunted::of("x", value)]).is_empty(), "{number}");
    }
    let other = folder.path().join("other");
    std::fs::write(&other, "Zoë X and others").unwrap();
    assert!(search(&[other], &[Hunted::of("x", value)]).is_empty());
}
