//! `endcap hq serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::app;
use crate::cli::arguments::Inherited;
use crate::cli::beside::ended;
use crate::cli::output;
use crate::hq::enrolment::Authority;
use crate::hq::server::ServerConfig;
use crate::hq::{Hq, HqConfig, HqError};
use crate::http::{self, TlsFiles};
use crate::protocol::Label;
use crate::sync::mqtt::{Broker, Credentials, Embedded, Version};

const EXAMPLES: &str = "\
Examples:
  endcap hq serve --at ./hq --broker embedded
  endcap hq serve --at ./hq --listen 0.0.0.0:8443 --host hq.example \\
    --broker mqtts://hq.example:8883 --credentials ./broker/hq

The first line on standard output is the address. `endcap hq init` makes the folder.";

/// A broker within this process.
const EMBEDDED: &str = "embedded";
/// A large bundle that comes over a slow line.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Each takes some ten KiB and one file of the system.
const MAX_CONNECTIONS: usize = 4096;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Arguments of `hq serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Serve {
    /// HQ's folder: database, keys, artefacts
    #[arg(long, value_name = "DIR", env = "ENDCAP_HQ_DIR")]
    at: PathBuf,
    /// Where to listen; port 0 picks a free one and prints it
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Speak TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// And this key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Speak TLS as this name or address, vouched for by HQ's own authority, whom nodes believe; may be
    /// given more than once
    #[arg(long = "host", value_name = "NAME", conflicts_with = "tls_certificate")]
    hosts: Vec<String>,
    /// Connections at once; one more is answered 503. Stores connect while they fetch, all of them when
    /// facts change
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS)]
    max_connections: usize,
    /// Listen beyond this machine without TLS; tokens then cross the network in clear
    #[arg(long)]
    allow_plain_http: bool,
    /// Let boxes in by their token alone, though HQ speaks TLS: where something before it ends TLS, so
    /// that HQ does not see their certificates
    #[arg(long)]
    token_alone: bool,
    /// `embedded` (on the next two ports), mqtt://HOST:PORT or mqtts://HOST:PORT; without, no node
    /// is heard
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Where nodes find the broker, if elsewhere than HQ
    #[arg(long, value_name = "URL")]
    node_broker: Option<String>,
    /// The folder of HQ's own credentials at the broker, as `broker-files` writes it
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
    /// Speak MQTT 3.1.1 to the broker
    #[arg(long)]
    mqtt3: bool,
    /// Days that a box's certificate holds; it is renewed after two thirds of them
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    certificate_days: u32,
    /// The tenant that is there from the start
    #[arg(long, value_name = "NAME", default_value = "main")]
    tenant: String,
    /// End when standard input ends, so that who started this cannot leave it behind
    #[arg(long)]
    until_eof: bool,
    #[command(flatten)]
    inherited: Inherited,
}

impl Serve {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(Hq::is_in(&self.at), HqError::NotThere(self.at));
        open_more_files();
        let broker = self.broker().await?;
        let mut hq = HqConfig::new(&self.at);
        hq.certificate_life = Duration::from_secs(u64::from(self.certificate_days) * 24 * 3600);
        hq.node_broker = match (&self.node_broker, &broker) {
            (Some(url), _) => Some(url.clone()),
            (None, broker) => broker.as_ref().map(|broker| broker.address.to_string()),
        };
        let tenant: Label = self.tenant.parse().context("--tenant")?;
        let (http, token_alone) = (self.http()?, self.token_alone);
        let config = ServerConfig { hq, http, tenant, token_alone, broker };
        let log = crate::config::load(&self.inherited.0.sources())?.log;
        // The embedded broker tells every subscription.
        let filter = format!("{},rumqttd=warn", log.filter);
        let over = ended(self.until_eof);
        app::run_hq(config, (log.format, &filter), over, |started| {
            if started.users == 0 {
                output::note("there is no user yet; `endcap hq user add NAME --role admin --at DIR` makes one");
            }
            let _ = output::line(&format!("serving HQ on {}", started.url));
        })
        .await?;
        Ok(())
    }

    fn http(&self) -> anyhow::Result<http::Config> {
        let given = self.tls_certificate.clone().zip(self.tls_key.clone());
        let tls = match given {
            None if !self.hosts.is_empty() => {
                Some(Authority::open(&self.at)?.open_door(&self.hosts)?)
            }
            given => given,
        };
        let tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
        if tls.is_none() && !self.listen.ip().is_loopback() && !self.allow_plain_http {
            bail!(
                "--listen {} without TLS: tokens would cross the network in clear; give --host, \
                 or --tls-certificate and --tls-key, or --allow-plain-http",
                self.listen
            );
        }
        Ok(http::Config {
            listen: self.listen,
            tls,
            max_connections: self.max_connections,
            request_timeout: LONGEST,
            ..http::Config::default()
        })
    }

    async fn broker(&self) -> anyhow::Result<Option<Broker>> {
        let version = if self.mqtt3 { Version::ThreeOne } else { Version::Five };
        let address = match self.broker.as_deref() {
            None => return Ok(None),
            Some(EMBEDDED) => {
                // Nodes are told once where the broker is, so it must be there after a restart, too.
                let beside = |more| match self.listen.port() {
                    0 => 0,
                    port => port.saturating_add(more),
                };
                Embedded::start(beside(1), beside(2)).await?.address(version)
            }
            Some(url) => url.parse().context("--broker")?,
        };
        let credentials = match &self.credentials {
            Some(folder) => Some(Credentials::in_folder(folder)),
            None if address.tls => {
                bail!("--broker {address}: TLS needs --credentials, as `broker-files` writes them")
            }
            None => None,
        };
        let (keep_alive, login) = (KEEP_ALIVE, None);
        Ok(Some(Broker { address, version, credentials, login, keep_alive }))
    }
}

/// Lets this process have as many connections and files open as it may: systems give fewer unless they are
/// asked. Where they give none, connections are accepted as others end.
fn open_more_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "no more files can be open than usual");
    }
}
