//! What systemd is told by a server that it started.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::support::{MODEL, Server, data};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a service manager hears.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, folder }
    }

    fn address(&self) -> String {
        self.folder.path().join("notify").to_string_lossy().into_owned()
    }

    fn hears(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes).expect("something is told in time");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn hears_until(&self, wanted: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard.iter().any(|told: &String| told.lines().any(|line| line == wanted)) {
            heard.push(self.hears());
        }
        heard
    }
}

#[test]
fn systemd_is_told_that_a_server_is_ready_goes_on_and_stops() {
    let manager = Manager::new();
    let every = [("NOTIFY_SOCKET", manager.address()), ("WATCHDOG_USEC", "300000".to_owned())];
    let every = every.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut server = Server::start_in(data(), &every);
    let heard = manager.hears_until("READY=1").concat();
    assert!(heard.contains("STATUS=taking facts and models into memory"), "{heard}");
    assert!(heard.contains(&format!("STATUS=serving {MODEL} on {}", server.url)), "{heard}");
    let began = Instant::now();
    for _ in 0..5 {
        manager.hears_until("WATCHDOG=1");
    }
    assert!(began.elapsed() < PATIENCE / 4, "beats come as often as the watchdog wants");
    server.interrupt();
    manager.hears_until("STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_service_manager_that_is_gone_stops_no_server() {
    let gone = ("NOTIFY_SOCKET", "/nowhere/notify");
    let mut server = Server::start_in(data(), &[gone, ("WATCHDOG_USEC", "1000")]);
    server.interrupt();
    assert!(server.wait().success());
}
