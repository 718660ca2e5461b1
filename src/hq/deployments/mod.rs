//! Deployments: a bundle on its way to boxes, from whoever asked for it to what each box attests.
//!
//! [`Hq::ask`](super::Hq::ask) drafts one, [`Hq::approve`](super::Hq::approve) lets it go,
//! [`Hq::cancel`](super::Hq::cancel) ends it, and [`Hq::ask_back`](super::Hq::ask_back) asks for what
//! its boxes had before. Nothing of that acts by itself: [`Hq::advance`](super::Hq::advance) makes the
//! world follow, and is run by `run` after each change and with time.
//!
//! ```text
//! Draft ─→ Approved ─→ Running ─→ Complete
//!   │          │          └─→ Halted (too many bad) | Superseded (others took its boxes) | Expired
//!   └──────────┴──────────┴─→ Cancelled            Draft ─→ Expired
//! ```
//!
//! **Invariants**
//! - Each box of a deployment is judged exactly once, and `ok + bad + silent + open` are all of them.
//! - A box is ok when it attests, after its probation, that the bundle is what it runs. Silence is no
//!   success.
//! - A deployment has an end: its deadline judges whoever was not heard of as silent. None waits for
//!   another; a newer one takes its boxes over.
//! - When a deployment ends before a box was judged, the box is set back to what it had. A cancel wins
//!   over everything that was not judged, and the same cancel again changes nothing.
//! - Who asked and who approved are two acts, even where one person does both.
//!
//! **Not here**: waves, dry runs and shadow gates. They belong between `Approved` and `Running`, and
//! choose which boxes `begin` takes; what judges a box stays the same.

mod ask;
mod before;
mod begin;
mod cancel;
mod reach;
mod record;
mod revertible;
mod rows;
mod run;
mod set_back;
mod state;
mod step;
mod tidy;
mod verdict;

pub use ask::Asked;
pub use reach::Reach;
pub use rows::{DeploymentNodeRow, DeploymentRow, NodesPage};
pub(super) use run::run;
pub use state::{State, Tally};
pub use verdict::NodeResult;
