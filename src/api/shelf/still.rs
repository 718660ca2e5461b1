//! A shelf on which nothing moves, for whoever has the models already, such as tests of routes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{
    About, Alias, Lease, Manner, Pin, Ports, Presence, Share, Shelf, ShelfError, Shelved, Wanted,
};
use crate::api::service::Served;

/// Models that are all in memory and stay there.
pub struct StillShelf(Vec<Served>);

impl StillShelf {
    /// Of two models with one name the first is lent.
    pub fn of(models: Vec<Served>) -> Self {
        Self(models)
    }

    fn found(&self, name: &str) -> Result<&Served, ShelfError> {
        let known = || self.0.iter().map(|served| served.name().to_owned()).collect();
        let found = self.0.iter().find(|served| served.name() == name);
        found.ok_or_else(|| ShelfError::Unknown { name: name.to_owned(), known: known() })
    }
}

impl Shelf for StillShelf {
    fn lend<'a>(&'a self, wanted: Wanted<'a>) -> BoxFuture<'a, Result<Lease, ShelfError>> {
        ready(self.found(wanted.name).map(|served| Lease::new(served.clone(), ()))).boxed()
    }

    fn at_hand(&self, wanted: Wanted<'_>) -> Option<Lease> {
        let found = self.found(wanted.name).ok()?;
        Some(Lease::new(found.clone(), ()))
    }

    fn list(&self) -> Vec<Shelved> {
        let shelved = |served: &Served| Shelved {
            name: served.name().to_owned(),
            about: About {
                manner: match served {
                    Served::Language(_) => Manner::Chat,
                    Served::Network(_) => Manner::Tensors,
                },
                task: match served {
                    Served::Language(_) => None,
                    Served::Network(network) => {
                        network.head.as_ref().map(|head| head.task().to_owned())
                    }
                },
                version: "1".to_owned(),
                created: SystemTime::UNIX_EPOCH,
                owned_by: "unknown".to_owned(),
                bundled: false,
            },
            presence: Presence::Loaded,
            bytes: 0,
            pinned: false,
            in_flight: 0,
            waiting: 0,
            idle: None,
            failure: None,
        };
        self.0.iter().map(shelved).collect()
    }

    fn ports<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Ports, ShelfError>> {
        ready(self.found(name).map(Served::ports)).boxed()
    }

    fn loaded(&self) -> Vec<Served> {
        self.0.clone()
    }

    fn budget_bytes(&self) -> u64 {
        0
    }

    fn held_bytes(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn look_again(&self) -> BoxFuture<'_, Result<(), ShelfError>> {
        ready(Ok(())).boxed()
    }

    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>> {
        ready(self.found(name).map(|_| ())).boxed()
    }

    fn unload<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>> {
        let pinned = |_: &Served| Err(ShelfError::Pinned { name: name.to_owned() });
        ready(self.found(name).and_then(pinned)).boxed()
    }

    fn pin<'a>(&'a self, name: &'a str, _: Pin) -> BoxFuture<'a, Result<(), ShelfError>> {
        ready(self.found(name).map(|_| ())).boxed()
    }

    fn aliases(&self) -> Vec<Alias> {
        Vec::new()
    }

    fn set_alias<'a>(
        &'a self,
        name: &'a str,
        _: Vec<Share>,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        let fault = super::AliasFault::NotSet(name.to_owned());
        ready(Err(ShelfError::Alias { name: name.to_owned(), fault })).boxed()
    }
}
