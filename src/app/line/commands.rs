//! HQ's commands that rooms do which know nothing of HQ.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::cache::{Cache, Purge};
use crate::http::{Code, Offer, Pairing, Role, Tokens};
use crate::protocol::{Fields, Value};
use crate::reconcile::commands::{Done, Hands};

/// The rooms that do them.
pub(super) struct Known {
    pub(super) cache: Cache,
    pub(super) pairing: Arc<Pairing>,
    pub(super) tokens: Arc<Tokens>,
}

impl Hands for Known {
    fn carry_out<'a>(&'a self, name: &'a str, given: &'a Fields) -> Option<BoxFuture<'a, Done>> {
        match name {
            "cache.purge" => Some(self.purge(given).boxed()),
            "device.code" => Some(std::future::ready(self.device_code(given)).boxed()),
            "device.list" => Some(std::future::ready(self.device_list(given)).boxed()),
            "device.revoke" => Some(self.device_revoke(given).boxed()),
            _ => None,
        }
    }
}

impl Known {
    async fn purge(&self, given: &Fields) -> Done {
        only("cache.purge", given, &[])?;
        let cache = self.cache.clone();
        let purge = move || cache.purge(&Purge::All);
        let dropped = tokio::task::spawn_blocking(purge).await.map_err(told)?;
        let count = i64::try_from(dropped.entries).unwrap_or(i64::MAX);
        fields([("entries", Value::from(count))])
    }

    /// A code for a new device, which counts once and for minutes: whoever reads it at HQ types it there.
    fn device_code(&self, given: &Fields) -> Done {
        only("device.code", given, &["class", "zone", "role"])?;
        let class = text(given, "class")?.ok_or("`class` is missing, as class=kiosk")?;
        let role = text(given, "role")?.unwrap_or("client").parse::<Role>().map_err(told)?;
        let zone = text(given, "zone")?.map(str::to_owned);
        let offer = Offer { class: class.to_owned(), zone, role };
        let Code { code, expires } = self.pairing.offer(offer).map_err(told)?;
        let expires = i64::try_from(expires).unwrap_or(i64::MAX);
        fields([("code", Value::from(code.as_str())), ("expires_s", Value::from(expires))])
    }

    /// As many of the newest devices as an outcome has room for.
    fn device_list(&self, given: &Fields) -> Done {
        only("device.list", given, &[])?;
        let mut known = BTreeMap::new();
        let devices: Vec<_> =
            self.tokens.list().into_iter().filter(|it| it.device.is_some()).collect();
        let count = i64::try_from(devices.len()).unwrap_or(i64::MAX);
        known.insert("count".parse().map_err(told)?, Value::from(count));
        for (at, token) in devices.iter().rev().take(MAX_LISTED).enumerate() {
            let Some(device) = &token.device else { continue };
            let zone = device.zone.as_deref().unwrap_or("-");
            let line = format!("{} {} {zone} {}", token.id, device.class, token.role);
            known.insert(
                format!("device_{}", at + 1).parse().map_err(told)?,
                Value::from(line.as_str()),
            );
        }
        Fields::new(known).map_err(told)
    }

    async fn device_revoke(&self, given: &Fields) -> Done {
        only("device.revoke", given, &["id"])?;
        let id = text(given, "id")?.ok_or("`id` is missing, as `device.list` tells it")?.to_owned();
        let pairing = Arc::clone(&self.pairing);
        let revoke = move || pairing.revoke(&id);
        tokio::task::spawn_blocking(revoke).await.map_err(told)?.map_err(told)?;
        Ok(Fields::default())
    }
}

/// Devices that an outcome names.
const MAX_LISTED: usize = 24;

/// A command of which a part is not understood is not done in part.
fn only(command: &str, given: &Fields, known: &[&str]) -> Result<(), String> {
    match given.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) if known.is_empty() => {
            Err(format!("`{name}` is no argument of {command}, which has none"))
        }
        Some((name, _)) => {
            Err(format!("`{name}` is no argument of {command}, which has {}", known.join(", ")))
        }
    }
}

fn text<'a>(given: &'a Fields, name: &str) -> Result<Option<&'a str>, String> {
    match given.get(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is a text")),
    }
}

fn fields<const N: usize>(named: [(&str, Value); N]) -> Done {
    let named = named.into_iter().map(|(name, value)| Ok((name.parse().map_err(told)?, value)));
    Fields::new(named.collect::<Result<_, String>>()?).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Config;
    use crate::facts::{Facts, FactsConfig};
    use crate::telemetry::CacheMetrics;

    fn known() -> (tempfile::TempDir, Known) {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts::in_memory(FactsConfig::default()).unwrap();
        let cache = Cache::in_memory(Config::default(), facts, CacheMetrics::default());
        let tokens = Arc::new(Tokens::open(&folder.path().join("tokens.json")).unwrap());
        let pairing = Arc::new(Pairing::new(Arc::clone(&tokens)));
        (folder, Known { cache, pairing, tokens })
    }

    async fn done(known: &Known, name: &str, arguments: &[(&str, Value)]) -> Done {
        let arguments =
            arguments.iter().map(|(name, value)| (name.parse().unwrap(), value.clone()));
        let given = Fields::new(arguments.collect()).unwrap();
        known.carry_out(name, &given).unwrap().await
    }

    #[tokio::test]
    async fn a_purge_that_was_to_be_of_a_part_is_not_one_of_all() {
        let (_folder, known) = known();
        let refused = done(&known, "cache.purge", &[("product", 41.into())]).await.unwrap_err();
        assert!(refused.contains("`product`"), "{refused}");
        assert!(done(&known, "cache.purge", &[]).await.is_ok());
        assert!(known.carry_out("cache.prune", &Fields::default()).is_none());
    }

    #[tokio::test]
    async fn hq_makes_a_code_sees_the_device_and_takes_it_away() {
        let (_folder, known) = known();
        let wanted = [("class", "handheld".into()), ("role", "associate".into())];
        let made = done(&known, "device.code", &wanted).await.unwrap();
        let code = text(&made, "code").unwrap().unwrap();
        let (made, role, _) = known.pairing.pair(code, "Ada's").unwrap();
        assert_eq!(role, Role::Associate);
        let listed = done(&known, "device.list", &[]).await.unwrap();
        let line = text(&listed, "device_1").unwrap().unwrap();
        assert_eq!(line, format!("{} handheld - associate", made.id), "without its person's name");
        assert!(done(&known, "device.revoke", &[("id", made.id.as_str().into())]).await.is_ok());
        assert_eq!(known.tokens.verify(&made.token), None);
        for (name, arguments, says) in [
            ("device.code", vec![], "`class`"),
            ("device.code", vec![("class", "kiosk".into()), ("clss", "x".into())], "`clss`"),
            ("device.code", vec![("class", "kiosk".into()), ("role", "admin".into())], "admin"),
            ("device.code", vec![("class", 7.into())], "`class` is a text"),
            ("device.revoke", vec![("id", made.id.as_str().into())], "no device"),
            ("device.revoke", vec![], "`id`"),
        ] {
            let refused = done(&known, name, &arguments).await.unwrap_err();
            assert!(refused.contains(says), "{name}: {refused}");
        }
    }
}
