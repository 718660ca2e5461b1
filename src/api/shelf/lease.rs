//! A model in use.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use crate::api::service::Served;

/// Whatever the shelf wants to see dropped when a request is done with a model.
type Held = Arc<dyn Any + Send + Sync>;

/// A model that stays in memory as long as this, or a part of it, lives.
#[derive(Clone)]
pub struct Lease {
    served: Served,
    held: Held,
}

impl Lease {
    /// `held` is dropped with the last clone.
    pub fn new(served: Served, held: impl Any + Send + Sync) -> Self {
        Self { served, held: Arc::new(held) }
    }

    /// What was lent.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// The same lease of what is inside.
    pub(in crate::api) fn of<T>(self, inside: Arc<T>) -> Lent<T> {
        Lent { inside, _held: self.held }
    }
}

/// A [`Lease`] of one kind of model. Hold it until the answer is complete.
pub struct Lent<T> {
    inside: Arc<T>,
    _held: Held,
}

impl<T> Clone for Lent<T> {
    fn clone(&self) -> Self {
        Self { inside: Arc::clone(&self.inside), _held: Arc::clone(&self._held) }
    }
}

impl<T> Deref for Lent<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.inside
    }
}
