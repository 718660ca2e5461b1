//! A disk whose power can be cut, for tests of stores.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use rand::{RngExt, SeedableRng};
use redb::StorageBackend;

/// A disk with what was written and what has surely arrived. A clone is the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Written since the last sync: each may have arrived, or not, in any order.
    pending: Vec<Act>,
    acts: usize,
    /// The act at which the power fails.
    cut_at: Option<usize>,
}

#[derive(Debug, Clone)]
enum Act {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Act {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => image.resize(*len, 0),
            Self::Write(at, bytes) => {
                image.resize(image.len().max(at + bytes.len()), 0);
                image[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    /// Only the beginning of it.
    fn torn(&self) -> Self {
        match self {
            Self::Write(at, bytes) => Self::Write(*at, bytes[..bytes.len() / 2].to_vec()),
            Self::Resize(len) => Self::Resize(*len),
        }
    }
}

impl Disk {
    /// A disk that holds this.
    pub fn of(image: Vec<u8>) -> Self {
        let state = State { durable: image.clone(), live: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power fails at this write or sync, counted from 0, and stays away.
    pub fn cut_at(&self, act: usize) {
        self.0.lock().unwrap().cut_at = Some(act);
    }

    /// Writes and syncs so far.
    pub fn acts(&self) -> usize {
        self.0.lock().unwrap().acts
    }

    /// What may be found when the power is back: what was synced, everything that was written,
    /// everything with its last write torn, and some of the writes, as the seed has it.
    pub fn images(&self, seed: u64) -> Vec<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let image = |acts: &mut dyn Iterator<Item = Act>| {
            let mut image = state.durable.clone();
            acts.for_each(|act| act.apply(&mut image));
            image
        };
        let mut torn = state.pending.clone();
        if let Some(last) = torn.last_mut() {
            *last = last.torn();
        }
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut some = state.pending.iter().filter(|_| random.random_range(0..2) == 0).cloned();
        vec![
            state.durable.clone(),
            state.live.clone(),
            image(&mut torn.into_iter()),
            image(&mut some),
        ]
    }

    /// Counts an act; an error once the power is away.
    fn act(&self) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let mut state = self.0.lock().unwrap();
        if state.cut_at.is_some_and(|cut| state.acts >= cut) {
            return Err(Error::new(ErrorKind::BrokenPipe, "the power is away"));
        }
        state.acts += 1;
        Ok(state)
    }

    fn change(&self, act: Act) -> Result<(), Error> {
        let mut state = self.act()?;
        act.apply(&mut state.live);
        state.pending.push(act);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock().unwrap();
        let at = offset as usize;
        let found = state.live.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.change(Act::Resize(len as usize))
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.act()?;
        state.durable = state.live.clone();
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.change(Act::Write(offset as usize, data.to_vec()))
    }
}
