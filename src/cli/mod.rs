//! The command line: what a person types, and what they read.
//!
//! [`main`] parses arguments, hands each command to its file and turns the outcome into an exit
//! code. Commands write their result to standard output and everything else (progress, notes,
//! errors) to standard error, so that a result can be piped.
//!
//! **Invariants**
//! - Exit codes: 0 done, 1 failed, 2 wrong usage; a second Ctrl-C ends the process with 130.
//! - A reader that closes the pipe ends the command quietly.
//! - No secret is printed, except a new token once, where it is made.
//!
//! **Not here**: what the server is made of (`app`), what settings mean (`config`).

mod arguments;
mod configuration;
mod output;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Cli, Command};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are no faults: clap writes them to standard output.
            let code = if usage.use_stderr() { 2 } else { 0 };
            return usage.print().map_or(ExitCode::FAILURE, |()| ExitCode::from(code));
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) if output::is_closed_pipe(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            output::note(&format!("error: {fault:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Config { command } => configuration::run(&cli.common, command),
    }
}
