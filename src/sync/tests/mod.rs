//! The line seen from outside: the machine alone, and a node, a bad broker and HQ together.

mod brokers;
mod hq;
mod live;
mod machine;
mod node;
mod proxy;
mod tls;
mod world;

use super::*;
use crate::protocol::*;
use crate::state::*;
