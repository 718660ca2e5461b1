//! A bad line: a proxy that can be cut, go silent, be slow, change bytes, or end within a packet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Weather {
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

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) port: u16,
    weather: Arc<AtomicU8>,
    cut: watch::Sender<u32>,
}

impl Proxy {
    pub(super) async fn before(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Arc::new(AtomicU8::new(Weather::Fair as u8));
        let (cut, _) = watch::channel(0);
        let (shared, cuts) = (weather.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(broker).await else { continue };
                tokio::spawn(carry(near, far, shared.clone(), cuts.subscribe()));
            }
        });
        Self { port, weather, cut }
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.store(weather as u8, Ordering::SeqCst);
    }

    /// Every connection there is ends now.
    pub(super) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(
    near: TcpStream,
    far: TcpStream,
    weather: Arc<AtomicU8>,
    mut cut: watch::Receiver<u32>,
) {
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        _ = cut.changed() => {}
        () = pour(near_in, far_out, weather.clone()) => {}
        () = pour(far_in, near_out, weather.clone()) => {}
    }
}

async fn pour(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    weather: Arc<AtomicU8>,
) {
    let mut piece = [0; 1024];
    let mut chance = ChaCha8Rng::seed_from_u64(11);
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let now = weather.load(Ordering::SeqCst);
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
