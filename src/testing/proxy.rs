//! A bad line: a proxy that can be cut, go silent, be slow, change bytes, or end within a packet; and that
//! counts what passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Weather {
    /// All passes.
    Fair,
    /// Both sides stay connected, and nothing passes.
    Silent,
    /// Half of the next piece passes, and the connection ends.
    Torn,
    /// Each piece waits a while.
    Slow,
    /// Now and then a bit is another.
    Changing,
}

const SLOW: Duration = Duration::from_millis(60);

/// What passed, in both directions, as TCP carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// From the side that connected.
    pub up_bytes: u64,
    /// To it.
    pub down_bytes: u64,
    /// Pieces of both, as they were read: about one for each segment on an idle line.
    pub pieces: u64,
    /// Connections that were made.
    pub connections: u64,
}

#[derive(Debug, Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    pieces: AtomicU64,
    connections: AtomicU64,
}

/// A proxy on loopback, before one address.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
    cut: watch::Sender<u32>,
}

#[derive(Debug)]
struct Shared {
    weather: AtomicU8,
    counters: Counters,
}

impl Proxy {
    /// A proxy before this address; its weather is fair.
    pub async fn before(far: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = AtomicU8::new(Weather::Fair as u8);
        let shared = Arc::new(Shared { weather, counters: Counters::default() });
        let (cut, _) = watch::channel(0);
        let (carries, cuts) = (Arc::clone(&shared), cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(far).await else { continue };
                carries.counters.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(near, far, Arc::clone(&carries), cuts.subscribe()));
            }
        });
        Self { port, shared, cut }
    }

    /// From now on.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.store(weather as u8, Ordering::SeqCst);
    }

    /// Every connection there is ends now.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// What passed so far.
    pub fn passed(&self) -> Passed {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Passed {
            up_bytes: read(&counters.up),
            down_bytes: read(&counters.down),
            pieces: read(&counters.pieces),
            connections: read(&counters.connections),
        }
    }
}

impl Passed {
    /// What has passed since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            up_bytes: self.up_bytes - earlier.up_bytes,
            down_bytes: self.down_bytes - earlier.down_bytes,
            pieces: self.pieces - earlier.pieces,
            connections: self.connections - earlier.connections,
        }
    }
}

async fn carry(
    near: TcpStream,
    far: TcpStream,
    shared: Arc<Shared>,
    mut cut: watch::Receiver<u32>,
) {
    // What is written at once is one piece on the other side, too.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let counters = &shared.counters;
    tokio::select! {
        _ = cut.changed() => {}
        () = pour(near_in, far_out, &shared, &counters.up) => {}
        () = pour(far_in, near_out, &shared, &counters.down) => {}
    }
}

async fn pour(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    shared: &Shared,
    counter: &AtomicU64,
) {
    let mut piece = [0; 1448];
    let mut chance = ChaCha8Rng::seed_from_u64(11);
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        counter.fetch_add(length as u64, Ordering::Relaxed);
        shared.counters.pieces.fetch_add(1, Ordering::Relaxed);
        let now = shared.weather.load(Ordering::SeqCst);
        if now == Weather::Silent as u8 {
            continue;
        }
        if now == Weather::Slow as u8 {
            tokio::time::sleep(SLOW).await;
        }
        if now == Weather::Changing as u8 && chance.random_range(0..4) == 0 {
            piece[chance.random_range(0..length)] ^= 1 << chance.random_range(0..8);
        }
        let passes = if now == Weather::Torn as u8 { length / 2 } else { length };
        if to.write_all(&piece[..passes]).await.is_err() || passes < length {
            return;
        }
    }
}
