//! Imports of the tiny models in `models/tiny`, whole and altered.

mod dequantiser;
mod qwen2;
mod refusals;
mod text;
mod weights;

use std::cell::Cell;
use std::collections::HashMap;

use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

use super::*;
use crate::packages::gguf::writing::Writer;

const TINY: [(&str, &[u8]); 4] = [
    ("q4_1", include_bytes!("../../../../models/tiny/q4_1.gguf")),
    ("q4_0", include_bytes!("../../../../models/tiny/q4_0.gguf")),
    ("f16", include_bytes!("../../../../models/tiny/f16.gguf")),
    ("f32", include_bytes!("../../../../models/tiny/f32.gguf")),
];

fn tiny(name: &str) -> &'static [u8] {
    TINY.iter().find(|(found, _)| *found == name).unwrap().1
}

/// The tiny Q4_1 model, altered.
fn altered(alter: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::copy(&Gguf::parse(tiny("q4_1")).unwrap());
    alter(&mut writer);
    writer.bytes()
}

/// A package in a folder of its own.
struct Package {
    folder: tempfile::TempDir,
    imported: Imported,
    model: ModelProto,
    data: Vec<u8>,
}

fn import_bytes(file: &[u8]) -> Result<Package, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let imported = import_parsed(&Gguf::parse(file).unwrap(), folder.path(), &|_, _| {})?;
    let read = |name| std::fs::read(folder.path().join(name)).unwrap();
    let model = ModelProto::decode(read(MODEL_FILE).as_slice()).unwrap();
    let data = read(DATA_FILE);
    Ok(Package { folder, imported, model, data })
}

impl Package {
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn tokenizer(&self) -> tokenizers::Tokenizer {
        tokenizers::Tokenizer::from_file(self.folder.path().join(TOKENIZER_FILE)).unwrap()
    }

    fn find(&self, initialiser: &str) -> Option<&TensorProto> {
        let graph = self.model.graph.as_ref().unwrap();
        graph.initializer.iter().find(|tensor| tensor.name == initialiser)
    }

    fn initialiser(&self, name: &str) -> &TensorProto {
        self.find(name).expect(name)
    }

    fn node(&self, name: &str) -> &NodeProto {
        let graph = self.model.graph.as_ref().unwrap();
        graph.node.iter().find(|node| node.name == name).expect(name)
    }

    fn external(&self, name: &str) -> HashMap<&str, &str> {
        let entries = self.initialiser(name).external_data.iter();
        entries.map(|entry| (entry.key.as_str(), entry.value.as_str())).collect()
    }

    fn bytes(&self, name: &str) -> &[u8] {
        let external = self.external(name);
        let number = |key| external[key].parse::<usize>().unwrap();
        &self.data[number("offset")..][..number("length")]
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn operators(&self) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for node in &self.model.graph.as_ref().unwrap().node {
            *counts.entry(node.op_type.as_str()).or_default() += 1;
        }
        counts
    }
}

#[test]
fn what_the_file_says_of_itself_comes_back() {
    let imported = import_bytes(tiny("q4_1")).unwrap().imported;
    let wanted = Imported {
        about: About {
            architecture: "llama".into(),
            name: Some("Tiny q4_1".into()),
            licence: Some("MIT OR Apache-2.0".into()),
            organisation: Some("Endcap".into()),
            source_url: None,
            languages: vec!["en".into()],
            parameters: 2 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 128 * 3 + 128) + 64 + 512 * 64,
            quantisation: vec![("F32".into(), 5), ("Q4_1".into(), 14), ("Q8_0".into(), 1)],
        },
        context_tokens: 512,
        vocabulary: 512,
        layers: 2,
        end_tokens: vec![2, 0],
        bos_token: Some("<|im_start|>".into()),
        eos_token: Some("<|im_end|>".into()),
        adds_bos: false,
        files: vec![
            MODEL_FILE,
            DATA_FILE,
            TOKENIZER_FILE,
            GENERATION_CONFIG_FILE,
            CHAT_TEMPLATE_FILE,
        ],
    };
    assert_eq!(imported, wanted);
}

#[test]
fn the_graph_has_the_operators_of_its_kind() {
    for (name, file) in TINY {
        let package = import_bytes(file).unwrap();
        let operators = package.operators();
        let count = |operator: &str| operators.get(operator).copied().unwrap_or(0);
        let (nbits, matmul) = if name.starts_with('q') { (15, 0) } else { (0, 15) };
        assert_eq!(count("MatMulNBits"), nbits, "{name}");
        assert_eq!(count("MatMul"), matmul, "{name}");
        assert_eq!(count("GroupQueryAttention"), 2, "{name}");
        assert_eq!(count("RMSNormalization"), 5, "{name}");
        assert_eq!(count("GatherBlockQuantized"), usize::from(nbits > 0), "{name}");
    }
}

#[test]
fn every_node_has_a_name_of_its_own_and_known_inputs() {
    for (name, file) in TINY {
        let graph = import_bytes(file).unwrap().model.graph.unwrap();
        let mut names = std::collections::HashSet::new();
        let mut known: std::collections::HashSet<&str> = graph
            .input
            .iter()
            .map(|input| input.name.as_str())
            .chain(graph.initializer.iter().map(|tensor| tensor.name.as_str()))
            .collect();
        for node in &graph.node {
            assert!(names.insert(&node.name), "{name}: {} occurs twice", node.name);
            for input in &node.input {
                assert!(known.contains(input.as_str()), "{name}: {} reads {input}", node.name);
            }
            known.extend(node.output.iter().map(String::as_str));
        }
        assert!(graph.output.iter().all(|output| known.contains(output.name.as_str())), "{name}");
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let (one, two) = (import_bytes(tiny("q4_1")).unwrap(), import_bytes(tiny("q4_1")).unwrap());
    for name in &one.imported.files {
        let read = |package: &Package| std::fs::read(package.folder.path().join(name)).unwrap();
        assert!(read(&one) == read(&two), "{name} differs");
    }
}

#[test]
fn progress_goes_up_to_all_bytes() {
    for (name, file) in TINY {
        let last = Cell::new((0, 0));
        let folder = tempfile::tempdir().unwrap();
        let progress = |done, total| {
            assert!(done >= last.get().0 && done <= total, "{name}");
            last.set((done, total));
        };
        import_parsed(&Gguf::parse(file).unwrap(), folder.path(), &progress).unwrap();
        let (done, total) = last.get();
        assert!(done == total && total > 0, "{name}: {done} of {total}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = import(Path::new("/nowhere.gguf"), Path::new("/nowhere"), &|_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "opening /nowhere.gguf");
}
