//! A Mosquitto of a test's own: a process in a folder, which ends with its value.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A Mosquitto that keeps what it knows in its folder.
#[derive(Debug)]
pub struct Mosquitto {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

/// An address that nobody listens on just now.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn program() -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&search).collect();
    places.push("/usr/sbin".into());
    let found = places.iter().map(|place| place.join("mosquitto")).find(|path| path.is_file());
    found.expect("mosquitto is not installed: apt-get install mosquitto")
}

fn started(folder: &Path) -> Child {
    let mut command = Command::new(program());
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Mosquitto {
    /// A broker for everybody, with what `more` says of its folder besides.
    pub async fn start(more: impl FnOnce(&Path) -> String) -> Self {
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let (path, port) = (folder.path(), address.port());
        std::fs::create_dir(path.join("kept")).unwrap();
        let more = more(path);
        let everybody = if more.is_empty() { "allow_anonymous true\n" } else { "" };
        let settings = format!(
            "user root\npersistence true\npersistence_location {}/kept/\nautosave_interval 1\n\
             listener {port} 127.0.0.1\n{everybody}{more}",
            path.display()
        );
        std::fs::write(path.join("mosquitto.conf"), settings).unwrap();
        Self::start_in(folder, address).await
    }

    /// One with the settings in a folder, which have it listen at this address.
    pub async fn start_in(folder: tempfile::TempDir, address: SocketAddr) -> Self {
        let this = Self { child: started(folder.path()), address, folder };
        this.listens().await;
        this
    }

    /// The process's number, as long as it runs.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its settings are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn listens(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Killed at once and started anew, perhaps without what it kept.
    pub async fn restart(&mut self, wipe: bool) {
        self.kill();
        if wipe {
            let kept = self.folder.path().join("kept");
            std::fs::remove_dir_all(&kept).unwrap();
            std::fs::create_dir(&kept).unwrap();
        }
        self.start_again().await;
    }

    /// Has it read its access rules anew.
    pub fn reload(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// Ended at once, as by a power cut.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Started anew with the same folder.
    pub async fn start_again(&mut self) {
        self.child = started(self.folder.path());
        self.listens().await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
