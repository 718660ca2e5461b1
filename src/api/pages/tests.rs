use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::files::{ASSOCIATE, FILES, KIOSK};

const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];
/// The name of a namespace looks like an address and is none.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Every file that is text, the pages included, by name.
fn texts() -> BTreeMap<String, &'static str> {
    let files = FILES.iter().filter_map(|file| {
        let text = std::str::from_utf8(file.bytes).ok()?;
        Some((format!("{}/{}", file.folder, file.name), text))
    });
    let pages = [("kiosk.html", KIOSK), ("associate.html", ASSOCIATE)];
    files.chain(pages.map(|(name, text)| (name.to_owned(), text))).collect()
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

fn words(language: &str) -> BTreeMap<String, Value> {
    let name = format!("{language}.json");
    let file = FILES.iter().find(|file| file.folder == "words" && file.name == name).unwrap();
    serde_json::from_slice(file.bytes).unwrap()
}

#[test]
fn every_file_beside_this_one_is_served() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let Ok(inside) = std::fs::read_dir(entry.path()) else { continue };
        let of = entry.file_name().into_string().unwrap();
        found.extend(
            inside.map(|file| format!("{of}/{}", file.unwrap().file_name().into_string().unwrap())),
        );
    }
    let served = FILES.iter().map(|file| format!("{}/{}", file.folder, file.name));
    assert_eq!(served.collect::<BTreeSet<_>>(), found);
}

#[test]
fn pages_name_only_what_is_served_here() {
    let served: BTreeSet<_> =
        FILES.iter().map(|file| format!("/pages/{}/{}", file.folder, file.name)).collect();
    for (name, text) in texts() {
        for part in between(text, "\"/pages/", '"') {
            let address = format!("/pages/{}", part.split(['#', '$', '?']).next().unwrap());
            let known = address == "/pages/files.json" || address == "/pages/words/";
            assert!(known || served.contains(&address), "{name} names {address}");
        }
        let text = text.replace(NAMESPACE, "");
        let licence = name == "fonts/OFL.txt";
        assert!(licence || !(text.contains("http://") || text.contains("https://")), "{name}");
    }
}

#[test]
fn modules_import_only_what_is_there() {
    let texts = texts();
    for (name, text) in texts.iter().filter(|(name, _)| name.ends_with(".js")) {
        let folder = name.split('/').next().unwrap();
        for from in between(text, "from \"", '"') {
            let wanted = match from.strip_prefix("../") {
                Some(elsewhere) => elsewhere.to_owned(),
                None => format!("{folder}/{}", from.strip_prefix("./").unwrap()),
            };
            assert!(texts.contains_key(&wanted), "{name} imports {from}");
        }
    }
}

#[test]
fn nothing_is_inline_and_no_text_becomes_markup() {
    for (name, text) in texts() {
        if name.ends_with(".html") {
            for inline in [" style=", "<style", "<script>", " onclick=", "javascript:"] {
                assert!(!text.contains(inline), "{name} has {inline}");
            }
        }
        if name.ends_with(".js") {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!text.contains(sink), "{name} uses {sink}");
            }
        }
    }
}

#[test]
fn each_language_has_the_same_words_with_the_same_places() {
    let english = words("en");
    let places = |value: &Value| {
        let text = value.as_object().map_or_else(
            || value.as_str().unwrap().to_owned(),
            |forms| forms["other"].as_str().unwrap().to_owned(),
        );
        between(&text, "{", '}').into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for language in LANGUAGES {
        let words = words(language);
        assert_eq!(words.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
        for (key, value) in &words {
            assert_eq!(places(value), places(&english[key]), "{key} of {language}");
            let same = value == &english[key];
            let long = value.as_str().is_some_and(|text| text.split(' ').count() > 3);
            assert!(language == "en" || !(same && long), "{key} of {language} is English");
        }
    }
}

#[test]
fn every_word_that_a_page_asks_for_is_there() {
    let known = words("en");
    for (name, text) in texts() {
        let in_markup = ["data-word=\"", "data-word-aria-label=\"", "data-word-placeholder=\""];
        let in_modules = ["say(\""];
        let asked = in_markup.iter().chain(&in_modules).flat_map(|mark| between(text, mark, '"'));
        for key in asked {
            assert!(known.contains_key(key), "{name} asks for {key}");
        }
    }
}
