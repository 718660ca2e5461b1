//! `endcap devices`: the kiosks, handhelds and mirrors of a running server.

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::arguments::Common;
use super::output;
use super::place::Place;
use crate::http::Role;

const EXAMPLES: &str = "\
Examples:
  endcap devices code --class kiosk --zone entrance
  endcap devices code --class handheld --role associate
  endcap devices list
  endcap devices revoke tok_AbCd1234";

/// What to do with devices.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum DevicesCommand {
    /// Make a code; the device that shows it within ten minutes is one of the shop's
    Code {
        /// What it is, as kiosk, mirror or handheld
        #[arg(long)]
        class: String,
        /// Where it stands, as entrance
        #[arg(long)]
        zone: Option<String>,
        /// What it may do: client, associate, or device for a label that only asks what it should run
        #[arg(long, default_value = "client")]
        role: Role,
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List the devices
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Take a device's token away
    Revoke {
        /// Its id, as `list` shows it
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

impl DevicesCommand {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let sources = common.sources();
        match self {
            Self::Code { class, zone, role, json, place } => {
                let body = json!({ "class": class, "zone": zone, "role": role });
                let path = "/store/v1/devices/codes";
                let made = place.ask(&sources, Method::POST, path, Some(body)).await?;
                if json {
                    return output::json(&made);
                }
                output::note(&format!(
                    "to be typed on the device before {}:",
                    text(&made, "expires")
                ));
                Ok(output::line(text(&made, "code"))?)
            }
            Self::List { json, place } => {
                let answer = place.ask(&sources, Method::GET, "/store/v1/devices", None).await?;
                let devices = answer.get("devices").context("no devices in the answer")?;
                if json {
                    return output::json(devices);
                }
                for device in devices.as_array().into_iter().flatten() {
                    let of = |field| text(device, field);
                    let (id, role, class, zone) = (of("id"), of("role"), of("class"), of("zone"));
                    output::line(&format!(
                        "{id}  {role:9}  {class:10}  {zone:10}  {}",
                        of("name")
                    ))?;
                }
                Ok(())
            }
            Self::Revoke { id, place } => {
                let path = format!("/store/v1/devices/{id}");
                place.ask(&sources, Method::DELETE, &path, None).await?;
                output::note(&format!("{id} is revoked"));
                Ok(())
            }
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
