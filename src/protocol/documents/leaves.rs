//! What an epoch's facts add up to, and what changed between two epochs.

use std::cmp::Ordering;

use sha2::Digest as _;

use crate::protocol::octets::Digest;

/// Stands before what is hashed.
const CONTEXT: &[u8] = b"endcap facts root v1\0";

/// One published fact: its table, its id there, and the SHA-256 of its JSON in the form in which
/// the facts' room writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// Which table.
    pub table: Box<str>,
    /// Which fact of it.
    pub id: Box<str>,
    /// Of its JSON.
    pub digest: Digest,
}

impl Leaf {
    fn key(&self) -> (&str, &str) {
        (&self.table, &self.id)
    }
}

/// Leaves that do not ascend by table and id, as bytes; none may be there twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the facts are not in order at {table}:{id}")]
pub struct Unordered {
    /// Where.
    pub table: Box<str>,
    /// Where in it.
    pub id: Box<str>,
}

/// SHA-256 over leaves in ascending order of table and id: of each, table and id with their lengths
/// (four bytes, the most significant first) before them, and the digest.
pub fn root<E: From<Unordered>>(
    leaves: impl IntoIterator<Item = Result<Leaf, E>>,
) -> Result<Digest, E> {
    let mut hasher = sha2::Sha256::new();
    hasher.update(CONTEXT);
    let mut last: Option<Leaf> = None;
    for leaf in leaves {
        let leaf = leaf?;
        ordered(last.as_ref(), &leaf)?;
        for text in [&leaf.table, &leaf.id] {
            hasher.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(leaf.digest.0);
        last = Some(leaf);
    }
    Ok(Digest(hasher.finalize().into()))
}

fn ordered(last: Option<&Leaf>, leaf: &Leaf) -> Result<(), Unordered> {
    match last {
        Some(last) if last.key() >= leaf.key() => {
            Err(Unordered { table: leaf.table.clone(), id: leaf.id.clone() })
        }
        _ => Ok(()),
    }
}

/// One thing that is otherwise in the newer epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is there with another value, or only now.
    Put(Leaf),
    /// It is gone; the digest is that of before.
    Remove(Leaf),
}

/// What makes `newer` of `older`, both in ascending order of table and id. Holds one leaf of each.
pub fn differences(
    older: impl IntoIterator<Item = Leaf>,
    newer: impl IntoIterator<Item = Leaf>,
) -> impl Iterator<Item = Difference> {
    let (mut older, mut newer) = (older.into_iter().peekable(), newer.into_iter().peekable());
    std::iter::from_fn(move || {
        loop {
            let order = match (older.peek(), newer.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.key().cmp(&new.key()),
            };
            match order {
                Ordering::Less => return older.next().map(Difference::Remove),
                Ordering::Greater => return newer.next().map(Difference::Put),
                Ordering::Equal => {
                    let (old, new) = (older.next(), newer.next());
                    if old != new {
                        return new.map(Difference::Put);
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(table: &str, id: &str, value: u8) -> Leaf {
        Leaf { table: table.into(), id: id.into(), digest: Digest([value; 32]) }
    }

    fn root_of(leaves: &[Leaf]) -> Result<Digest, Unordered> {
        root(leaves.iter().cloned().map(Ok))
    }

    #[test]
    fn the_root_is_of_the_facts_and_of_nothing_else() {
        let facts = [leaf("prices", "1", 1), leaf("prices", "2", 2), leaf("products", "1", 3)];
        // Computed by another program.
        let known = "178d92393dd2b43ae624f017bb8abbd62705d1c114f89f4d46e4d34df3d21967";
        let root = root_of(&facts).unwrap();
        assert_eq!(root.to_string(), known);
        let other = |change: &dyn Fn(&mut Vec<Leaf>)| {
            let mut changed = facts.to_vec();
            change(&mut changed);
            assert_ne!(root_of(&changed), Ok(root));
        };
        other(&|leaves| drop(leaves.remove(1)));
        other(&|leaves| leaves[2].digest = Digest([9; 32]));
        other(&|leaves| leaves[1].id = "3".into());
        // The border between table and id is part of it.
        assert_ne!(root_of(&[leaf("ab", "c", 1)]), root_of(&[leaf("a", "bc", 1)]));
        assert!(root_of(&[]).is_ok());
    }

    #[test]
    fn facts_out_of_order_or_doubled_have_no_root() {
        let (one, two) = (leaf("prices", "1", 1), leaf("prices", "2", 2));
        assert!(root_of(&[two.clone(), one.clone()]).is_err());
        assert!(root_of(&[one.clone(), one]).is_err());
    }

    #[test]
    fn differences_make_the_newer_of_the_older() {
        bolero::check!().with_type::<Vec<(u8, bool, bool, bool)>>().for_each(|facts| {
            let (mut older, mut newer) = (Vec::new(), Vec::new());
            for (id, in_older, in_newer, same) in facts {
                let id = format!("{id:03}");
                older.extend(in_older.then(|| leaf("prices", &id, 1)));
                newer.extend(in_newer.then(|| leaf("prices", &id, if *same { 1 } else { 2 })));
            }
            for side in [&mut older, &mut newer] {
                side.sort();
                side.dedup_by(|one, other| one.id == other.id);
            }
            let mut made: std::collections::BTreeMap<_, _> =
                older.iter().map(|leaf| (leaf.id.clone(), leaf.clone())).collect();
            for difference in differences(older.clone(), newer.clone()) {
                match difference {
                    Difference::Put(leaf) => {
                        assert_ne!(made.insert(leaf.id.clone(), leaf.clone()), Some(leaf));
                    }
                    Difference::Remove(leaf) => assert!(made.remove(&leaf.id).is_some()),
                }
            }
            assert_eq!(made.into_values().collect::<Vec<_>>(), newer);
        });
    }
}
