//! How finely what flows between weights is kept.

use std::str::FromStr;

/// How finely what flows between weights is kept. Weights are as the package has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Activation {
    /// Eight bits for a value, with a scale for 32 neighbours. A small model may choose another
    /// word now and then.
    #[serde(rename = "8-bit")]
    Bits8,
    /// Sixteen bits where 32 neighbours stand out of their row, else eight.
    #[default]
    #[serde(rename = "mixed")]
    Mixed,
    /// Sixteen bits: the logits of float arithmetic, for twice the multiplications.
    #[serde(rename = "16-bit")]
    Bits16,
}

impl Activation {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Bits8, Self::Mixed, Self::Bits16];

    /// As it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bits8 => "8-bit",
            Self::Mixed => "mixed",
            Self::Bits16 => "16-bit",
        }
    }

    /// 8-bit products that one product with a weight takes at least.
    pub fn products(self) -> u64 {
        match self {
            Self::Bits8 | Self::Mixed => 1,
            Self::Bits16 => 2,
        }
    }
}

impl FromStr for Activation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|activation| activation.name() == text);
        named.ok_or_else(|| format!("`{text}` is not \"8-bit\", \"mixed\" or \"16-bit\""))
    }
}
