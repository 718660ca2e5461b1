//! The card as a CycloneDX 1.6 bill of materials (ECMA-424) with one machine-learning model in it.

use serde_json::{Map, Value, json};

use super::super::error::ManifestError;
use super::{Card, MAX_CARD_BYTES};

const QUANTISATION: &str = "endcap:quantisation";
const OWNER: &str = "endcap:owner";
const LANGUAGES: &str = "endcap:languages";
const SKILLS: &str = "endcap:skills";
const HEAD: &str = "endcap:head";

impl Card {
    /// Reads a CycloneDX document; what is not there stays empty.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_CARD_BYTES {
            return Err(ManifestError::TooLarge { limit_bytes: MAX_CARD_BYTES });
        }
        let bom: Value =
            serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(e.to_string()))?;
        if text(&bom, "/bomFormat") != "CycloneDX" {
            return Err(ManifestError::Json("not a CycloneDX document".into()));
        }
        let model = bom.pointer("/metadata/component").unwrap_or(&Value::Null);
        if text(model, "/type") != "machine-learning-model" {
            return Err(ManifestError::Json(
                "its component is not a machine-learning-model".into(),
            ));
        }
        let licence = match text(model, "/licenses/0/license/id") {
            id if !id.is_empty() => id,
            _ => text(model, "/licenses/0/license/name"),
        };
        Ok(Self {
            name: text(model, "/name"),
            version: text(model, "/version"),
            description: text(model, "/description"),
            licence,
            source: text(model, "/externalReferences/0/url"),
            maker: text(model, "/supplier/name"),
            owner: property(model, OWNER),
            architecture: text(model, "/modelCard/modelParameters/architectureFamily"),
            quantisation: property(model, QUANTISATION),
            languages: listed(&property(model, LANGUAGES)),
            skills: listed(&property(model, SKILLS)),
            task: text(model, "/modelCard/modelParameters/task"),
            inputs: formats(model, "/modelCard/modelParameters/inputs"),
            outputs: formats(model, "/modelCard/modelParameters/outputs"),
            intended_use: texts(model, "/modelCard/considerations/useCases"),
            limits: texts(model, "/modelCard/considerations/technicalLimitations"),
            head: match property(model, HEAD) {
                text if text.is_empty() => None,
                text => {
                    Some(serde_json::from_str(&text).map_err(|error| {
                        ManifestError::Json(format!("property {HEAD}: {error}"))
                    })?)
                }
            },
            digests: digests(&bom),
        })
    }

    /// The card as a CycloneDX 1.6 document.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = serde_json::to_vec_pretty(&self.document())
            .map_err(|e| ManifestError::Json(e.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn document(&self) -> Value {
        let mut model = json!({
            "type": "machine-learning-model",
            "bom-ref": "model",
            "name": self.name,
            "version": self.version,
            "modelCard": {
                "modelParameters": self.parameters(),
                "considerations": {
                    "useCases": self.intended_use,
                    "technicalLimitations": self.limits,
                },
                "properties": [
                    {"name": QUANTISATION, "value": self.quantisation},
                    {"name": OWNER, "value": self.owner},
                ],
            },
        });
        let properties = model.pointer_mut("/modelCard/properties").and_then(Value::as_array_mut);
        if let Some(properties) = properties {
            if let Some(head) = &self.head {
                properties.push(json!({"name": HEAD, "value": head.to_string()}));
            }
            for (name, list) in [(LANGUAGES, &self.languages), (SKILLS, &self.skills)] {
                if !list.is_empty() {
                    properties.push(json!({"name": name, "value": list.join(" ")}));
                }
            }
        }
        if let Some(object) = model.as_object_mut() {
            if !self.description.is_empty() {
                object.insert("description".into(), json!(self.description));
            }
            if !self.maker.is_empty() {
                object.insert("supplier".into(), json!({"name": self.maker}));
            }
            if !self.licence.is_empty() {
                object.insert("licenses".into(), json!([{"license": self.licence_choice()}]));
            }
            if !self.source.is_empty() {
                let reference = json!([{"type": "distribution", "url": self.source}]);
                object.insert("externalReferences".into(), reference);
            }
        }
        let files: Vec<Value> = self
            .digests
            .iter()
            .map(|(name, sha256)| {
                json!({"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]})
            })
            .collect();
        json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": model},
            "components": files,
        })
    }

    fn parameters(&self) -> Value {
        let mut parameters = Map::new();
        for (field, text) in [("task", &self.task), ("architectureFamily", &self.architecture)] {
            if !text.is_empty() {
                parameters.insert(field.to_owned(), json!(text));
            }
        }
        for (field, ports) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            let formats: Vec<Value> = ports.iter().map(|port| json!({"format": port})).collect();
            parameters.insert(field.to_owned(), json!(formats));
        }
        Value::Object(parameters)
    }

    /// CycloneDX takes only SPDX identifiers as `id`; whatever else people write is a name.
    fn licence_choice(&self) -> Value {
        const KNOWN: [&str; 10] = [
            "Apache-2.0",
            "MIT",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "CC-BY-4.0",
            "CC-BY-SA-4.0",
            "CC-BY-NC-4.0",
            "CC0-1.0",
            "MPL-2.0",
            "ISC",
        ];
        match KNOWN.iter().find(|id| id.eq_ignore_ascii_case(&self.licence)) {
            Some(id) => json!({"id": id}),
            None => json!({"name": self.licence}),
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn formats(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().map(|port| text(port, "/format")).collect()
}

fn property(model: &Value, name: &str) -> String {
    let list = model.pointer("/modelCard/properties").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .find(|p| text(p, "/name") == name)
        .map(|p| text(p, "/value"))
        .unwrap_or_default()
}

fn digests(bom: &Value) -> Vec<(String, String)> {
    let list = bom.get("components").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter(|c| text(c, "/hashes/0/alg") == "SHA-256")
        .map(|c| (text(c, "/name"), text(c, "/hashes/0/content")))
        .collect()
}

/// Words with spaces between, one by one.
fn listed(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::*;

    fn card() -> Card {
        Card {
            name: "tiny".into(),
            version: "1".into(),
            description: "For tests.".into(),
            licence: "Apache-2.0".into(),
            source: "https://example.com/tiny".into(),
            maker: "Example".into(),
            owner: "The shop".into(),
            architecture: "llama".into(),
            quantisation: "4-bit".into(),
            languages: vec!["en".into(), "de".into()],
            skills: vec!["ask".into()],
            intended_use: vec!["tests".into()],
            limits: vec!["knows nothing".into()],
            head: Some(json!({"task": "classify", "scale": [0.5, 1.0]})),
            task: "classify".into(),
            inputs: vec!["x FP32 [batch, 3]".into()],
            outputs: vec!["y FP32 [batch, 2]".into()],
            digests: vec![("model.onnx".into(), "0".repeat(64))],
        }
    }

    #[test]
    fn a_card_survives_being_written() {
        for card in [card(), Card { licence: "Own licence 2".into(), ..card() }, Card::default()] {
            assert_eq!(Card::parse(&card.to_bytes().unwrap()).unwrap(), card);
        }
    }

    #[test]
    fn what_is_not_a_model_card_is_refused() {
        for bad in ["", "{}", "[]", r#"{"bomFormat":"CycloneDX"}"#] {
            assert!(Card::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Card::parse(&vec![b' '; MAX_CARD_BYTES + 1]).is_err());
    }
}
