#![doc = include_str!("ARCHITECTURE.md")]
pub use endcap_api as api;
pub use endcap_audit as audit;
pub use endcap_cache as cache;
pub use endcap_desk as desk;
pub use endcap_engine as engine;
pub use endcap_facts as facts;
pub use endcap_firmware as firmware;
#[cfg(feature = "gpu")]
pub use endcap_gpu as gpu;
#[cfg(feature = "hq")]
pub use endcap_hq as hq;
pub use endcap_http as http;
pub use endcap_identity as identity;
pub use endcap_packages as packages;
pub use endcap_privacy as privacy;
pub use endcap_protocol as protocol;
pub use endcap_reconcile as reconcile;
pub use endcap_shoppers as shoppers;
pub use endcap_skills as skills;
pub use endcap_state as state;
pub use endcap_sync as sync;
pub use endcap_telemetry as telemetry;
pub use endcap_units as units;

pub mod app;
pub mod cli;
pub mod config;
