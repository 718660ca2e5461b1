//! Words of many languages: how they are cut, and which of a question's say nothing.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer,
    TextAnalyzer,
};

/// Bytes of a word; longer ones are none.
const MAX_WORD_BYTES: usize = 60;

/// Languages whose words have stems here, by ISO 639-1.
pub(super) const STEMMED: [(&str, Language); 17] = [
    ("da", Language::Danish),
    ("de", Language::German),
    ("el", Language::Greek),
    ("en", Language::English),
    ("es", Language::Spanish),
    ("fi", Language::Finnish),
    ("fr", Language::French),
    ("hu", Language::Hungarian),
    ("it", Language::Italian),
    ("nl", Language::Dutch),
    ("no", Language::Norwegian),
    ("pt", Language::Portuguese),
    ("ro", Language::Romanian),
    ("ru", Language::Russian),
    ("sv", Language::Swedish),
    ("tr", Language::Turkish),
    ("ar", Language::Arabic),
];

/// The place in [`STEMMED`] of a language such as `pt-BR`.
pub(super) fn stemmed(lang: &str) -> Option<usize> {
    let primary = lang.split('-').next().unwrap_or_default();
    STEMMED.iter().position(|(code, _)| *code == primary)
}

/// Words as they are, without case and accents.
pub(super) fn plain() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// Stems of words. The stemmer knows accents, so they go after it.
pub(super) fn stems(language: Language) -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(Stemmer::new(language))
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a text as an analyzer cuts them.
pub(super) fn words(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut stream = analyzer.token_stream(text);
    while stream.advance() {
        found.push(stream.token().text.clone());
    }
    found
}

/// Words of questions that say nothing of a product, in four languages, without accents.
const EMPTY: &str = "
a an and are at can could do does for from get have how i in is it me my of on or please some that
the there this to want we what where which who will would you your show find looking need buy sell
kind kinds sort type any much many cost costs price
aber auch auf aus bei bitte da das dem den der des die dies du ein eine einen einer es fur gibt habe
haben habt hat ich ihr im ist kann konnen mein mich mir mit nach oder sie sind suche und unser von was
welche welcher welches wie wir wo zu zum zur brauche mochte finde kostet kosten preis viel
al algo con cual cuales de del donde el ella en es esta hay la las lo los me mi para por puedo que
quiero si su tiene tienen tienes un una unas uno unos y ustedes busco necesito cuesta cuestan cuanto precio
au aux avec avez ce ces cherche dans de des du elle en est et il je la le les leur ma mes mon nous ou
par pour que quel quelle quels quelles qui sa ses si son sur un une veux voudrais vous y besoin
coute coutent combien prix
";

/// Whether a word, without case and accents, says nothing of a product.
pub(super) fn is_empty(word: &str) -> bool {
    EMPTY.split_whitespace().any(|empty| empty == word)
}
