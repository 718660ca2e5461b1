//! The fields of a query: each honoured or refused by name.

use std::str::FromStr;

use crate::api::error::{out_of_range, unsupported};
use crate::api::routes::QueryField;
use crate::http::Problem;

/// The package's name.
pub(super) const MODEL: QueryField =
    QueryField { name: "model", about: "The package; not needed where one alone can do it" };

/// What stands behind the `?`, by name.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Refuses a field that is not among `known`, or is there twice.
    pub(super) fn parse(text: Option<&str>, known: &[QueryField]) -> Result<Self, Problem> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            let shown: String = name.chars().take(100).collect();
            if !known.iter().any(|field| field.name == name) {
                let known: Vec<_> = known.iter().map(|field| field.name).collect();
                let message = format!("unknown field `{shown}`; known are {}", known.join(", "));
                return Err(Problem::invalid(message).param(shown).code("unknown_parameter"));
            }
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(unsupported(&shown, "it is there twice"));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// A field as it was written.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A number within these limits.
    pub(super) fn number<T: FromStr + PartialOrd>(
        &self,
        name: &str,
        least: T,
        most: T,
        allowed: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number >= least && *number <= most);
        let shown: String = text.chars().take(100).collect();
        number.map(Some).ok_or_else(|| out_of_range(name, format!("`{shown}`"), allowed))
    }

    /// One of these words, or the first where none is given.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        let given = self.text(name).or(words.first().map(|(word, _)| *word)).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, meant)| *meant);
        let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let shown: String = given.chars().take(100).collect();
        let refuse = || out_of_range(name, format!("`{shown}`"), &allowed.join(" or "));
        found.ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[QueryField] = &[MODEL, QueryField { name: "top", about: "" }];

    #[test]
    fn a_field_is_honoured_or_refused_by_name() {
        let query = Query::parse(Some("model=a%20b&top=3"), KNOWN).unwrap();
        assert_eq!(query.text("model"), Some("a b"));
        assert_eq!(query.number("top", 1, 9, "1 to 9").unwrap(), Some(3));
        assert!(Query::parse(None, KNOWN).unwrap().text("model").is_none());
        for (text, param) in [("tpo=3", "tpo"), ("top=1&top=2", "top"), ("=", "")] {
            let problem = Query::parse(Some(text), KNOWN).err().unwrap();
            assert_eq!(problem.body().param.as_deref(), Some(param), "{text}");
        }
        for text in ["top=0", "top=10", "top=x", "top=", "top=1.5"] {
            let query = Query::parse(Some(text), KNOWN).unwrap();
            let problem = query.number("top", 1, 9, "1 to 9").unwrap_err();
            assert!(problem.body().message.contains("must be 1 to 9"), "{text}");
        }
        let query = Query::parse(Some("top=nan"), KNOWN).unwrap();
        assert!(query.number("top", 0.0_f32, 1.0, "0 to 1").is_err());
    }

    #[test]
    fn a_word_is_one_of_those_there_are() {
        let words = [("png", 1), ("json", 2)];
        let asked = |text| Query::parse(text, KNOWN).unwrap().word("model", &words);
        assert_eq!(asked(None).unwrap(), 1);
        assert_eq!(asked(Some("model=json")).unwrap(), 2);
        let message = asked(Some("model=gif")).unwrap_err().body().message.clone();
        assert_eq!(message, "model is `gif`; it must be png or json");
    }
}
