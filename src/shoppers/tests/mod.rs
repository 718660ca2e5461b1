//! The room as others see it.

mod conversations;
