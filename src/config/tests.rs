use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::engine::Backend;

fn with_file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let sources = Sources::none().with_file(&path);
    (folder, sources)
}

fn faults(text: &str) -> Vec<String> {
    let (_folder, sources) = with_file(text);
    match load(&sources).unwrap_err() {
        ConfigError::Faults { faults, .. } => faults.iter().map(ToString::to_string).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn defaults_alone_are_a_configuration_on_loopback() {
    let config = load(&Sources::none()).unwrap();
    assert!(config.server.listen.ip().is_loopback());
    // What the engine does by itself is the processor; a box looks for more.
    let engine = crate::engine::Config { backend: Backend::Auto, ..Default::default() };
    assert_eq!(config.engine, engine);
    assert!(config.settings.iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn a_later_layer_wins() {
    let (_folder, file) = with_file("[limits]\nmax_n = 2\nmax_stop = 2\nmax_messages = 2\n");
    let sources = file
        .with_variable("ENDCAP_LIMITS_MAX_STOP", "3")
        .with_variable("ENDCAP_LIMITS_MAX_MESSAGES", "3")
        .with_flag("limits.max_messages", "5");
    let config = load(&sources).unwrap();
    assert_eq!(
        (config.limits.max_n, config.limits.max_stop, config.limits.max_messages),
        (2, 3, 5)
    );
    let origins: BTreeSet<String> = config
        .settings
        .iter()
        .filter(|setting| setting.path.starts_with("limits.max"))
        .map(|setting| setting.origin.to_string())
        .collect();
    let expected = ["default", "file", "ENDCAP_LIMITS_MAX_STOP", "flag"];
    assert_eq!(origins, expected.map(str::to_owned).into());
}

#[test]
fn every_fault_is_reported_with_its_path() {
    let found = faults(
        "colour = 1\n[server]\nlisten = \"here\"\nlisten_on = 1\nmax_body = \"lots\"\n\
         cors_origins = [\"*\"]\n[limits]\nmax_n = 0\n[engine]\nthreads = -1\nkv_budget = true\n\
         [log]\nformat = \"xml\"\n",
    );
    let paths: BTreeSet<&str> =
        found.iter().filter_map(|fault| fault.split_once(':')).map(|(path, _)| path).collect();
    let expected = [
        "colour",
        "server.listen",
        "server.listen_on",
        "server.max_body",
        "server.cors_origins",
        "limits.max_n",
        "engine.threads",
        "engine.kv_budget",
        "log.format",
    ];
    assert_eq!(paths, expected.into());
}

#[test]
fn a_fault_says_what_would_be_right() {
    for (text, said) in [
        ("[server]\nlisten = 8080", "takes text in quotes, not a whole number"),
        ("[server]\nlisten = \"localhost\"", "not an address and port such as 127.0.0.1:8080"),
        ("[server]\nlisten = \"0.0.0.0:80\"", "in clear"),
        ("[server]\ntls_key = \"key.pem\"", "needs server.tls_certificate"),
        ("[server]\ntls_certificate = \"c.pem\"", "needs server.tls_key"),
        ("[server]\nmax_connection = 5", "did you mean server.max_connections"),
        ("[server]\nrequest_timeout_s = nan", "outside 0.1 to 86400"),
        ("[engine]\nkv_budget = \"1 KiB\"", "outside 1.0 MiB"),
        ("[limits]\nmax_n = 99999999999999999", "outside 1 to 128"),
        ("[models]\nserve = \"one\"", "a list of texts"),
        ("[log]\nfilter = \"a=b=c\"", "not a filter"),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|fault| fault.contains(said)), "{text}: {found:?}");
    }
}

#[test]
fn a_misspelt_variable_is_a_fault_and_other_programs_variables_are_not() {
    let sources = Sources::none()
        .with_variable("ENDCAP_ENGINE_THREAD", "2")
        .with_variable("ENDCAP_SERVICE_HOST", "10.0.0.1");
    let Err(ConfigError::Faults { faults, .. }) = load(&sources) else { panic!("no fault") };
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].origin, Origin::Environment("ENDCAP_ENGINE_THREAD".into()));
}

#[test]
fn the_shops_clock_stands_where_the_setting_says_and_nowhere_else() {
    let (_folder, sources) = with_file("[store]\ntime_zone = \"Europe/Berlin\"\n");
    assert_eq!(load(&sources).unwrap().facts.zone.to_string(), "Europe/Berlin");
    let found = faults("[store]\ntime_zone = \"Europe/Bonn\"\n");
    let [fault] = found.as_slice() else { panic!("{found:?}") };
    assert!(fault.contains("store.time_zone") && fault.contains("`Europe/Bonn`"), "{fault}");
    assert_eq!(load(&Sources::none()).unwrap().facts.zone, crate::facts::Zone::System);
}

#[test]
fn plain_http_beyond_loopback_must_be_asked_for() {
    let open = Sources::none().with_flag("server.listen", "0.0.0.0:8080");
    assert!(load(&open).is_err());
    assert!(load(&open.with_flag("server.allow_plain_http", "true")).is_ok());
}

#[test]
fn a_path_in_the_file_starts_at_the_file() {
    let (folder, sources) = with_file("data_dir = \"data\"\n");
    assert_eq!(load(&sources).unwrap().data_dir, folder.path().join("data"));
    let sources = sources.with_variable("ENDCAP_DATA", "elsewhere");
    assert_eq!(load(&sources).unwrap().data_dir, Path::new("elsewhere"));
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let (_folder, sources) = with_file("[server]\nlisten = \n");
    let text = load(&sources).unwrap_err().to_string();
    assert!(text.contains("line 2"), "{text}");
    let missing = Sources::none().with_file(Path::new("/nowhere/config.toml"));
    assert!(matches!(load(&missing), Err(ConfigError::Read { .. })));
}

#[test]
fn the_readme_names_every_setting() {
    let readme = include_str!("../../README.md");
    for setting in load(&Sources::none()).unwrap().settings {
        let name = setting.path.rsplit('.').next().unwrap();
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
    }
}

#[test]
fn what_hq_may_set_has_its_lowest_layer_in_the_file() {
    let (_folder, sources) = with_file(
        "[skills]\nlanguage = \"de\"\nblocked_terms = [\"cheapest\"]\n[cache]\nask = \"off\"\n\
         [store]\ninstall_hours = [\"22:00-05:00\"]\n[line]\nwan_per_day = \"5 GiB\"\n",
    );
    let config = load(&sources).unwrap();
    let wanted = r#"{"blocked_terms":["cheapest"],"default_language":"de",
        "cache":{"ask":"off","chat":"exact","concierge":"exact","copy":"exact"},
        "install_hours":[{"from":"22:00","until":"05:00"}],"wan_bytes_per_day":5368709120}"#;
    let wanted = crate::protocol::documents::ConfigDoc::parse(wanted.as_bytes()).unwrap();
    assert_eq!(config.below_hq, wanted);
    for name in Config::shared() {
        let setting = config.below(name).unwrap();
        let default =
            ["cache.chat", "cache.concierge", "cache.copy", "device_profiles", "log_level"];
        let from_file = !default.contains(&name);
        assert_eq!(setting.origin == Origin::File, from_file, "{name}: {setting:?}");
    }
    for (text, named) in [
        ("[store]\ninstall_hours = [\"22:00-22:00\"]", "store.install_hours"),
        ("[store]\ninstall_hours = [\"at night\"]", "store.install_hours"),
        ("[line]\nwan_per_day = \"lots\"", "line.wan_per_day"),
        ("[skills]\nblocked_terms = [\" \"]", "skills.blocked_terms"),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|fault| fault.starts_with(named)), "{text}: {found:?}");
    }
    let long = format!("[skills]\nblocked_terms = [\"{}\"]", "x".repeat(129));
    assert!(faults(&long).iter().any(|fault| fault.starts_with("skills.blocked_terms")));
}
