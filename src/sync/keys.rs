//! The keys document: whose signatures a box believes from now on.

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::enrolment::{Believed, SignsAs};
use super::error::LineError;
use crate::protocol::{Key, Role};

/// Keys that a document may name: while keys change there are two of each role.
const MAX_KEYS: usize = 8;
/// More than a document of that many has.
const MAX_BYTES: usize = 4096;

/// All keys that are believed; a key that it does not name is not believed any more. JSON, signed by
/// a director key of before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysDoc {
    /// The keys.
    pub keys: Vec<Believed>,
}

impl KeysDoc {
    /// The document of these bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let refuse = |why: String| LineError::Keys(why);
        if bytes.len() > MAX_BYTES {
            return Err(refuse(format!("it has more than {MAX_BYTES} bytes")));
        }
        let document: Self =
            serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        document.check()?;
        Ok(document)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LineError> {
        self.check()?;
        serde_json::to_vec(self).map_err(|error| LineError::Keys(error.to_string()))
    }

    /// A box that believed nobody for one role could never be told otherwise.
    fn check(&self) -> Result<(), LineError> {
        if self.keys.len() > MAX_KEYS {
            let why = format!("it names {} keys, at most {MAX_KEYS} are possible", self.keys.len());
            return Err(LineError::Keys(why));
        }
        for (role, name) in [(SignsAs::Director, "director"), (SignsAs::Facts, "facts")] {
            if !self.keys.iter().any(|key| key.role == role) {
                return Err(LineError::Keys(format!("it names no {name} key")));
            }
        }
        believed(&self.keys).map(drop)
    }
}

/// Keys as they are verified with.
pub(super) fn believed(keys: &[Believed]) -> Result<Vec<Key>, LineError> {
    let key = |believed: &Believed| {
        let refuse = || LineError::Key(believed.key.to_string());
        let key = VerifyingKey::from_bytes(&believed.key.0).map_err(|_| refuse())?;
        if key.is_weak() {
            return Err(refuse());
        }
        let role = match believed.role {
            SignsAs::Director => Role::Director,
            SignsAs::Facts => Role::Facts,
        };
        Ok(Key { key, role, until: None })
    };
    keys.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn keys_that_would_leave_a_box_without_a_master_are_refused() {
        let key = |role| Believed::of(role, &SigningKey::from_bytes(&[7; 32]).verifying_key());
        let (director, facts) = (key(Role::Director), key(Role::Facts));
        let fine = KeysDoc { keys: vec![director.clone(), facts.clone()] };
        assert_eq!(KeysDoc::parse(&fine.to_bytes().unwrap()).unwrap(), fine);
        let weak = Believed { key: crate::protocol::Digest([0; 32]), ..director.clone() };
        for (keys, named) in [
            (vec![director.clone()], "facts"),
            (vec![facts.clone()], "director"),
            (vec![facts.clone(), weak], "000000"),
            (vec![director.clone(); 9], "at most 8"),
        ] {
            let json = serde_json::to_vec(&KeysDoc { keys }).unwrap();
            let error = KeysDoc::parse(&json).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        assert!(KeysDoc::parse(b"{\"keys\":[],\"more\":1}").is_err());
        assert!(KeysDoc::parse(&vec![b' '; 5000]).is_err());
    }
}
