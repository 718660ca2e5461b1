//! The line seen from outside: the machine alone, and a node, a bad broker and HQ together.

mod audit;
mod authority;
mod brokers;
mod catalogues;
mod faults;
mod hq;
mod kills;
mod live;
mod machine;
mod node;
mod time;
mod tls;
mod world;

use super::*;
use crate::protocol::*;
use crate::state::*;
