//! `endcap config`: checks and shows the settings; those of a running server are in [`live`](super::live).

use super::arguments::{Common, ConfigCommand};
use super::output;
use crate::config::{self, Setting};

pub(super) async fn run(common: &Common, command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check { file } => {
            let sources = common.sources();
            let sources = match &file {
                Some(file) => sources.with_file(file),
                None => sources,
            };
            config::load(&sources)?;
            let checked = match config::file(&sources) {
                Some(file) => format!("{} is sound", file.display()),
                None => "there is no configuration file; the defaults are sound".to_owned(),
            };
            Ok(output::line(&checked)?)
        }
        ConfigCommand::Show { json } => {
            let settings = config::load(&common.sources())?.settings;
            if json {
                let list: Vec<_> = settings.iter().map(as_json).collect();
                return output::json(&list);
            }
            let wide = settings.iter().map(|setting| setting.path.len()).max().unwrap_or(0);
            for Setting { path, value, origin } in &settings {
                output::line(&format!("{path:wide$}  {value}  ({origin})"))?;
            }
            Ok(())
        }
        ConfigCommand::Live(live) => live.run(common).await,
        ConfigCommand::Set(set) => set.run(common).await,
        ConfigCommand::Unset(unset) => unset.run(common).await,
    }
}

fn as_json(setting: &Setting) -> serde_json::Value {
    serde_json::json!({
        "setting": setting.path,
        "value": setting.value,
        "origin": setting.origin.to_string(),
    })
}
