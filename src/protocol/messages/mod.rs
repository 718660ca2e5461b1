//! What is said on the line. Keys of a map are a promise: one that was used is never used for
//! something else, and what is added is optional.

mod ack;
mod audit;
mod command;
mod desired;
mod event;
mod presence;
mod reported;
mod snapshot;

pub use ack::{Ack, AuditStored, Gap};
pub use audit::AuditBlock;
pub use command::{Command, CommandState, Outcome};
pub use desired::{Contents, FactsHead, HqTime, Pointer};
pub use event::{Event, Level, LogLine, Telemetry};
pub use presence::{Presence, PresenceState};
pub use reported::{Applied, Failure, LocalOverride, Reported, Stage};
pub use snapshot::{Ask, Have, Sending, Snapshot};
