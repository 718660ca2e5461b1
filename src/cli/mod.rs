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
mod audit;
mod bench;
#[cfg(feature = "hq")]
mod beside;
mod cache;
mod configuration;
mod context;
#[cfg(feature = "hq")]
mod demo;
mod devices;
mod doctor;
mod enroll;
mod erase;
mod facts;
mod feedback;
mod firmware;
mod hq;
mod live;
mod models;
mod output;
mod pinned;
mod place;
mod progress;
mod run;
mod serve;
mod session;
mod settings;
mod status;
mod token;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clap::error::ErrorKind;

use arguments::{Cli, Command, LACKS};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::engine::keep_few_arenas();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are no faults: clap writes them to standard output.
            let code = if usage.use_stderr() { 2 } else { 0 };
            let printed = usage.print();
            if !cfg!(feature = "hq") && usage.kind() == ErrorKind::InvalidSubcommand {
                output::note(LACKS);
            }
            return printed.map_or(ExitCode::FAILURE, |()| ExitCode::from(code));
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(fault) if output::is_closed_pipe(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            output::note(&format!("error: {fault:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let common = cli.common;
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        #[cfg(feature = "hq")]
        Command::Demo(demo) => demo::run(&common, &demo).map(done),
        Command::Serve(serve) => serve::run(&common, &serve).map(done),
        Command::Models(models) => on_runtime(models.run(&common)),
        Command::Facts { command } => on_runtime(command.run(&common)),
        Command::Cache { command } => on_runtime(command.run(&common)).map(done),
        Command::Audit { command } => on_runtime(command.run(&common)).map(done),
        Command::Erase(erase) => on_runtime(erase.run(&common)).map(done),
        Command::Hq { command } => on_runtime(command.run()).map(done),
        Command::Enroll(enroll) => on_runtime(enroll.run(&common)).map(done),
        Command::Status(status) => on_runtime(status.run(&common)).map(done),
        Command::Run(run) => run::run(&common, &run).map(done),
        Command::Bench(bench) => bench::run(&common, &bench).map(done),
        Command::Doctor(doctor) => doctor::run(&common, &doctor).map(done),
        Command::Config { command } => on_runtime(configuration::run(&common, command)).map(done),
        Command::Feedback { command } => on_runtime(command.run(&common)).map(done),
        Command::Devices { command } => on_runtime(command.run(&common)).map(done),
        Command::FirmwareConfig { command } => on_runtime(command.run(&common)).map(done),
        Command::Token { command } => token::run(&common, command).map(done),
    }
}

/// Runs a future on threads of its own. What still blocks when it ends is left behind.
fn on_runtime<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_background();
    outcome
}
