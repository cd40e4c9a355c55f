use super::*;

fn caller<'a>(user: &'a str, subscribed: bool, capabilities: &'a [Capability]) -> Caller<'a> {
    Caller { user, insecure: false, subscribed, capabilities, of_subscription: None }
}

#[test]
fn names_are_taken_apart() {
    let long = "x".repeat(256);
    let parse = |name| ChannelParts::parse(name, 255, false);
    let parts = parse("$chat:a#42,43").unwrap();
    assert!(parts.private && parts.namespace == "chat" && parts.users == Some("42,43"));
    assert!(parts.is_of("43") && !parts.is_of("4") && !parts.is_of(""));
    assert_eq!(parse("news").unwrap().namespace, "");
    assert_eq!(parse(""), Err(ChannelNameError::Empty));
    assert_eq!(parse(&long), Err(ChannelNameError::TooLong(255)));
    assert_eq!(parse("привет"), Err(ChannelNameError::Characters));
    assert!(Namespaces::dev().parse("room:привет").is_ok());
}

#[test]
fn development_is_open_but_not_to_everything() {
    let all = Namespaces::dev();
    let subscribe = |name: &str, user: &str| {
        let parts = all.parse(name).unwrap();
        let options = all.options_of(&parts).unwrap();
        caller(user, false, &[]).may_subscribe(&parts, &options)
    };
    assert_eq!(subscribe("news", ""), Ok(()));
    assert_eq!(subscribe("any:thing", ""), Ok(()));
    assert_eq!(subscribe("$secret", "42"), Err(Refusal::Denied));
    assert_eq!(subscribe("x#42", "42"), Ok(()));
    assert_eq!(subscribe("x#42", "43"), Err(Refusal::Denied));
    assert_eq!(subscribe("room:demo", "42"), Err(Refusal::Denied));
    assert_eq!(all.options_of(&all.parse("short:x").unwrap()).unwrap().history_ttl, Duration::from_secs(2));
}

#[test]
fn subscribers_may_what_others_may_not() {
    let options = NamespaceOptions {
        allow_publish_for_subscriber: true,
        allow_presence_for_subscriber: true,
        presence: true,
        ..NamespaceOptions::default()
    };
    let parts = ChannelParts::parse("news", 255, false).unwrap();
    assert!(caller("ana", true, &[]).may_publish(&parts, &options).is_ok());
    assert_eq!(caller("ana", false, &[]).may_publish(&parts, &options), Err(Refusal::Denied));
    assert_eq!(caller("", true, &[]).may_publish(&parts, &options), Err(Refusal::Denied));
    assert!(caller("ana", true, &[]).may_presence(&parts, &options).is_ok());
    assert_eq!(caller("ana", true, &[]).may_history(&parts, &options), Err(Refusal::NotAvailable));
}

#[test]
fn capabilities_open_what_namespaces_do_not() {
    type Act = fn(&Caller<'_>, &ChannelParts<'_>, &NamespaceOptions) -> Result<(), Refusal>;
    let capability =
        Capability::of(&["room:demo".to_owned(), "feed:*".to_owned()], &["sub".to_owned(), "pub".to_owned()]);
    let all = Namespaces::dev();
    let may = |name: &str, act: Act| {
        let parts = all.parse(name).unwrap();
        let options = all.options_of(&parts).unwrap();
        act(&caller("ana", false, std::slice::from_ref(&capability)), &parts, &options)
    };
    assert_eq!(may("room:demo", |who, parts, o| who.may_subscribe(parts, o)), Ok(()));
    assert_eq!(may("room:demo", |who, parts, o| who.may_publish(parts, o)), Ok(()));
    assert_eq!(may("room:demo", |who, parts, o| who.may_history(parts, o)), Err(Refusal::Denied));
    assert_eq!(may("room:other", |who, parts, o| who.may_subscribe(parts, o)), Err(Refusal::Denied));
    assert_eq!(may("feed:x", |who, parts, o| who.may_subscribe(parts, o)), Ok(()));
}

#[test]
fn what_a_subscription_allows_ends_at_its_channel() {
    let all = Namespaces::dev();
    let of_demo = Capability::exact("room:demo", &["pub"]);
    let publish = |name: &str| {
        let parts = all.parse(name).unwrap();
        let who = Caller { of_subscription: Some(&of_demo), ..caller("ana", true, &[]) };
        who.may_publish(&parts, &all.options_of(&parts).unwrap())
    };
    assert_eq!((publish("room:demo"), publish("room:other")), (Ok(()), Err(Refusal::Denied)));
}

#[test]
fn an_exact_capability_is_no_pattern() {
    let exact = Capability::exact("room:*", &["sub"]);
    assert!(exact.covers("room:*") && !exact.covers("room:demo"));
    let pattern = Capability::of(&["room:*"], &["sub", "fly"]);
    assert!(pattern.covers("room:demo") && pattern.subscribe && !pattern.publish);
    assert!(!Capability::default().covers(""));
}

#[test]
fn a_pattern_decides_what_names_clients_may_use() {
    let options = NamespaceOptions {
        channel_regex: Some(ChannelRegex::new("^[a-zа-я]+$").unwrap()),
        allow_subscribe_for_client: true,
        ..NamespaceOptions::default()
    };
    let mut all = Namespaces::default();
    all.named.insert("chat".to_owned(), Arc::new(options));
    let subscribe = |name: &str| {
        let parts = all.parse(name).map_err(|_| Refusal::Name)?;
        caller("ana", false, &[]).may_subscribe(&parts, &all.options_of(&parts).unwrap())
    };
    assert_eq!(subscribe("chat:привет"), Ok(()));
    assert_eq!(subscribe("chat:a1"), Err(Refusal::Name));
    assert_eq!(subscribe("chat:при\nвет"), Err(Refusal::Name));
    assert_eq!(subscribe("привет"), Err(Refusal::Name));
    assert_eq!(all.parse("$chat:a:b").unwrap().rest(), "a:b");
    assert!(ChannelRegex::new("(").is_err());
}
