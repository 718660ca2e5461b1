//! `endcap serve`: the installed models, until Ctrl-C.

use std::net::SocketAddr;

use clap::Args;

use super::arguments::Common;
use super::{on_runtime, output, token};
use crate::app;
use crate::config::{self, Sources};
use crate::engine::Backend;

const EXAMPLES: &str = "\
Examples:
  endcap serve
  endcap serve --listen 127.0.0.1:0 --model smollm2-135m-instruct
  endcap serve --config /etc/endcap/config.toml

Clients need a token: `endcap token create --label \"kiosk 4\"`. The first line on standard output is
the address. The first Ctrl-C (or SIGTERM) lets running answers finish; a second one does not.";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    #[command(flatten)]
    door: Door,
    /// Serve this installed package; may be given more than once [default: all of them]
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// What runs language models and encoders: auto, cpu or gpu [default: as configured]
    #[arg(long, value_name = "WHAT")]
    backend: Option<Backend>,
}

/// Where a server listens.
#[derive(Debug, Args)]
pub(super) struct Door {
    /// Where to listen; port 0 picks a free one and prints it [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Listen beyond this machine without TLS; tokens then cross the network in clear
    #[arg(long)]
    allow_plain_http: bool,
}

impl Door {
    /// These options on top of the settings' sources.
    pub(super) fn over(&self, mut sources: Sources) -> Sources {
        if let Some(listen) = self.listen {
            sources = sources.with_flag("server.listen", listen.to_string());
        }
        if self.allow_plain_http {
            sources = sources.with_flag("server.allow_plain_http", "true");
        }
        sources
    }
}

pub(super) fn run(common: &Common, serve: &Serve) -> anyhow::Result<()> {
    let mut sources = serve.door.over(common.sources());
    if let Some(backend) = serve.backend {
        sources = sources.with_flag("engine.backend", backend.name());
    }
    if !serve.models.is_empty() {
        sources = sources.with_flag("models.serve", serve.models.join(","));
    }
    let config = config::load(&sources)?;
    let tokens = token::open(&config)?;
    if tokens.list().is_empty() {
        output::note("there is no token yet; `endcap token create` makes one");
    }
    on_runtime(async {
        app::run(config, tokens, |started| {
            // Whoever read the address may have closed the pipe; the server goes on.
            let _ = output::line(&started.to_string());
        })
        .await
        .map_err(anyhow::Error::from)
    })
}
