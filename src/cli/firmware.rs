//! `endcap firmware-config`: what small devices are told, made, looked at and tried.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use firmware_config::limits::MAX_BLOCK_BYTES;
use firmware_config::{Block, Class, Identity, Provision};
use reqwest::Method;

use super::arguments::Common;
use super::output;
use super::place::Place;
use crate::firmware::{self, DeviceName, Profiles, Rendered, hex, of_hex};

mod fleet;
mod inspect;
mod simulate;

use simulate::Simulate;

const EXAMPLES: &str = "\
Examples:
  endcap firmware-config render profiles.toml --store acme/0042
  endcap firmware-config sign profiles.toml --store acme/0042 --key firmware.key --version 7 --out blocks
  endcap firmware-config inspect blocks/label-17.block --key PUBLIC
  endcap firmware-config provision label-17 --class shelf_label --out label-17.identity
  endcap firmware-config status
  endcap firmware-config simulate --devices 300";

/// What to do with the configuration of small devices.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum FirmwareCommand {
    /// Show what each device of a store is told by these profiles; tells every fault at once
    Render {
        /// Profiles, the lowest first: the chain's, then the store's own
        #[arg(required = true)]
        profiles: Vec<PathBuf>,
        #[command(flatten)]
        of: Of,
    },
    /// Make the signed block of each device, as a file
    Sign {
        /// Profiles, the lowest first: the chain's, then the store's own
        #[arg(required = true)]
        profiles: Vec<PathBuf>,
        #[command(flatten)]
        of: Of,
        /// The file of the key; made where there is none
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Above what the devices have seen
        #[arg(long, value_name = "NUMBER")]
        version: u32,
        /// The folder for DEVICE.block
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show what a block says, and whether it may be believed
    Inspect {
        /// The block
        file: PathBuf,
        /// The public key that should have signed it, in hexadecimal
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Write what a device has to know before it is hung up: who it is and whose blocks it believes
    Provision {
        /// Its name in the profiles
        device: String,
        /// What it is
        #[arg(long)]
        class: String,
        /// The file for it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Show how the devices of a running server stand to what they should run
    Status {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Be so many devices of a running server: change what all are told, and measure
    Simulate(Simulate),
}

/// Of what devices.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The store, as devices are bound to it
    #[arg(long)]
    store: String,
    /// Only this device
    #[arg(long)]
    device: Option<String>,
}

impl FirmwareCommand {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        match self {
            Self::Render { profiles, of } => render(&profiles, &of),
            Self::Sign { profiles, of, key, version, out } => {
                sign(&profiles, &of, &key, version, &out)
            }
            Self::Inspect { file, key } => inspect::inspect(&file, key.as_deref()),
            Self::Provision { device, class, out, place } => {
                provision(common, &place, &device, &class, &out).await
            }
            Self::Status { json, place } => fleet::status(common, &place, json).await,
            Self::Simulate(simulate) => simulate.run(common).await,
        }
    }
}

/// What devices are told by documents that lie over each other.
fn rendered(paths: &[PathBuf], of: &Of) -> anyhow::Result<Vec<Rendered>> {
    let mut profiles = Profiles::default();
    for path in paths {
        let shown = || format!("reading {}", path.display());
        let text = std::fs::read_to_string(path).with_context(shown)?;
        profiles = profiles.under(Profiles::parse(&text).with_context(shown)?);
    }
    let mut rendered = profiles.render(&of.store)?;
    if let Some(name) = &of.device {
        rendered.retain(|one| one.name.as_str() == name);
        anyhow::ensure!(!rendered.is_empty(), "no profile names a device `{name}`");
    }
    Ok(rendered)
}

fn render(paths: &[PathBuf], of: &Of) -> anyhow::Result<()> {
    for Rendered { name, settings, .. } in rendered(paths, of)? {
        output::line(&format!("# {name}"))?;
        output::line(&toml::to_string(&settings).context("showing settings")?)?;
    }
    Ok(())
}

fn sign(paths: &[PathBuf], of: &Of, key: &Path, version: u32, out: &Path) -> anyhow::Result<()> {
    let rendered = rendered(paths, of)?;
    let key = firmware::read_or_make_key(key)?;
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    for Rendered { name, class, settings, .. } in rendered {
        let identity = Identity::of(&of.store, name.as_str(), class);
        let block = firmware_config::seal::seal(&settings, &identity, version, &key)
            .with_context(|| format!("the block of {name}"))?;
        let path = out.join(format!("{name}.block"));
        std::fs::write(&path, &block).with_context(|| format!("writing {}", path.display()))?;
        output::line(&format!("{}  {} of {MAX_BLOCK_BYTES} bytes", path.display(), block.len()))?;
    }
    output::note(&format!("public key {}", hex(&key.verifying_key().to_bytes())));
    Ok(())
}

async fn provision(
    common: &Common,
    place: &Place,
    device: &str,
    class: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let name = DeviceName::parse(device).map_err(anyhow::Error::msg)?;
    let known = || Class::ALL.map(Class::name).join(", ");
    let class =
        Class::of_name(class).with_context(|| format!("`{class}` is none of {}", known()))?;
    let bound = place.ask(&common.sources(), Method::GET, "/store/v1/firmware", None).await?;
    let text = |field: &str| bound.get(field).and_then(serde_json::Value::as_str);
    let store = text("store").context("the server names no store")?;
    let key = text("public_key").and_then(of_hex).context("the server shows no key")?;
    let identity = Identity::of(store, name.as_str(), class);
    let provision = Provision { identity, public_keys: [key, [0; 32]] };
    std::fs::write(out, provision.to_bytes())
        .with_context(|| format!("writing {}", out.display()))?;
    output::note(&format!("{name}, a {} of {store}: {}", class.name(), out.display()));
    Ok(())
}

/// A block's file.
fn read_block(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// What a block's first bytes say, for people.
fn headline(block: &Block<'_>) -> String {
    let header = block.header();
    let class = Class::of_number(header.class).map_or("unknown class", Class::name);
    format!(
        "schema {}, {class}, version {}, store {}, device {}, body {} bytes",
        header.schema,
        header.version,
        hex(&header.store),
        hex(&header.device),
        header.body_bytes,
    )
}

#[cfg(test)]
mod tests;
