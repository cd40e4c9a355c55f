#![allow(clippy::unwrap_used)]
use super::options::{OPTIONS, SECTIONS};
use super::*;
use std::collections::BTreeSet;

#[test]
fn the_list_names_every_field_and_no_other() {
    let value = serde_json::to_value(Config::default()).unwrap();
    let mut fields = BTreeSet::new();
    let channels = |name: &String| channels::fields::TOP.iter().any(|section| section.name == name);
    for (name, inner) in value.as_object().unwrap().iter().filter(|(name, _)| !channels(name)) {
        match inner.as_object().filter(|_| SECTIONS.iter().any(|(section, _)| section == name)) {
            Some(inner) => fields.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            None => drop(fields.insert(name.clone())),
        }
    }
    assert_eq!(fields, OPTIONS.iter().map(|option| option.path.to_owned()).collect());
}

#[test]
fn the_example_reads_back_as_the_defaults() {
    let text = example().unwrap();
    assert_eq!(Config::parse(&text).unwrap(), Config::default(), "{text}");
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn the_schema_knows_every_setting() {
    let schema = schema().unwrap();
    for option in OPTIONS {
        let pointer = format!("/properties/{}", option.path.replace('.', "/properties/"));
        assert!(schema.pointer(&pointer).is_some(), "{pointer}");
    }
}

#[test]
fn a_misspelt_name_is_corrected() {
    let table = [
        ("prot: 1", "unknown setting \"prot\"; did you mean \"port\"?"),
        ("room:\n  empty_timout: 1", "unknown setting \"room.empty_timout\"; did you mean \"room.empty_timeout\"?"),
        ("rooms: {}", "unknown setting \"rooms\"; did you mean \"room\"?"),
        ("zzz: 1", "unknown setting \"zzz\"; \"tandem config example\""),
        ("port: many", "port: invalid type: string \"many\", expected u16 at line 1"),
        ("- a", "the file must hold \"name: value\" lines"),
    ];
    for (text, want) in table {
        let error = Config::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(want), "{text}: {error}");
    }
}

#[test]
fn a_misspelt_variable_is_corrected() {
    let check = |name: &str| unknown_environment([name.to_owned()].into_iter()).map_err(|e| e.to_string());
    for fine in ["PATH", "TANDEM_PORT", "TANDEM_LOG_LEVEL", "TANDEM_CONFIG", "TANDEM_BIN", "TANDEM_SERVICE_HOST"] {
        assert_eq!(check(fine), Ok(()), "{fine}");
    }
    let error = check("TANDEM_PROT").unwrap_err();
    assert!(error.starts_with("unknown environment variable TANDEM_PROT; did you mean \"TANDEM_PORT\"?"), "{error}");
}

#[test]
fn development_listens_on_loopback() {
    let config = Config { dev: true, ..Config::default() };
    assert!(config.bind_address().is_loopback() && config.open_rooms());
    let config = Config::default();
    assert!(config.bind_address().is_unspecified() && !config.open_rooms());
    assert!(config.shard_count() >= 1);
}

#[test]
fn secrets_stay_out_of_logs() {
    let config = Config::parse("keys: {devkey: hidden}").unwrap();
    let text = format!("{config:?}");
    assert!(text.contains("devkey") && !text.contains("hidden"), "{text}");
}
