//! A change as a line of JSON.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::batch::Change;
use super::error::{FactsError, Fault};
use super::fact::{Fact, from_json};
use super::label::Id;
use super::name::{FactId, Source, Table};

/// What a line asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Op {
    /// The fact is to be so.
    #[default]
    Put,
    /// Fields of it are to be so.
    Patch,
    /// It is to be gone.
    Delete,
    /// The table is as it should be.
    Confirm,
}

/// A change as a line of JSON: `{"table": "prices", "id": "0041", "fact": {…}}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default)]
    op: Op,
    table: Table,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    fact: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

impl Change {
    /// A change from its line: `{"table", "id", "fact"}`, with `op` `put` (the default), `patch`,
    /// `delete` or `confirm`, and `source` where the feed has stamps.
    pub fn parse(line: &[u8]) -> Result<Self, FactsError> {
        let refuse = |field: &str, why: &str| FactsError::Line { fault: Fault::new(field, why) };
        let line: Line<'_> = from_json(line).map_err(|fault| FactsError::Line { fault })?;
        let Line { op, table, id, fact, source } = line;
        if op == Op::Confirm {
            return match (id, fact, source) {
                (None, None, None) => Ok(Self::Confirm { table }),
                _ => Err(refuse("op", "`confirm` takes a table and nothing else")),
            };
        }
        let id = id.ok_or_else(|| refuse("id", "it is missing"))?;
        let id = FactId { table, id };
        if op == Op::Delete {
            return match fact {
                None => Ok(Self::Delete { id, source }),
                Some(_) => Err(refuse("fact", "`delete` takes none")),
            };
        }
        let json = fact.ok_or_else(|| refuse("fact", "it is missing"))?.get().as_bytes();
        let invalid = |fault: Fault| {
            let field = format!("fact.{}", fault.field);
            let fault = Fault { field: field.trim_end_matches('.').to_owned(), ..fault };
            FactsError::Invalid { id: id.clone(), fault }
        };
        match op {
            Op::Patch => {
                let patch = from_json(json).map_err(invalid)?;
                Ok(Self::Patch { id, patch, source })
            }
            _ => {
                let fact = Fact::parse(table, json).map_err(invalid)?;
                Ok(Self::Put { id: id.id, fact, source })
            }
        }
    }

    /// Its line, without the line's end.
    pub fn to_line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (op, id, fact, source) = match self {
            Self::Put { id, fact, source } => {
                (Op::Put, Some(id), Some(serde_json::value::to_raw_value(fact)?), *source)
            }
            Self::Patch { id, patch, source } => {
                (Op::Patch, Some(&id.id), Some(serde_json::value::to_raw_value(patch)?), *source)
            }
            Self::Delete { id, source } => (Op::Delete, Some(&id.id), None, *source),
            Self::Confirm { .. } => (Op::Confirm, None, None, None),
        };
        let (table, id) = (self.table(), id.cloned());
        serde_json::to_vec(&Line { op, table, id, fact: fact.as_deref(), source })
    }
}

/// The form of a line, for descriptions.
impl JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FactChange".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let op = generator.subschema_for::<Op>();
        let table = generator.subschema_for::<Table>();
        let id = generator.subschema_for::<Id>();
        let source = generator.subschema_for::<Source>();
        json_schema!({
            "type": "object",
            "properties": {
                "op": op,
                "table": table,
                "id": id,
                "fact": { "type": "object" },
                "source": source,
            },
            "required": ["table"],
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_from_its_change() {
        for line in [
            r#"{"op":"put","table":"prices","id":"0041","fact":{"amount":3.49,"currency":"USD"}}"#,
            r#"{"op":"put","table":"stock","id":"0041","fact":{"band":"low"},"source":{"epoch":1,"version":7}}"#,
            r#"{"op":"patch","table":"prices","id":"0041","fact":{"was":null}}"#,
            r#"{"op":"delete","table":"prices","id":"0041","source":{"epoch":0,"version":8}}"#,
            r#"{"op":"confirm","table":"prices"}"#,
        ] {
            let change = Change::parse(line.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(change.to_line().unwrap()).unwrap(), line);
        }
    }

    #[test]
    fn a_line_that_is_none_is_refused_by_field() {
        for (line, says) in [
            (r#"{"table":"prices","id":"0041"}"#, "fact: it is missing"),
            (r#"{"table":"prices","fact":{}}"#, "id: it is missing"),
            (r#"{"table":"price","id":"1","fact":{}}"#, "table: unknown variant `price`"),
            (r#"{"table":"prices","id":"a b","fact":{}}"#, "id: `a b` is not an id"),
            (r#"{"table":"prices","id":"1","facts":{}}"#, "unknown field `facts`"),
            (r#"{"op":"delete","table":"prices","id":"1","fact":{}}"#, "`delete` takes none"),
            (r#"{"op":"confirm","table":"prices","id":"1"}"#, "`confirm` takes a table"),
            (
                r#"{"op":"patch","table":"prices","id":"1","fact":[]}"#,
                "prices:1: fact: it is not a JSON object",
            ),
            (
                r#"{"table":"prices","id":"1","fact":{"amount":"x","currency":"USD"}}"#,
                "prices:1: fact.amount: `x` is not a number",
            ),
            (r#"{"table":"prices""#, "EOF"),
            ("[]", "not a JSON object"),
        ] {
            let error = Change::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
