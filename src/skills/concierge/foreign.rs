//! Languages that there are no sentences for: told apart, so that a shopper is told which there are.

use super::wording::own_name;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::words::words;

/// Words of a language that it must have more of than of any that is spoken.
const LEAST_WORDS: usize = 2;

/// A language with its code, some of its most frequent words, folded, and how it says which languages
/// are spoken; `{}` stands for the list.
struct Foreign {
    code: &'static str,
    words: &'static str,
    says: &'static str,
}

const FOREIGN: [Foreign; 6] = [
    Foreign {
        code: "it",
        words: "il lo gli di che non per con una uno sono dove quanto costa e avete questo questa \
            vorrei posso mi della del dei ha c latte come grazie",
        says: "Mi dispiace, qui posso rispondere solo in queste lingue: {}.",
    },
    Foreign {
        code: "pt",
        words: "o os as um uma de que nao com para voce voces tem onde quanto custa esta e isso eu \
            quero posso meu minha do da dos das ha obrigado",
        says: "Lamento, aqui só posso responder nestes idiomas: {}.",
    },
    Foreign {
        code: "nl",
        words: "het een van en is niet met voor waar hoeveel kost dit dat ik jullie hebben heeft wat \
            zijn u graag bij ook naar de deze",
        says: "Het spijt me, ik kan hier alleen in deze talen antwoorden: {}.",
    },
    Foreign {
        code: "pl",
        words: "jest nie ile kosztuje gdzie czy macie ma i z na w do to prosze dzien dobry mleko chce \
            moge dla jak",
        says: "Przepraszam, tutaj mogę odpowiadać tylko w tych językach: {}.",
    },
    Foreign {
        code: "tr",
        words: "bir bu ne kadar nerede var mi mu ve icin ile ben istiyorum fiyati lutfen merhaba sut \
            ekmek cok",
        says: "Üzgünüm, burada yalnızca şu dillerde yanıt verebiliyorum: {}.",
    },
    Foreign {
        code: "sv",
        words: "och jag ar det en ett inte har ni var vad kostar hur mycket finns den som med pa till \
            kan",
        says: "Tyvärr kan jag här bara svara på dessa språk: {}.",
    },
];

/// Scripts in which none of the languages is written, by their first and last letters.
const SCRIPTS: [(&str, char, char, &str); 6] = [
    ("ru", '\u{400}', '\u{4ff}', "Извините, здесь я могу отвечать только на этих языках: {}."),
    ("ar", '\u{600}', '\u{6ff}', "عذرًا، يمكنني الإجابة هنا بهذه اللغات فقط: {}."),
    ("el", '\u{370}', '\u{3ff}', "Λυπάμαι, εδώ μπορώ να απαντώ μόνο σε αυτές τις γλώσσες: {}."),
    ("zh", '\u{4e00}', '\u{9fff}', "抱歉，这里我只能用以下语言回答：{}。"),
    ("ja", '\u{3040}', '\u{30ff}', "申し訳ありませんが、次の言語でのみお答えできます：{}。"),
    ("ko", '\u{ac00}', '\u{d7af}', "죄송합니다. 여기서는 다음 언어로만 답할 수 있습니다: {}."),
];

/// The code of a language that a text is in and no sentences are there for, with how it is told so.
pub(super) fn foreign(text: &str, spoken: &[Language]) -> Option<(&'static str, String)> {
    let names: Vec<_> = spoken.iter().map(|language| own_name(*language).to_owned()).collect();
    let told = |says: &str| says.replace("{}", &names.join(", "));
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    for (code, first, last, says) in SCRIPTS {
        let of_it = text.chars().filter(|c| (first..=last).contains(c)).count();
        if of_it * 2 > letters {
            return Some((code, told(says)));
        }
    }
    let folded: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    let is = |list: &str, word: &String| list.split_ascii_whitespace().any(|known| known == word);
    let count = |foreign: &Foreign| folded.iter().filter(|word| is(foreign.words, word)).count();
    let known = Language::counts(text).into_iter().map(|(_, count)| count).max()?;
    let most = FOREIGN.iter().map(|foreign| (count(foreign), foreign)).max_by_key(|(n, _)| *n)?;
    let (count, foreign) = most;
    (count >= LEAST_WORDS && count > known).then(|| (foreign.code, told(foreign.says)))
}

/// That a language is not spoken here, said in it, with those that are.
pub(super) fn unspoken(language: Language, spoken: &[Language]) -> String {
    let names = spoken.iter().map(|language| own_name(*language).to_owned()).collect();
    let list = figures::any(names, language);
    language
        .pick([
            "I am sorry, here I can only answer in {}.",
            "Es tut mir leid, hier kann ich nur in diesen Sprachen antworten: {}.",
            "Lo siento, aquí solo puedo responder en estos idiomas: {}.",
            "Je suis désolé, ici je ne peux répondre que dans ces langues : {}.",
        ])
        .replace("{}", &list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_sentences_is_told_so_in_it() {
        for (text, code) in [
            ("Quanto costa il latte?", Some("it")),
            ("Onde está o leite? Quanto custa?", Some("pt")),
            ("Waar is de melk en hoeveel kost het?", Some("nl")),
            ("Ile kosztuje mleko?", Some("pl")),
            ("Bu ne kadar?", Some("tr")),
            ("Vad kostar mjölken?", Some("sv")),
            ("Сколько стоит молоко?", Some("ru")),
            ("牛奶多少钱？", Some("zh")),
            ("How much is the milk?", None),
            ("Was kostet die Milch?", None),
            ("¿Cuánto cuesta la leche?", None),
            ("Combien coûte le lait ?", None),
            ("La Croix", None),
            ("pasta", None),
            ("12345", None),
            ("", None),
        ] {
            let found = foreign(text, &Language::ALL);
            assert_eq!(found.as_ref().map(|(code, _)| *code), code, "{text}");
            assert!(found.is_none_or(|(_, says)| says.contains("English, Deutsch")), "{text}");
        }
    }
}
