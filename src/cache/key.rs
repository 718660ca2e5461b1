//! What an answer depends on, as one digest.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Scope;

/// Digest of everything that changes an answer, its scope among it. Equal keys, equal answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl Key {
    /// The digest.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what [`Key::bytes`] gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Builds a [`Key`] of labelled fields. Labels and values carry their lengths, so no two lists of
/// fields give the same bytes.
#[derive(Clone)]
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    /// Keys of different kinds, such as `chat` and `copy`, are never equal.
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).field("kind", kind)
    }

    /// A field's bytes.
    pub fn field(mut self, label: &str, value: impl AsRef<[u8]>) -> Self {
        self.part(label.as_bytes());
        self.part(value.as_ref());
        self
    }

    /// A number; signed ones and floats by their bits.
    pub fn number(self, label: &str, value: u64) -> Self {
        self.field(label, value.to_le_bytes())
    }

    /// A float, told apart by its bits.
    pub fn float(self, label: &str, value: f32) -> Self {
        self.field(label, value.to_bits().to_le_bytes())
    }

    /// A field that may be absent, which is not the same as empty.
    pub fn optional(self, label: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.number(label, 1).field(label, value),
            None => self.number(label, 0),
        }
    }

    /// A list of values in their order.
    pub fn list<T: AsRef<[u8]>>(
        mut self,
        label: &str,
        values: impl ExactSizeIterator<Item = T>,
    ) -> Self {
        self = self.number(label, values.len() as u64);
        values.for_each(|value| self.part(value.as_ref()));
        self
    }

    /// The key of these fields for this scope.
    pub fn finish(self, scope: Scope) -> Key {
        let (name, id) = scope.parts();
        Key(self.field("scope", name).field("scope id", id).0.finalize().into())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::ScopeId;

    #[test]
    fn every_field_label_order_kind_and_scope_makes_another_key() {
        let base = || KeyBuilder::new("chat").field("system", "Be brief.").field("user", "Milk?");
        let keys = [
            base().finish(Scope::Public),
            base().finish(Scope::Store),
            base().finish(Scope::Shopper(ScopeId::of("a"))),
            base().finish(Scope::Shopper(ScopeId::of("b"))),
            base().finish(Scope::Associate(ScopeId::of("a"))),
            base().field("tool_choice", "none").finish(Scope::Public),
            base().field("tool_choice", "auto").finish(Scope::Public),
            base().field("tool_choic", "eauto").finish(Scope::Public),
            base().optional("stop", None::<&str>).finish(Scope::Public),
            base().optional("stop", Some("")).finish(Scope::Public),
            base().list("stop", [""].iter()).finish(Scope::Public),
            base().list("stop", ["a", "b"].iter()).finish(Scope::Public),
            base().list("stop", ["ab"].iter()).finish(Scope::Public),
            base().number("seed", 1).finish(Scope::Public),
            base().float("temperature", 1.0).finish(Scope::Public),
            KeyBuilder::new("copy")
                .field("system", "Be brief.")
                .field("user", "Milk?")
                .finish(Scope::Public),
            KeyBuilder::new("chat")
                .field("user", "Milk?")
                .field("system", "Be brief.")
                .finish(Scope::Public),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(base().finish(Scope::Public), base().finish(Scope::Public));
    }
}
