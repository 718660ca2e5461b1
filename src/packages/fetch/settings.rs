//! How sources are reached, and how long they may take.

use std::time::Duration;

/// How sources are reached.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Address of the model hub; `None` takes the hub library's own.
    pub hub_endpoint: Option<String>,
    /// Token for the hub.
    pub hub_token: Option<String>,
    /// Commands that are pip, tried in order; each is program and leading arguments.
    pub pip: Vec<Vec<String>>,
    /// Commands that are npm, in the same way.
    pub npm: Vec<Vec<String>>,
    /// How long each may take.
    pub limits: Limits,
}

/// How long a source may keep us waiting.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the head of an answer is there, redirects included.
    pub first_response: Duration,
    /// Window in which at least [`Self::stall_bytes`] must come.
    pub stall: Duration,
    /// Bytes below which a window counts as standing still.
    pub stall_bytes: u64,
    /// Pause before the first retry; doubled for each that follows without a byte gained.
    pub backoff: Duration,
    /// Until pip or npm has asked its registry.
    pub registry: Duration,
    /// Time in which pip or npm may download nothing.
    pub registry_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_response: Duration::from_secs(7),
            stall: Duration::from_secs(20),
            stall_bytes: 16 << 10,
            backoff: Duration::from_millis(500),
            registry: Duration::from_secs(9),
            registry_stall: Duration::from_secs(120),
        }
    }
}

impl Sources {
    /// Endpoint and token as Hugging Face's own tools take them from the environment; the user's
    /// `python3` or `pip`, and `npm`.
    #[expect(
        clippy::disallowed_methods,
        reason = "HF_ENDPOINT and HF_TOKEN belong to the hub's tools; our configuration has neither"
    )]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Self {
            hub_endpoint: variable("HF_ENDPOINT").map(|e| e.trim_end_matches('/').to_owned()),
            hub_token: variable("HF_TOKEN").or_else(|| hf_hub::Cache::from_env().token()),
            pip: vec![words(&["python3", "-m", "pip"]), words(&["pip3"]), words(&["pip"])],
            npm: vec![words(&["npm"])],
            limits: Limits::default(),
        }
    }
}
