//! `tandem token`, `tandem config`, and settings that make no sense.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, devkey, run, stderr, tandem};
use tandem_server::auth::channel::ChannelTokens;
use tandem_server::config::Config;

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[test]
fn tokens_say_what_was_asked_for() {
    let folder = Folder::new();
    let args = ["token", "--dev", "--identity", "ana", "--name", "Ana", "--room", "demo", "--ttl", "30m"];
    let output = run(&args, &folder.0);
    assert!(output.status.success(), "{}", stderr(&output));
    let grant = devkey().verify(String::from_utf8(output.stdout).unwrap().trim(), now()).unwrap();
    assert_eq!((grant.identity.unwrap().as_str(), grant.name.as_str()), ("ana", "Ana"));
    assert!(grant.room_join && grant.room.unwrap().as_str() == "demo");
    assert!((1700..=1800).contains(&(grant.expires_unix - now())));

    let file = folder.file("grant.json", r#"{"roomAdmin":true,"roomList":true}"#);
    let args = ["token", "--key", "devkey", "--secret", "secret", "--room", "demo", "--grant", file.to_str().unwrap()];
    let output = run(&args, &folder.0);
    let grant = devkey().verify(String::from_utf8(output.stdout).unwrap().trim(), now()).unwrap();
    assert!(grant.room_admin && grant.room_list && !grant.room_join);

    let output =
        tandem().args(["token", "--identity", "a", "--room", "b"]).env("TANDEM_KEYS", "devkey: secret").output();
    assert!(devkey().verify(String::from_utf8(output.unwrap().stdout).unwrap().trim(), now()).is_ok());
}

#[test]
fn tokens_for_channels() {
    let folder = Folder::new();
    let tokens = ChannelTokens::new(&Config::default(), &devkey()).unwrap();
    let make = |args: &[&str]| {
        let args: Vec<&str> = ["token", "--dev", "--identity", "42"].iter().chain(args).copied().collect();
        let output = run(&args, &folder.0);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let claims = tokens.connection(&make(&["--channels", "news,chat:a", "--name", "Ana"]), now()).unwrap();
    assert_eq!((claims.user.as_str(), claims.channels), ("42", vec!["news".to_owned(), "chat:a".to_owned()]));
    assert_eq!(claims.info, r#"{"name":"Ana"}"#);
    assert!((21_500..=21_600).contains(&(claims.expires_unix - now())));
    assert!(tokens.connection(&make(&["--channels"]), now()).unwrap().channels.is_empty());
    let claims = tokens.subscription(&make(&["--channel", "$vip", "--ttl", "30m"]), now()).unwrap();
    assert_eq!((claims.user.as_str(), claims.channel.as_str()), ("42", "$vip"));
    let both = make(&["--room", "demo", "--channels", "news"]);
    assert!(devkey().verify(&both, now()).unwrap().room_join);
    let claims = tokens.connection(&both, now()).unwrap();
    assert!(claims.channels == ["news"] && claims.capabilities.iter().any(|can| can.covers("room:demo")));
    let output = run(&["token", "--dev", "--channel", "a", "--room", "b"], &folder.0);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn tokens_that_cannot_be_made() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", "{");
    let bad = bad.to_str().unwrap();
    let table: [(&[&str], &str); 6] = [
        (&["--identity", "a", "--room", "b"], "tandem: no key to sign with: give --key and --secret"),
        (&["--dev", "--identity", "a"], "tandem: say what the token is for"),
        (&["--dev", "--room", "b"], "tandem: a token to join a room needs --identity"),
        (&["--dev", "--identity", "a", "--room", "b", "--ttl", "soon"], "tandem: --ttl: \"soon\" is no time"),
        (&["--dev", "--identity", "a", "--room", ""], "tandem: --room: a name cannot be empty"),
        (&["--dev", "--grant", bad], "tandem: --grant "),
    ];
    for (args, want) in table {
        let args: Vec<&str> = ["token"].iter().chain(args).copied().collect();
        let output = run(&args, &folder.0);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).starts_with(want), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn misspelt_settings_are_corrected() {
    let folder = Folder::new();
    let file = folder.file("tandem.yaml", "prot: 7880\n");
    let file = file.to_str().unwrap();
    for args in [vec!["config", "check", file], vec!["serve", "--dev", "--config", file]] {
        let output = run(&args, &folder.0);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("unknown setting \"prot\"; did you mean \"port\"?"), "{}", stderr(&output));
    }
    let output = tandem().args(["serve", "--dev"]).env("TANDEM_PROT", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("unknown environment variable TANDEM_PROT; did you mean \"TANDEM_PORT\"?"), "{text}");
    let output = run(&["serve", "--dev", "--log-level", "a=b=c"], &folder.0);
    assert!(stderr(&output).contains("is no log level"), "{}", stderr(&output));
    let output = run(&["config", "check", "none.yaml"], &folder.0);
    assert!(stderr(&output).starts_with("tandem: cannot read the configuration file none.yaml: "));
}

#[test]
fn the_example_is_fine() {
    let folder = Folder::new();
    let example = String::from_utf8(run(&["config", "example"], &folder.0).stdout).unwrap();
    let file = folder.file("tandem.yaml", &example);
    assert!(run(&["config", "check", file.to_str().unwrap()], &folder.0).status.success());
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tandem.example.yaml")).unwrap();
    assert!(committed == example, "run: tandem config example > tandem.example.yaml");
    let schema = run(&["config", "schema"], &folder.0).stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["properties"]["port"]["default"], 7880);
}

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    for command in ["serve", "token"] {
        let output = run(&[command, "--help"], &folder.0);
        assert!(String::from_utf8(output.stdout).unwrap().contains("Examples:"));
    }
}
