//! The settings that change while the server runs: put into force, shown, laid over.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use tracing::Level;

use crate::api::{
    ConfigView, HqSettings, OverrideRequest, OverrideView, RefusedSettings, SettingView, Settings,
    SettingsError,
};
use crate::app::firmware::OfHq;
use crate::cache::{Cache, Tiers};
use crate::config::{Config, Origin};
use crate::firmware::Profiles;
use crate::protocol::documents::{CacheTiers, ConfigDoc, LogLevel};
use crate::protocol::{Clock, Name, ProtocolError, Text, UnixMillis};
use crate::reconcile::config::{ConfigRoom, Effective, Layer, Override, Standing, Unmet};
use crate::reconcile::{ReconcileError, Timekeeper};
use crate::skills::language::Language;
use crate::skills::live::Live;
use crate::telemetry::Levels;

/// The routes of the cache.
const ROUTES: [&str; 3] = ["ask", "chat", "copy"];

/// What of the server is set while it runs.
#[derive(Clone)]
pub(in crate::app) struct InForce {
    pub(in crate::app) skills: Live,
    pub(in crate::app) cache: Cache,
    pub(in crate::app) levels: Levels,
    pub(in crate::app) profiles: watch::Sender<OfHq>,
}

impl InForce {
    /// Puts settings into force. What they limit (hours, bytes of the WAN) is asked for where it
    /// counts.
    pub(super) fn set(&self, effective: &Effective) {
        let settings = &effective.settings;
        let language = settings.default_language.as_ref().and_then(|code| language(code));
        let blocked = settings.blocked_terms.iter().flat_map(|terms| terms.iter());
        let blocked = blocked.map(ToString::to_string).collect();
        self.skills.set(language.unwrap_or_default(), blocked);
        let route = |(name, kept): (&Name, &CacheTiers)| (name.to_string(), tiers(*kept));
        self.cache.set_routes(settings.cache.iter().map(route).collect());
        let profiles = Some(settings.device_profiles.as_ref().map(ToString::to_string));
        self.profiles.send_if_modified(|now| {
            let is_other = *now != profiles;
            *now = profiles;
            is_other
        });
        if let Err(error) = self.levels.set(settings.log_level.map(level)) {
            tracing::error!(%error, "the level of the log could not be set");
        }
    }

    /// Puts settings into force whenever others are, until nobody decides any more.
    pub(super) async fn follow(self, mut settings: watch::Receiver<Effective>) {
        while settings.changed().await.is_ok() {
            let effective = settings.borrow_and_update().clone();
            self.set(&effective);
            tracing::info!("other settings are in force");
        }
    }
}

/// Takes out of a document what this program cannot do, and names it.
pub(super) fn honour(document: &mut ConfigDoc) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    if let Some(code) = document.default_language.take_if(|code| language(code).is_none()) {
        let known = Language::ALL.map(Language::code).join(", ");
        let why = format!("`{code}` is none of {known}");
        unmet.push(Unmet { setting: "default_language".to_owned(), why });
    }
    document.cache.retain(|route, _| {
        let known = ROUTES.contains(&route.as_str());
        if !known {
            let why = format!("there is no such route; there are {}", ROUTES.join(", "));
            unmet.push(Unmet { setting: format!("cache.{route}"), why });
        }
        known
    });
    // What of them fits together with the store's own is seen when they are applied.
    let profiles = document.device_profiles.as_ref().map(|text| Profiles::parse(text));
    if let Some(Err(error)) = profiles {
        document.device_profiles = None;
        unmet.push(Unmet { setting: "device_profiles".to_owned(), why: error.to_string() });
    }
    unmet
}

fn language(code: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.code() == code)
}

fn tiers(kept: CacheTiers) -> Tiers {
    match kept {
        CacheTiers::Off => Tiers::Off,
        CacheTiers::Exact => Tiers::Exact,
        CacheTiers::Semantic => Tiers::Semantic,
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    }
}

/// What the configuration says of each setting: the lowest layer, for a box without HQ the only one.
pub(super) fn of_file(config: &Config) -> ConfigView {
    let one = |name: &'static str| {
        let setting = config.below(name);
        let by_hand = setting.is_some_and(|setting| setting.origin != Origin::Default);
        SettingView {
            name: name.to_owned(),
            value: Value::Null,
            layer: if by_hand { "file" } else { "default" },
            version: None,
            local: None,
        }
    };
    let mut view =
        ConfigView { settings: Config::shared().map(one).collect(), ..Default::default() };
    let named = serde_json::to_value(&config.below_hq).unwrap_or_default();
    for setting in &mut view.settings {
        let pointer = format!("/{}", setting.name.replace('.', "/"));
        setting.value = named.pointer(&pointer).cloned().unwrap_or_default();
        if setting.name == "log_level" {
            setting.value = config.log.filter.as_str().into();
        }
    }
    view
}

/// Shows the settings of a box that follows HQ, and lays overrides over them.
pub(super) struct Kept {
    pub(super) room: ConfigRoom,
    pub(super) time: Arc<Timekeeper>,
    pub(super) file: ConfigView,
}

impl Kept {
    async fn with_room<T: Send + 'static>(
        &self,
        act: impl FnOnce(&ConfigRoom, Clock) -> Result<T, ReconcileError> + Send + 'static,
    ) -> Result<T, SettingsError> {
        let (room, clock) = (self.room.clone(), self.time.time().0);
        let done = tokio::task::spawn_blocking(move || act(&room, clock)).await;
        done.map_err(|error| SettingsError::Failed(error.to_string()))?.map_err(|error| match error
        {
            ReconcileError::Override { field, why } => SettingsError::Refused { field, why },
            ReconcileError::ClockUnknown => SettingsError::ClockUnknown,
            error => SettingsError::Failed(error.to_string()),
        })
    }

    fn shown(&self, standing: Standing) -> ConfigView {
        let mut view = self.file.clone();
        let local = standing.local.as_ref().map(|local| OverrideView {
            owner: local.owner.to_string(),
            reason: local.reason.to_string(),
            until_ms: local.until.0,
        });
        for found in standing.in_force.into_iter().filter(|found| found.layer != Layer::File) {
            let Some(setting) = view.settings.iter_mut().find(|s| s.name == found.name) else {
                continue;
            };
            setting.value = found.value;
            match found.layer {
                Layer::Override => (setting.layer, setting.local) = ("override", local.clone()),
                Layer::Hq | Layer::File => {
                    (setting.layer, setting.version) = ("hq", standing.hq);
                }
            }
        }
        let not_in_force = standing.unmet.into_iter().map(|unmet| (unmet.setting, unmet.why));
        let refused = standing.refused.map(|(version, why)| RefusedSettings { version, why });
        let is_there = standing.hq.is_some() || refused.is_some();
        let not_in_force = not_in_force.collect();
        let hq = HqSettings { version: standing.hq, not_in_force, refused };
        ConfigView { hq: is_there.then_some(hq), local, ..view }
    }
}

impl Settings for Kept {
    fn view(&self) -> BoxFuture<'_, Result<ConfigView, SettingsError>> {
        async {
            let standing = self.with_room(ConfigRoom::standing).await?;
            Ok(self.shown(standing))
        }
        .boxed()
    }

    fn lay(&self, by: &str, over: OverrideRequest) -> BoxFuture<'_, Result<(), SettingsError>> {
        let by = by.to_owned();
        async move {
            let Clock::Known(now) = self.time.time().0 else {
                return Err(SettingsError::ClockUnknown);
            };
            let over = checked(&by, &over, now)?;
            self.with_room(move |room, clock| room.lay(&over, clock)).await
        }
        .boxed()
    }

    fn lift(&self, by: &str) -> BoxFuture<'_, Result<bool, SettingsError>> {
        let by = by.to_owned();
        self.with_room(move |room, clock| room.lift(&by, clock)).boxed()
    }
}

/// A request as the layer that it makes, or what of it cannot be.
fn checked(by: &str, over: &OverrideRequest, now: UnixMillis) -> Result<Override, SettingsError> {
    let refuse = |field: &str| {
        let field = field.to_owned();
        move |error: ProtocolError| SettingsError::Refused { field, why: error.to_string() }
    };
    let failed = |error: serde_json::Error| SettingsError::Failed(error.to_string());
    let settings = serde_json::to_vec(&over.settings).map_err(failed)?;
    Ok(Override {
        owner: Text::new(over.owner.trim()).map_err(refuse("owner"))?,
        reason: Text::new(over.reason.trim()).map_err(refuse("reason"))?,
        by: Text::cut(by),
        until: now.plus(over.lease_s.saturating_mul(1000)),
        settings: ConfigDoc::parse(&settings).map_err(refuse("settings"))?,
    })
}

#[cfg(test)]
mod tests;
