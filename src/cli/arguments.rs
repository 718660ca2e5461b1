//! Every command and option, with the help that people read.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};

use super::audit::AuditCommand;
use super::bench::Bench;
use super::cache::CacheCommand;
#[cfg(feature = "hq")]
use super::demo::Demo;
use super::devices::DevicesCommand;
use super::doctor::Doctor;
use super::enroll::Enroll;
use super::erase::Erase;
use super::facts::FactsCommand;
use super::feedback::FeedbackCommand;
use super::firmware::FirmwareCommand;
use super::hq::HqCommand;
use super::live::{Live, Set, Unset};
use super::models::ModelsCommand;
use super::run::Run;
use super::serve::Serve;
use super::status::Status;
use super::token::TokenCommand;
use crate::config;

/// What a program without headquarters says of what it lacks.
pub(super) const LACKS: &str = "This program is a box's: the demo, and `hq init`, `serve`, `user`, `backup` and \
`broker-files`, are in that of the package endcap-hq.";

/// How help begins where the demo is there.
const DEMO: &str = "
  endcap demo                              a sample shop and its headquarters on this machine";

const AFTER: &str = "
  endcap run smollm2-135m-instruct \"Hi\"    one answer on the terminal
  endcap models pull smollm2-135m-instruct
  endcap serve --listen 127.0.0.1:8080

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage, 130 interrupted.";

/// Inference server for the edge box in a shop's back room.
#[derive(Debug, Parser)]
#[command(name = "endcap", version, after_help = after(), max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

fn after() -> String {
    if cfg!(feature = "hq") {
        format!("Examples:{DEMO}{AFTER}")
    } else {
        format!("Examples:{AFTER}\n\n{LACKS}")
    }
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Common {
    /// Read this configuration instead of ~/.config/endcap/config.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Keep packages and tokens here instead of in ~/.local/share/endcap
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

impl Common {
    /// The settings' sources with these options on top.
    pub(super) fn sources(&self) -> config::Sources {
        let mut sources = config::Sources::of_process();
        if let Some(file) = &self.config {
            sources = sources.with_file(file);
        }
        if let Some(data) = &self.data {
            sources = sources.with_flag("data_dir", data.to_string_lossy());
        }
        sources
    }
}

/// The options of every command, for arguments that need them and are read with a command's own.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited(pub(super) Common);

impl FromArgMatches for Inherited {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // The parser hands them down to every command.
        let path = |id| matches.try_get_one::<PathBuf>(id).ok().flatten().cloned();
        Ok(Self(Common { config: path("config"), data: path("data") }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Inherited {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a sample shop and its headquarters until Ctrl-C, with the default model
    #[cfg(feature = "hq")]
    Demo(Demo),
    /// Serve the installed models until Ctrl-C
    Serve(Serve),
    /// Pull, list, show, check, import and remove model packages
    Models(ModelsCommand),
    /// Load, search and export what a running server knows of the shop
    Facts {
        #[command(subcommand)]
        command: FactsCommand,
    },
    /// Look into a running server's cache of answers, or make it forget
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Look at the records of generated answers, or make one again
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Erase everything that a running server keeps of a conversation or profile
    Erase(Erase),
    #[cfg_attr(
        feature = "hq",
        doc = "Serve headquarters, or ask a running one: stores, facts, documents, commands"
    )]
    #[cfg_attr(
        not(feature = "hq"),
        doc = "Ask a running headquarters: stores, facts, documents, commands"
    )]
    Hq {
        #[command(subcommand)]
        command: Box<HqCommand>,
    },
    /// Make this box a node of headquarters
    Enroll(Enroll),
    /// Show how a running server's line to HQ does
    Status(Status),
    /// Ask a model in this process; the answer goes to standard output
    Run(Run),
    /// Measure time to first token and speed of a model on this box
    Bench(Bench),
    /// Look at processor, memory, disk, packages and port
    Doctor(Doctor),
    /// Make, list and revoke the server's bearer tokens
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// List and export what associates put right
    Feedback {
        #[command(subcommand)]
        command: FeedbackCommand,
    },
    /// Pair, list and revoke the kiosks and handhelds of a running server
    Devices {
        #[command(subcommand)]
        command: DevicesCommand,
    },
    /// Render, sign, look at and try what labels, scanners and sensors are told
    FirmwareConfig {
        #[command(subcommand)]
        command: FirmwareCommand,
    },
    /// Check the configuration, show what is in force, lay settings over a running server's
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check a configuration; tells every fault at once
    #[command(after_help = "Examples:\n  endcap config check\n  endcap config check shop.toml")]
    Check {
        /// The file to check; without it, the one that `serve` would read
        file: Option<PathBuf>,
    },
    /// Show every setting of the configuration and who set it
    Show {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show which settings of a running server change while it runs, and who set them
    Live(Live),
    /// Lay settings over those of HQ for a while
    Set(Set),
    /// Take away what was laid over them
    Unset(Unset),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_every_command_reach_what_inherits_them() {
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            common: Common,
            #[command(subcommand)]
            first: First,
        }
        #[derive(Debug, Subcommand)]
        enum First {
            Of {
                #[command(subcommand)]
                second: Second,
            },
        }
        #[derive(Debug, Subcommand)]
        enum Second {
            Them {
                #[command(flatten)]
                inherited: Inherited,
            },
        }
        for arguments in [["x", "--data", "/d", "of", "them"], ["x", "of", "them", "--data", "/d"]]
        {
            let line = Line::try_parse_from(arguments).unwrap();
            let First::Of { second: Second::Them { inherited } } = line.first;
            assert_eq!(inherited.0.data, Some(PathBuf::from("/d")), "{arguments:?}");
            assert_eq!((line.common.data, inherited.0.config), (Some("/d".into()), None));
        }
    }
}
