//! `endcap run`: asks a model in this process and streams the answer.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::arguments::Common;
use super::output;
use super::session::{self, Session};
use crate::config;
use crate::engine::Sampling;
use crate::skills::chat::{Message, Role};

const EXAMPLES: &str = "\
Examples:
  endcap run smollm2-135m-instruct \"Name three fruits.\"
  endcap run smollm2-135m-instruct --temperature 0 --max-tokens 50 \"Name three fruits.\"
  endcap run smollm2-135m-instruct                 a chat, until Ctrl-D
  cat questions.txt | endcap run ./my-package      one chat, one line a turn

The answer, and nothing but it, goes to standard output.";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// Name of an installed package, or the path of a package folder
    model: String,
    /// What to ask; without it a chat on the terminal, or one turn for each line of standard input
    prompt: Option<String>,
    /// Instructions that stand above the conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// 0 always takes the most probable token [default: as the package says]
    #[arg(long, value_name = "0..2", value_parser = temperature)]
    temperature: Option<f32>,
    /// Choose among the most probable tokens that make up this share [default: as the package says]
    #[arg(long, value_name = "0..1", value_parser = share)]
    top_p: Option<f32>,
    /// Tokens of an answer at most [default: what the context has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// Same seed, same answer [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn temperature(text: &str) -> Result<f32, String> {
    number(text, |value| (0.0..=2.0).contains(&value), "a number from 0 to 2")
}

fn share(text: &str) -> Result<f32, String> {
    number(text, |value| value > 0.0 && value <= 1.0, "a number above 0 and up to 1")
}

fn number(text: &str, allowed: impl Fn(f32) -> bool, wanted: &str) -> Result<f32, String> {
    text.parse().ok().filter(|value| allowed(*value)).ok_or_else(|| format!("not {wanted}"))
}

pub(super) fn run(common: &Common, run: &Run) -> anyhow::Result<()> {
    let config = config::load(&common.sources())?;
    let session = Session::load(&config, &session::open(&config, &run.model)?)?;
    let mut messages: Vec<Message> =
        run.system.iter().map(|text| says(Role::System, text)).collect();
    if let Some(prompt) = &run.prompt {
        messages.push(says(Role::User, prompt));
        return run.turn(&session, &messages).map(|_| ());
    }
    let terminal = std::io::stdin().is_terminal();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if terminal {
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(b"> ").and_then(|()| stderr.flush());
        }
        let Some(line) = lines.next() else { return Ok(()) };
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        messages.push(says(Role::User, line.trim()));
        let answer = run.turn(&session, &messages)?;
        messages.push(says(Role::Assistant, &answer));
    }
}

impl Run {
    fn turn(&self, session: &Session, messages: &[Message]) -> anyhow::Result<String> {
        let max_tokens = self.max_tokens.map(|tokens| tokens as usize);
        let sampling = self.sampling(session);
        let answer =
            session.answer(messages, sampling, max_tokens, |text| Ok(output::part(text)?))?;
        output::part("\n")?;
        Ok(answer)
    }

    fn sampling(&self, session: &Session) -> Sampling {
        let mut sampling = session.sampling();
        if let Some(temperature) = self.temperature {
            sampling.temperature = temperature;
        }
        if let Some(top_p) = self.top_p {
            sampling.top_p = top_p;
        }
        if let Some(seed) = self.seed {
            sampling.seed = seed;
        }
        sampling
    }
}

fn says(role: Role, content: &str) -> Message {
    Message { role, content: content.to_owned() }
}
