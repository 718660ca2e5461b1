//! How a package's maker would have its model sample.

use serde::{Deserialize, Serialize};

use super::error::ManifestError;
use crate::engine::Sampling;

/// Bytes of a `generation_config.json` at most.
pub(super) const MAX_DEFAULTS_BYTES: usize = 64 << 10;

/// Sampling defaults, in the fields of Hugging Face's `generation_config.json`. What is not set is
/// the server's own default; fields we do not know are passed over, as that file carries many that
/// concern its library only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerationDefaults {
    /// `false` asks for greedy decoding, whatever the other fields say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub do_sample: Option<bool>,
    /// 0 is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// In (0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// 0 keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// In [0, 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// 1 is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f32>,
    /// Tokens of an answer at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<u32>,
}

impl GenerationDefaults {
    /// Reads and checks the JSON of a `generation_config.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_DEFAULTS_BYTES {
            return Err(ManifestError::TooLarge { limit_bytes: MAX_DEFAULTS_BYTES });
        }
        // By way of an object, as serde would take a list for a struct as well.
        let written: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(e.to_string()))?;
        let defaults: Self = serde_path_to_error::deserialize(serde_json::Value::Object(written))
            .map_err(|e| ManifestError::Json(e.to_string()))?;
        defaults.check()?;
        Ok(defaults)
    }

    /// The JSON of these defaults.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        serde_json::to_vec_pretty(self).map_err(|e| ManifestError::Json(e.to_string()))
    }

    /// The temperature these defaults come to: 0 where nothing is to be drawn.
    pub fn effective_temperature(&self) -> Option<f32> {
        if self.do_sample == Some(false) { Some(0.0) } else { self.temperature }
    }

    /// How these defaults sample where a request does not say; what they leave open is as OpenAI
    /// has it. The seed is left to the caller.
    pub fn sampling(&self) -> Sampling {
        let plain = Sampling::default();
        Sampling {
            temperature: self.effective_temperature().unwrap_or(1.0),
            top_k: self.top_k.filter(|k| *k > 0),
            top_p: self.top_p.unwrap_or(plain.top_p),
            min_p: self.min_p.unwrap_or(plain.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(plain.repetition_penalty),
            ..plain
        }
    }

    pub(super) fn check(&self) -> Result<(), ManifestError> {
        let sound = |field: &str, value: Option<f32>, allowed: &dyn Fn(f32) -> bool| match value {
            Some(v) if !allowed(v) => {
                Err(ManifestError::Json(format!("{field} of {v} is out of range")))
            }
            _ => Ok(()),
        };
        sound("temperature", self.temperature, &|v| (0.0..=100.0).contains(&v))?;
        sound("top_p", self.top_p, &|v| v > 0.0 && v <= 1.0)?;
        sound("min_p", self.min_p, &|v| (0.0..1.0).contains(&v))?;
        sound("repetition_penalty", self.repetition_penalty, &|v| v > 0.0 && v <= 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_config_of_the_library_is_understood() {
        let text = br#"{"_from_model_config": true, "bos_token_id": 1, "eos_token_id": [2, 0],
                        "temperature": 0.2, "top_p": 0.9, "transformers_version": "4.42.3"}"#;
        let defaults = GenerationDefaults::parse(text).unwrap();
        assert_eq!(
            (defaults.temperature, defaults.top_p, defaults.top_k),
            (Some(0.2), Some(0.9), None)
        );
        let again = GenerationDefaults::parse(&defaults.to_bytes().unwrap()).unwrap();
        assert_eq!(again, defaults);
    }

    #[test]
    fn defaults_sample_as_written_and_as_openai_where_they_are_silent() {
        let sampling = |text: &str| GenerationDefaults::parse(text.as_bytes()).unwrap().sampling();
        let open = Sampling { temperature: 1.0, ..Sampling::default() };
        let written = Sampling {
            temperature: 0.2,
            top_k: Some(40),
            top_p: 0.9,
            min_p: 0.1,
            repetition_penalty: 1.1,
            ..Sampling::default()
        };
        for (text, want) in [
            ("{}", open.clone()),
            (
                r#"{"temperature": 0.2, "top_k": 40, "top_p": 0.9, "min_p": 0.1,
                    "repetition_penalty": 1.1, "max_new_tokens": 9}"#,
                written,
            ),
            (r#"{"do_sample": false, "temperature": 0.7}"#, Sampling::default()),
            (r#"{"do_sample": true, "temperature": 1}"#, open),
        ] {
            assert_eq!(sampling(text), want, "{text}");
        }
    }

    #[test]
    fn a_top_k_of_zero_keeps_every_token() {
        let defaults = GenerationDefaults::parse(br#"{"top_k": 0}"#).unwrap();
        assert_eq!((defaults.top_k, defaults.sampling().top_k), (Some(0), None));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for bad in [
            r#"{"temperature": -1}"#,
            r#"{"top_p": 0}"#,
            r#"{"top_p": 1.5}"#,
            r#"{"min_p": 1}"#,
            r#"{"top_k": -3}"#,
            r#"{"repetition_penalty": 0}"#,
            r#"{"temperature": "warm"}"#,
            "[]",
            "",
        ] {
            assert!(GenerationDefaults::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
