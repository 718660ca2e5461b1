//! Tokeniser, chat template and generation defaults.

use super::*;
use crate::packages::gguf::Value;

const TEXTS: [&str; 9] = [
    "The price of the milk is on the shelf.",
    "  two spaces,\ttabs\n\n and lines \r\n",
    "don't WE'LL 12 345 67890 3.50",
    "naïve café Straße",
    "日本語 Привет مرحبا हिन्दी",
    "🥛👩‍👩‍👧 👍🏽",
    "\u{0}\u{7f}\u{a0}\u{2028}\u{fffd}",
    "",
    "<|im_start|>user\nWhere is the bread?<|im_end|>\n",
];

#[test]
fn text_comes_back_from_its_tokens() {
    let tokenizer = import_bytes(tiny("q4_1")).unwrap().tokenizer();
    for text in TEXTS {
        let tokens = tokenizer.encode(text, false).unwrap();
        assert_eq!(tokenizer.decode(tokens.get_ids(), false).unwrap(), text);
    }
}

#[test]
fn control_tokens_are_one_token_and_no_text() {
    let tokenizer = import_bytes(tiny("q4_1")).unwrap().tokenizer();
    let tokens = tokenizer.encode("<|im_start|>the<|im_end|>", false).unwrap();
    assert_eq!((tokens.get_ids()[0], *tokens.get_ids().last().unwrap()), (1, 2));
    assert_eq!(tokenizer.decode(tokens.get_ids(), true).unwrap(), "the");
}

/// Words as each way of cutting makes them, from llama.cpp's expressions.
#[test]
fn text_is_cut_as_the_name_says() {
    let text = "It's 12345 WE'LL x\n\n  y!!";
    for (pre, wanted) in [
        ("gpt-2", "It|'s| 12345| WE|'|LL| x|\n\n | y|!!"),
        ("smollm", "It|'s| |1|2|3|4|5| WE|'|LL| x|\n\n | y|!!"),
        ("llama-bpe", "It|'s| |123|45| WE|'LL| x|\n\n| | y|!!"),
        ("qwen2", "It|'s| |1|2|3|4|5| WE|'LL| x|\n\n| | y|!!"),
        ("default", "It|'|s| |123|45| WE|'|LL| x|\n\n | y|!!"),
    ] {
        let file = altered(|writer| {
            writer.set("tokenizer.ggml.pre", &Value::String(pre));
        });
        let tokenizer = import_bytes(&file).unwrap().tokenizer();
        use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};
        let mut cut = PreTokenizedString::from(text);
        tokenizer.get_pre_tokenizer().unwrap().pre_tokenize(&mut cut).unwrap();
        let words: Vec<&str> = cut
            .get_splits(OffsetReferential::Original, OffsetType::Byte)
            .into_iter()
            .map(|(_, (from, to), _)| &text[from..to])
            .collect();
        assert_eq!(words.join("|"), wanted, "{pre}");
    }
}

#[test]
fn a_model_that_wants_it_begins_with_bos() {
    let asked = altered(|writer| writer.set("tokenizer.ggml.add_bos_token", &Value::Bool(true)));
    let named = altered(|writer| {
        writer.unset("tokenizer.ggml.add_bos_token");
        writer.set("tokenizer.ggml.pre", &Value::String("llama-bpe"));
    });
    for file in [asked, named] {
        let package = import_bytes(&file).unwrap();
        assert!(package.imported.adds_bos);
        let tokens = package.tokenizer().encode("the", true).unwrap();
        assert_eq!(tokens.get_ids()[0], 1);
    }
    let plain = import_bytes(tiny("q4_1")).unwrap().tokenizer();
    assert_ne!(plain.encode("the", true).unwrap().get_ids()[0], 1);
}

#[test]
fn the_chat_template_is_taken_over_as_it_is() {
    let package = import_bytes(tiny("q4_1")).unwrap();
    let gguf = Gguf::parse(tiny("q4_1")).unwrap();
    let template = gguf.value("tokenizer.chat_template").and_then(Value::as_str).unwrap();
    assert_eq!(package.read(CHAT_TEMPLATE_FILE), template);

    let file = altered(|writer| writer.unset("tokenizer.chat_template"));
    let package = import_bytes(&file).unwrap();
    assert!(!package.imported.files.contains(&CHAT_TEMPLATE_FILE));
    assert!(!package.folder.path().join(CHAT_TEMPLATE_FILE).exists());
}

#[test]
fn generation_defaults_have_the_names_of_transformers() {
    let file = altered(|writer| {
        writer.set("general.sampling.temp", &Value::F32(0.2));
        writer.set("general.sampling.top_k", &Value::I32(40));
    });
    let package = import_bytes(&file).unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&package.read(GENERATION_CONFIG_FILE)).unwrap();
    let wanted = serde_json::json!({
        "bos_token_id": 1, "eos_token_id": [2, 0], "pad_token_id": 2,
        "temperature": 0.2, "top_k": 40,
    });
    assert_eq!(config, wanted);
}
