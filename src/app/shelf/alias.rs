//! One name for several packages, and which of them a request gets. Pure.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::api::shelf::{Alias, AliasFault, Share};
use crate::packages::PackageName;

/// Packages under one name.
const MAX_SHARES: usize = 16;
/// Names.
const MAX_ALIASES: usize = 256;
const MAX_WEIGHT: u32 = 1_000_000;

/// Every alias: those of the configuration, and above them those set while the server runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aliases {
    configured: BTreeMap<String, Vec<Share>>,
    set: BTreeMap<String, Vec<Share>>,
}

impl Aliases {
    /// Those of the configuration and of the last run. The caller has checked them.
    pub(super) fn new(
        configured: BTreeMap<String, Vec<Share>>,
        set: BTreeMap<String, Vec<Share>>,
    ) -> Self {
        Self { configured, set }
    }

    /// What was set while the server ran.
    pub(super) fn set_here(&self) -> &BTreeMap<String, Vec<Share>> {
        &self.set
    }

    fn get(&self, name: &str) -> Option<&Vec<Share>> {
        self.set.get(name).or_else(|| self.configured.get(name))
    }

    /// The package that a request gets; `None` for a name that is no alias.
    ///
    /// Requests with one key get one package, as long as the shares stay as they are: the first
    /// eight bytes of SHA-256 over alias, a zero byte and key are a point between 0 and the sum of
    /// the weights, on which the shares lie in their order. `chance` is that point's place where
    /// there is no key. A weight that changes moves only the keys at the borders.
    pub(super) fn resolve(&self, name: &str, key: Option<&str>, chance: u64) -> Option<&str> {
        let shares = self.get(name)?;
        let drawn = match key {
            None => chance,
            Some(key) => {
                let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(key);
                let bytes = digest.finalize();
                let first = bytes.first_chunk::<8>().copied().unwrap_or_default();
                u64::from_be_bytes(first)
            }
        };
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let point = ((u128::from(drawn) * u128::from(total)) >> 64) as u64;
        let mut border = 0;
        let chosen = shares.iter().find(|share| {
            border += u64::from(share.weight);
            point < border
        });
        chosen.map(|share| share.package.as_str())
    }

    /// With this alias set; without shares, with what was set under the name taken back. `knows`
    /// tells which packages there are.
    pub(super) fn with(
        &self,
        name: &str,
        shares: Vec<Share>,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Self, AliasFault> {
        let mut changed = self.clone();
        if shares.is_empty() {
            changed.set.remove(name).ok_or_else(|| AliasFault::NotSet(name.to_owned()))?;
            return Ok(changed);
        }
        check(name, &shares, &knows, |other| self.get(other).is_some())?;
        changed.set.insert(name.to_owned(), shares);
        at_most("aliases", changed.set.len(), MAX_ALIASES)?;
        Ok(changed)
    }

    /// All, by name.
    pub(super) fn list(&self) -> Vec<Alias> {
        let mut all: BTreeMap<_, _> =
            self.configured.iter().map(|(name, shares)| (name, (shares, false))).collect();
        all.extend(self.set.iter().map(|(name, shares)| (name, (shares, true))));
        all.into_iter()
            .map(|(name, (shares, set_here))| Alias {
                name: name.clone(),
                shares: shares.clone(),
                set_here,
            })
            .collect()
    }
}

/// Whether a name can be an alias of these packages.
pub(super) fn check(
    name: &str,
    shares: &[Share],
    knows: impl Fn(&str) -> bool,
    is_alias: impl Fn(&str) -> bool,
) -> Result<(), AliasFault> {
    if PackageName::parse(name).is_err() {
        return Err(AliasFault::Name(name.chars().take(100).collect()));
    }
    if knows(name) {
        return Err(AliasFault::Taken(name.to_owned()));
    }
    if shares.is_empty() {
        return Err(AliasFault::Empty);
    }
    at_most("packages", shares.len(), MAX_SHARES)?;
    for (at, share) in shares.iter().enumerate() {
        let package = share.package.clone();
        if share.weight == 0 || share.weight > MAX_WEIGHT {
            let (weight, limit) = (share.weight, MAX_WEIGHT);
            return Err(AliasFault::Weight { package, weight, limit });
        }
        if shares.iter().take(at).any(|other| other.package == package) {
            return Err(AliasFault::Twice { package });
        }
        if package == name || is_alias(&package) {
            return Err(AliasFault::OfAlias { package });
        }
        if !knows(&package) {
            return Err(AliasFault::NoPackage { package });
        }
    }
    Ok(())
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), AliasFault> {
    if count > limit {
        return Err(AliasFault::TooMany { what, count, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(of: &[(&str, u32)]) -> Vec<Share> {
        of.iter().map(|&(package, weight)| Share { package: package.to_owned(), weight }).collect()
    }

    fn knows(name: &str) -> bool {
        ["old", "new"].contains(&name)
    }

    fn aliases(of: &[(&str, u32)]) -> Aliases {
        Aliases::default().with("chat", shares(of), knows).unwrap()
    }

    #[test]
    fn requests_are_shared_out_by_weight() {
        let aliases = aliases(&[("old", 3), ("new", 1)]);
        let parts = 4000;
        let old = (0..parts)
            .map(|part| u64::MAX / parts * part)
            .filter(|&chance| aliases.resolve("chat", None, chance) == Some("old"))
            .count();
        assert!(old.abs_diff(3000) <= 1, "{old} of 4000");
        let keys = (0..4000).map(|n| format!("shopper {n}"));
        let old = keys.filter(|key| aliases.resolve("chat", Some(key), 0) == Some("old")).count();
        assert!(old.abs_diff(3000) < 150, "{old} of 4000");
        assert_eq!(aliases.resolve("old", None, 0), None, "a package is no alias");
    }

    #[test]
    fn a_key_gets_one_package_and_few_keys_move_when_weights_do() {
        let (before, after) =
            (aliases(&[("old", 90), ("new", 10)]), aliases(&[("old", 80), ("new", 20)]));
        let (mut moved, mut back) = (0, 0);
        for n in 0..2000 {
            let key = format!("shopper {n}");
            let found = [1, u64::MAX].map(|chance| before.resolve("chat", Some(&key), chance));
            assert_eq!(found[0], found[1], "chance has no say where there is a key");
            let later = after.resolve("chat", Some(&key), 0);
            moved += usize::from(later != found[0]);
            back += usize::from(later == Some("old") && found[0] == Some("new"));
        }
        assert!(moved.abs_diff(200) < 60 && back == 0, "{moved} moved, {back} back");
    }

    #[test]
    fn what_cannot_be_an_alias_is_refused() {
        let there = aliases(&[("old", 1)]);
        let many: Vec<_> = (0..17).map(|n| (format!("p{n}"), 1)).collect();
        let many: Vec<_> = many.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
        let package = |name: &str| name.to_owned();
        for (name, of, fault) in [
            ("../x", &[("old", 1)][..], AliasFault::Name("../x".into())),
            ("old", &[("new", 1)], AliasFault::Taken("old".into())),
            ("other", &[("chat", 1)], AliasFault::OfAlias { package: package("chat") }),
            ("other", &[("other", 1)], AliasFault::OfAlias { package: package("other") }),
            ("other", &[("gone", 1)], AliasFault::NoPackage { package: package("gone") }),
            ("other", &[("old", 1), ("old", 2)], AliasFault::Twice { package: package("old") }),
            (
                "other",
                &[("old", 0)],
                AliasFault::Weight { package: package("old"), weight: 0, limit: MAX_WEIGHT },
            ),
            ("other", &[], AliasFault::NotSet("other".into())),
            ("other", &many, AliasFault::TooMany { what: "packages", count: 17, limit: 16 }),
        ] {
            assert_eq!(there.with(name, shares(of), knows), Err(fault), "{name} {of:?}");
        }
    }

    #[test]
    fn what_is_set_stands_above_the_configuration_until_it_is_taken_back() {
        let configured = BTreeMap::from([("chat".to_owned(), shares(&[("old", 1)]))]);
        let first = Aliases::new(configured, BTreeMap::new());
        let second = first.with("chat", shares(&[("new", 1)]), knows).unwrap();
        assert_eq!(second.resolve("chat", None, 0), Some("new"));
        assert!(second.list()[0].set_here);
        let third = second.with("chat", Vec::new(), knows).unwrap();
        assert_eq!(third.resolve("chat", None, 0), Some("old"));
        assert_eq!(third, first);
    }
}
