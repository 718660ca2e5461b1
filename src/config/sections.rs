//! Every setting: its name, default, range, and what it must agree with.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::{Given, Reader};
use super::{Connector, Setting, default_data_dir};
use super::{concierge, desk, discovery, facts, firmware, kinds, line, shared, shoppers};
use crate::api;
use crate::api::shelf::Share;
use crate::audit::AuditConfig;
use crate::cache::{self, Tiers};
use crate::desk::DeskConfig;
use crate::engine::{self, Activation, Backend, Graphics, KvType};
use crate::facts::FactsConfig;
use crate::firmware::FirmwareConfig;
use crate::http::{self, BodyLimits, TlsFiles};
use crate::protocol::documents::ConfigDoc;
use crate::shoppers::ShoppersConfig;
use crate::skills::clerk;
use crate::skills::concierge::House;
use crate::skills::language::Language;
use crate::sync::LineSettings;
use crate::telemetry::LogFormat;
use crate::units::Bytes;

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where packages, tokens and unfinished downloads are kept.
    pub data_dir: PathBuf,
    /// Doors and their limits.
    pub server: http::Config,
    /// What one request may ask for.
    pub limits: api::Limits,
    /// Limits of what the shop knows.
    pub facts: FactsConfig,
    /// Limits of each loaded model.
    pub engine: engine::Config,
    /// What is served.
    pub models: Models,
    /// Answers that are kept.
    pub cache: cache::Config,
    /// What the shop decides about its skills.
    pub skills: clerk::Settings,
    /// What the chain decides about its assistant.
    pub house: House,
    /// The retailer's order system, where there is one.
    pub connector: Option<Connector>,
    /// How much is kept of shoppers, and for how long.
    pub shoppers: ShoppersConfig,
    /// The same of generated answers.
    pub audit: AuditConfig,
    /// How associates are rung.
    pub desk: DeskConfig,
    /// What small devices are bound to, where there are some.
    pub firmware: Option<FirmwareConfig>,
    /// The name under which the box is found on the network; none where it is not announced.
    pub discovery: Option<String>,
    /// The line to HQ.
    pub line: LineSettings,
    /// What lies below HQ's document.
    pub below_hq: ConfigDoc,
    /// How the server tells what it does.
    pub log: Log,
    /// Every setting in force, with who set it. Holds no secret.
    pub settings: Vec<Setting>,
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// Names of installed packages; none serves every one.
    pub serve: Vec<String>,
    /// When they come into memory.
    pub load: LoadAt,
    /// Names of packages that never leave memory.
    pub pin: Vec<String>,
    /// Names for one or more packages.
    pub aliases: BTreeMap<String, Vec<Share>>,
}

impl Models {
    /// Gives a package one name more, unless that is somebody's already.
    pub fn name_also(&mut self, package: &str, alias: &str) {
        let share = Share { package: package.to_owned(), weight: 1 };
        self.aliases.entry(alias.to_owned()).or_insert_with(|| vec![share]);
    }
}

/// When a package comes into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadAt {
    /// Before the server answers.
    Start,
    /// When it is first asked for; pinned ones before the server answers.
    Demand,
}

/// How the server tells what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// Which events, as `level` or `room=level,…`.
    pub filter: String,
}

const MIB: u64 = 1 << 20;

/// tract warns about every graph newer than those of its own tests; ours is compared with another
/// runtime's answers instead.
const FILTER: &str = "info,tract_onnx=error";

impl Config {
    /// Where the shop's facts are kept.
    pub fn facts_file(&self) -> PathBuf {
        self.data_dir.join("facts.redb")
    }

    /// Where what HQ wants, what is so and what waits for HQ are kept.
    pub fn state_file(&self) -> PathBuf {
        self.data_dir.join("state.redb")
    }

    /// Who set what lies below a setting of HQ's document, and as what; none for one that is not known.
    pub fn below(&self, name: &str) -> Option<&Setting> {
        let (_, path) = shared::NAMES.iter().find(|(known, _)| *known == name)?;
        self.settings.iter().find(|setting| setting.path == *path)
    }

    /// The settings that HQ may set, by their names in its document.
    pub fn shared() -> impl Iterator<Item = &'static str> {
        shared::NAMES.iter().map(|(name, _)| *name)
    }

    /// Where the tokens' digests are kept.
    pub fn tokens_file(&self) -> PathBuf {
        self.data_dir.join("tokens.json")
    }
}

/// Reads every setting; `None` where faults leave no configuration to speak of.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let default = default_data_dir(reader.sources());
    let data_dir = path(reader, "data_dir", Some(default))?;
    let (cache, skills) = (cache(reader), skills(reader));
    let (audit, server) = (shoppers::audit(reader), server(reader));
    let config = Config {
        below_hq: shared::read(reader, &skills, &cache),
        line: line::read(reader, &data_dir),
        data_dir,
        discovery: discovery::read(reader, server.listen.ip()),
        server,
        limits: limits(reader),
        facts: facts::read(reader),
        engine: engine(reader),
        models: models(reader),
        cache,
        skills,
        house: concierge::house(reader),
        connector: concierge::connector(reader),
        desk: desk::read(reader),
        firmware: firmware::read(reader),
        shoppers: shoppers::shoppers(reader, &audit),
        audit,
        log: log(reader),
        settings: Vec::new(),
    };
    reader.is_clean().then_some(config)
}

fn server(reader: &mut Reader<'_>) -> http::Config {
    let default = http::Config::default();
    let listen = reader.read(
        "server.listen",
        default.listen,
        |given| kinds::parsed(given, "an address and port such as 127.0.0.1:8080"),
        ToString::to_string,
    );
    let plain = "server.allow_plain_http";
    let allow_plain_http = reader.read(plain, false, kinds::flag, ToString::to_string);
    let tls = tls(reader);
    if !listen.ip().is_loopback() && tls.is_none() && !allow_plain_http {
        reader.refuse(
            "server.listen",
            format!(
                "{listen} is reachable by others, and tokens would cross the network in clear; \
                 set server.tls_certificate and server.tls_key, or server.allow_plain_http = true \
                 where something in front does TLS"
            ),
        );
    }
    let streams = default.max_streams_per_connection as usize;
    let streams = number(reader, "server.max_streams_per_connection", streams, 1, 1024);
    let body = default.body.bytes as u64;
    let wait = default.body.timeout;
    http::Config {
        listen,
        tls,
        max_connections: number(
            reader,
            "server.max_connections",
            default.max_connections,
            1,
            65_536,
        ),
        max_streams_per_connection: u32::try_from(streams).unwrap_or(u32::MAX),
        header_timeout: seconds(
            reader,
            "server.header_timeout_s",
            default.header_timeout,
            0.1,
            600.0,
        ),
        body: BodyLimits {
            bytes: bytes(reader, "server.max_body", body, 1024, 1024 * MIB) as usize,
            timeout: seconds(reader, "server.body_timeout_s", wait, 0.1, 3_600.0),
        },
        request_timeout: seconds(
            reader,
            "server.request_timeout_s",
            default.request_timeout,
            0.1,
            86_400.0,
        ),
        drain_timeout: seconds(
            reader,
            "server.drain_timeout_s",
            default.drain_timeout,
            0.0,
            3_600.0,
        ),
        cors_origins: origins(reader),
    }
}

/// Certificate and key: both or neither.
fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let certificate = path(reader, "server.tls_certificate", None);
    let key = path(reader, "server.tls_key", None);
    let alone = match (certificate, key) {
        (Some(certificate), Some(key)) => return Some(TlsFiles { certificate, key }),
        (None, None) => return None,
        (Some(_), None) => ("server.tls_certificate", "it needs server.tls_key as well"),
        (None, Some(_)) => ("server.tls_key", "it needs server.tls_certificate as well"),
    };
    reader.refuse(alone.0, alone.1);
    None
}

fn origins(reader: &mut Reader<'_>) -> Vec<String> {
    let origins = list(reader, "server.cors_origins");
    for why in origins.iter().filter_map(|origin| check_origin(origin).err()) {
        reader.refuse("server.cors_origins", why);
    }
    origins
}

fn limits(reader: &mut Reader<'_>) -> api::Limits {
    let default = api::Limits::default();
    let (message, prompt) = (default.max_message_bytes as u64, default.max_prompt_bytes as u64);
    let tokens = default.max_completion_tokens;
    let schema = default.max_schema_bytes as u64;
    let picture = default.max_picture_bytes as u64;
    let (tensors, at_once) = (default.max_tensor_bytes, default.max_tensor_bytes_at_once);
    let max_tensor_bytes = tensor_bytes(reader, "limits.max_tensor_bytes", tensors);
    let at_once = tensor_bytes(reader, "limits.max_tensor_bytes_at_once", at_once);
    if at_once < max_tensor_bytes {
        let why = "it must be at least limits.max_tensor_bytes";
        reader.refuse("limits.max_tensor_bytes_at_once", why);
    }
    api::Limits {
        max_messages: number(reader, "limits.max_messages", default.max_messages, 1, 65_536),
        max_message_bytes: bytes(reader, "limits.max_message_bytes", message, 1, 1 << 30) as usize,
        max_prompt_bytes: bytes(reader, "limits.max_prompt_bytes", prompt, 1, 1 << 30) as usize,
        max_completion_tokens: number(reader, "limits.max_completion_tokens", tokens, 1, 1 << 20),
        max_embedding_inputs: number(
            reader,
            "limits.max_embedding_inputs",
            default.max_embedding_inputs,
            1,
            65_536,
        ),
        max_schema_bytes: bytes(reader, "limits.max_schema_bytes", schema, 1, 1 << 20) as usize,
        max_n: number(reader, "limits.max_n", default.max_n, 1, 128),
        max_stop: number(reader, "limits.max_stop", default.max_stop, 0, 64),
        max_stop_bytes: number(reader, "limits.max_stop_bytes", default.max_stop_bytes, 1, 4096),
        max_logit_bias: number(reader, "limits.max_logit_bias", default.max_logit_bias, 0, 65_536),
        max_top_logprobs: number(
            reader,
            "limits.max_top_logprobs",
            default.max_top_logprobs,
            0,
            20,
        ),
        max_picture_bytes: bytes(reader, "limits.max_picture_bytes", picture, 1, 1 << 30) as usize,
        max_picture_pixels: number(
            reader,
            "limits.max_picture_pixels",
            default.max_picture_pixels,
            1,
            1_000_000_000,
        ),
        max_tensor_bytes,
        max_tensor_bytes_at_once: at_once,
    }
}

fn tensor_bytes(reader: &mut Reader<'_>, name: &'static str, default: usize) -> usize {
    bytes(reader, name, default as u64, 1024, 1 << 32) as usize
}

fn engine(reader: &mut Reader<'_>) -> engine::Config {
    let default = engine::Config::default();
    let kv_type = |given: &Given| match kinds::text(given)?.as_str() {
        "f16" => Ok(KvType::F16),
        "int8" => Ok(KvType::Int8),
        other => Err(format!("`{other}` is not \"f16\" or \"int8\"")),
    };
    let show_type = |kv_type: &KvType| match kv_type {
        KvType::F16 => "f16".to_owned(),
        KvType::Int8 => "int8".to_owned(),
    };
    let chunk = default.prefill_chunk_tokens;
    let activation = |given: &Given| kinds::text(given)?.parse::<Activation>();
    let show = |activation: &Activation| activation.name().to_owned();
    let backend = |given: &Given| kinds::text(given)?.parse::<Backend>();
    let show_backend = |backend: &Backend| backend.name().to_owned();
    let graphics = Graphics {
        memory_bytes: bytes_or(reader, "engine.gpu_memory", "what the device has", MIB..=1 << 44),
        software: reader.sources().allows_software_gpu(),
        ..default.graphics
    };
    let window_ms = default.batch_window.as_millis() as usize;
    let window_ms = number(reader, "engine.batch_window_ms", window_ms, 0, 1000);
    engine::Config {
        memory_budget_bytes: bytes_or(
            reader,
            "engine.memory_budget",
            "half of the memory",
            MIB..=1 << 44,
        ),
        kv_budget_bytes: bytes_or(
            reader,
            "engine.kv_budget",
            "what memory_budget leaves",
            MIB..=1 << 44,
        ),
        kv_type: reader.read("engine.kv_type", default.kv_type, kv_type, show_type),
        max_sequences: number(reader, "engine.max_sequences", default.max_sequences, 1, 1024),
        max_queue: number(reader, "engine.max_queue", default.max_queue, 0, 65_536),
        prefill_chunk_tokens: number(reader, "engine.prefill_chunk_tokens", chunk, 1, 65_536),
        threads: number(reader, "engine.threads", default.threads, 0, 1024),
        activation: reader.read("engine.activation", default.activation, activation, show),
        max_batch_rows: number(reader, "engine.max_batch", default.max_batch_rows, 1, 4096),
        batch_window: std::time::Duration::from_millis(window_ms as u64),
        backend: reader.read("engine.backend", Backend::Auto, backend, show_backend),
        graphics,
    }
}

fn log(reader: &mut Reader<'_>) -> Log {
    let format = |given: &Given| match kinds::text(given)?.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("`{other}` is not \"text\" or \"json\"")),
    };
    let show = |format: &LogFormat| match format {
        LogFormat::Text => "text".to_owned(),
        LogFormat::Json => "json".to_owned(),
    };
    let filter = |given: &Given| {
        let text = kinds::text(given)?;
        match tracing_subscriber::EnvFilter::try_new(&text) {
            Ok(_) => Ok(text),
            Err(fault) => Err(format!("`{text}` is not a filter such as \"info\": {fault}")),
        }
    };
    Log {
        format: reader.read("log.format", LogFormat::Text, format, show),
        filter: reader.read("log.filter", FILTER.to_owned(), filter, Clone::clone),
    }
}

fn check_origin(origin: &str) -> Result<(), String> {
    if origin == "*" {
        return Err("`*` would let every page call this server; name the origins".to_owned());
    }
    match http::is_origin(origin) {
        true => Ok(()),
        false => Err(format!("`{origin}` is not an origin such as https://kiosk.example:8443")),
    }
}

pub(super) fn path(
    reader: &mut Reader<'_>,
    setting: &'static str,
    default: Option<PathBuf>,
) -> Option<PathBuf> {
    let folder = reader.folder();
    let parse = |given: &Given| {
        let text = kinds::text(given)?;
        match (text.is_empty(), given) {
            (true, _) => Err("it is empty; leave it out or name a path".to_owned()),
            (false, Given::Toml(_)) => Ok(Some(folder.join(text))),
            (false, Given::Text(_)) => Ok(Some(PathBuf::from(text))),
        }
    };
    let show = |path: &Option<PathBuf>| {
        path.as_ref().map_or_else(String::new, |path| path.display().to_string())
    };
    reader.read(setting, default, parse, show)
}

pub(super) fn number(
    reader: &mut Reader<'_>,
    setting: &'static str,
    default: usize,
    low: u64,
    high: u64,
) -> usize {
    let parse = |given: &Given| kinds::number(given, low..=high);
    reader.read(setting, default as u64, parse, ToString::to_string) as usize
}

pub(super) fn bytes(
    reader: &mut Reader<'_>,
    setting: &'static str,
    default: u64,
    low: u64,
    high: u64,
) -> u64 {
    let parse = |given: &Given| kinds::bytes(given, low..=high);
    reader.read(setting, default, parse, |bytes| Bytes(*bytes).to_string())
}

/// A size that may be left out; `otherwise` says what is done then.
pub(super) fn bytes_or(
    reader: &mut Reader<'_>,
    setting: &'static str,
    otherwise: &str,
    range: RangeInclusive<u64>,
) -> Option<u64> {
    let parse = |given: &Given| kinds::bytes(given, range.clone()).map(Some);
    let show = |size: &Option<u64>| {
        size.map_or_else(|| otherwise.to_owned(), |bytes| Bytes(bytes).to_string())
    };
    reader.read(setting, None, parse, show)
}

pub(super) fn seconds(
    reader: &mut Reader<'_>,
    setting: &'static str,
    default: Duration,
    low: f64,
    high: f64,
) -> Duration {
    let parse = |given: &Given| kinds::seconds(given, low..=high);
    let show = |value: &Duration| value.as_secs_f64().to_string();
    reader.read(setting, default, parse, show)
}

fn models(reader: &mut Reader<'_>) -> Models {
    let load = |given: &Given| match kinds::text(given)?.as_str() {
        "start" => Ok(LoadAt::Start),
        "demand" => Ok(LoadAt::Demand),
        other => Err(format!("`{other}` is not \"start\" or \"demand\"")),
    };
    let show = |load: &LoadAt| match load {
        LoadAt::Start => "start".to_owned(),
        LoadAt::Demand => "demand".to_owned(),
    };
    Models {
        serve: names(reader, "models.serve"),
        load: reader.read("models.load", LoadAt::Start, load, show),
        pin: names(reader, "models.pin"),
        aliases: reader.read_group("models.aliases", shares, |shares| show_shares(shares)),
    }
}

fn cache(reader: &mut Reader<'_>) -> cache::Config {
    let default = cache::Config::default();
    let tiers = |given: &Given| kinds::text(given)?.parse::<Tiers>();
    let show = |tiers: &Tiers| tiers.as_str().to_owned();
    let answer = default.max_answer_bytes as u64;
    let routes = [
        ("chat", "cache.chat"),
        ("copy", "cache.copy"),
        ("ask", "cache.ask"),
        ("concierge", "cache.concierge"),
    ];
    let routes = routes.map(|(route, setting)| {
        let default = default.routes.get(route).copied().unwrap_or(Tiers::Exact);
        (route.to_owned(), reader.read(setting, default, tiers, show))
    });
    cache::Config {
        memory_bytes: bytes(reader, "cache.memory", default.memory_bytes, 0, 1 << 40),
        disk_bytes: bytes(reader, "cache.disk", default.disk_bytes, 0, 1 << 44),
        max_answer_bytes: bytes(reader, "cache.max_answer", answer, 1024, 1 << 30) as usize,
        max_age: seconds(reader, "cache.max_age_s", default.max_age, 0.0, 3.2e9),
        routes: routes.into(),
        models: reader.read_group("cache.models", tiers, show),
        ..default
    }
}

fn skills(reader: &mut Reader<'_>) -> clerk::Settings {
    let known = Language::ALL.map(Language::code).join(", ");
    let language = |given: &Given| {
        let text = kinds::text(given)?;
        let found = Language::ALL.into_iter().find(|language| language.code() == text);
        found.ok_or_else(|| format!("`{text}` is none of {known}"))
    };
    let model = |given: &Given| kinds::text(given).map(Some);
    let show = |model: &Option<String>| model.clone().unwrap_or_else(|| "any".to_owned());
    clerk::Settings {
        model: reader.read("skills.model", None, model, show),
        language: reader.read("skills.language", Language::default(), language, |language| {
            language.code().to_owned()
        }),
        blocked_terms: list(reader, "skills.blocked_terms"),
    }
}

/// The packages of one alias; which of them there are is not ours to know.
fn shares(given: &Given) -> Result<Vec<Share>, String> {
    let wanted = "a list such as [{ package = \"one\", weight = 9 }, { package = \"two\" }]";
    match given {
        Given::Toml(value) => value
            .clone()
            .try_into()
            .map_err(|fault: toml::de::Error| format!("this takes {wanted}: {}", fault.message())),
        Given::Text(_) => Err(format!("this takes {wanted}")),
    }
}

fn show_shares(shares: &[Share]) -> String {
    let shown = shares.iter().map(|share| format!("{} ({})", share.package, share.weight));
    shown.collect::<Vec<_>>().join(" + ")
}

fn names(reader: &mut Reader<'_>, setting: &'static str) -> Vec<String> {
    let names = list(reader, setting);
    let twice =
        names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|n| n == *name));
    if let Some((_, name)) = twice {
        reader.refuse(setting, format!("`{name}` is there twice"));
    }
    names
}

pub(super) fn list(reader: &mut Reader<'_>, setting: &'static str) -> Vec<String> {
    reader.read(setting, Vec::new(), kinds::list, |items| items.join(", "))
}
