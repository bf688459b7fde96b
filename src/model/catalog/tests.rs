use std::collections::BTreeMap;

use expect_test::expect;

use super::*;
use crate::{
    config::Price,
    engine::ports::{Facts, Usage},
};

/// No file at all.
pub fn nothing() -> Settings {
    Settings { summary: false, ..Settings::default() }
}

/// `name=wire@place` as a provider; the place is a base URL or, for replay, a file.
fn providers(lines: &[&str]) -> BTreeMap<String, Provider> {
    let provider = |line: &&str| {
        let (name, rest) = line.split_once('=').unwrap();
        let (wire, place) = rest.split_once('@').unwrap();
        let place = (!place.is_empty()).then(|| place.to_owned());
        let (wire, base_url, path) = match wire {
            "replay" => (Wire::Replay, None, place.map(PathBuf::from)),
            "anthropic" => (Wire::Anthropic, place, None),
            "ollama" => (Wire::Ollama, place, None),
            _ => (Wire::OpenAi, place, None),
        };
        (name.to_owned(), Provider { wire, base_url, key: Key::None, path })
    };
    lines.iter().map(provider).collect()
}

struct Case {
    main: Option<&'static str>,
    fast: Option<&'static str>,
    providers: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const EMPTY: Case = Case { main: None, fast: None, providers: &[], environment: &[] };
const KEY: (&str, &str) = ("OPENAI_API_KEY", "canary-key");

fn choose(case: &Case, name: &str) -> String {
    let (main, fast) = (case.main.map(str::to_owned), case.fast.map(str::to_owned));
    let settings = Settings { main, fast, providers: providers(case.providers), ..nothing() };
    let variable =
        |name: &str| case.environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
    let catalog = Catalog::new(&settings, &variable);
    let role = if name == "role fast" { Role::Fast } else { Role::Main };
    let model = (!name.starts_with("role")).then(|| name.to_owned());
    match catalog.choose(&Request { role, model, ..Request::default() }) {
        Ok(Choice::Server(Server::Model(target))) => {
            let key = target.credential.known().map_or("", |_| " with key");
            format!("{} at {}{key}", target.name(), target.address)
        }
        Ok(Choice::Server(Server::Listed(target))) => format!("what {} lists", target.address),
        Ok(Choice::Server(Server::Discovered)) => "found on this machine".to_owned(),
        Ok(Choice::Replay(file)) => format!("replay {}", file.display()),
        Err(error) => format!("{:?}: {}", error.kind, error.message),
    }
}

#[track_caller]
fn check(case: Case, name: &str, expected: &str) {
    let chosen = choose(&case, name);
    assert!(
        chosen.starts_with(expected) || chosen.starts_with("Configuration") && chosen.contains(expected),
        "{chosen}"
    );
    assert!(!chosen.contains("canary"), "{chosen}");
}

#[test]
fn without_configuration_the_environment_decides() {
    let with = |environment| Case { environment, ..EMPTY };
    check(EMPTY, "role main", "found on this machine");
    check(with(&[KEY]), "role main", "openai/gpt-5-mini at https://api.openai.com/v1 with key");
    check(with(&[KEY]), "role fast", "openai/gpt-5-nano");
    check(with(&[KEY]), "openai/o9", "openai/o9 at https://api.openai.com/v1 with key");
    check(with(&[KEY, ("OPENAI_MODEL", "m")]), "role fast", "openai/m");
    check(with(&[("OPENAI_BASE_URL", "http://127.0.0.1:9")]), "role main", "what http://127.0.0.1:9/v1 lists");
    check(with(&[KEY, ("OPENAI_BASE_URL", "https://x.example")]), "role main", "set `OPENAI_MODEL`");
    check(with(&[("OPENAI_BASE_URL", "http://x.example"), ("OPENAI_MODEL", "m")]), "role main", "unencrypted");
    check(with(&[("OPENAI_API_KEY", " ")]), "role main", "found on this machine");
    check(with(&[("ANTHROPIC_API_KEY", "canary")]), "role main", "found on this machine");
}

#[test]
fn roles_and_names_lead_to_targets() {
    let local = "local=openai@http://127.0.0.1:9";
    let roles =
        || Case { main: Some("local/big"), fast: None, providers: &["local=openai@http://127.0.0.1:9"], ..EMPTY };
    assert_eq!(roles().providers, [local]);
    check(roles(), "role main", "local/big at http://127.0.0.1:9/v1");
    check(roles(), "role fast", "local/big");
    check(Case { fast: Some("local/small"), ..roles() }, "fast", "local/small");
    check(roles(), "local/org/name", "local/org/name at");
    check(roles(), "main", "local/big");
    check(roles(), " ", "local/big");
    check(roles(), "local", "names no model");
    check(roles(), "gpt-5", "names no provider");
    check(roles(), "lokal/big", "did you mean `local`");
    // A key of the environment goes to OpenAI only.
    check(Case { environment: &[KEY], ..roles() }, "role main", "local/big at http://127.0.0.1:9/v1");
    assert!(!choose(&Case { environment: &[KEY], ..roles() }, "role main").contains("with key"));
    let same = Case { providers: &["openai=openai@https://api.openai.com"], environment: &[KEY], ..EMPTY };
    check(same, "openai/x", "openai/x at https://api.openai.com/v1 with key");
    let moved = Case { providers: &["openai=openai@https://evil.example"], environment: &[KEY], ..EMPTY };
    assert!(!choose(&moved, "openai/x").contains("with key"));
}

#[test]
fn one_provider_needs_no_role() {
    let only = |providers| Case { providers, ..EMPTY };
    check(only(&["local=openai@http://127.0.0.1:9"]), "role main", "what http://127.0.0.1:9/v1 lists");
    check(only(&["far=openai@https://x.example"]), "role main", "set `main = \"far/…\"`");
    check(only(&["a=openai@http://127.0.0.1:9", "b=openai@http://127.0.0.1:8"]), "role main", "several providers");
    check(only(&["a=replay@r.json"]), "role main", "replay r.json");
    check(Case { environment: &[KEY], ..only(&["a=replay@r.json"]) }, "role main", "openai/gpt-5-mini");
}

#[test]
fn replay_is_always_a_name() {
    let with = |providers| Case { providers, environment: &[KEY], ..EMPTY };
    check(with(&[]), "replay", "[providers.replay]");
    check(with(&["replay=replay@r.json"]), "replay", "replay r.json");
    check(with(&["replay=replay@r.json"]), "replay/any", "replay r.json");
    check(with(&["fake=replay@f.json"]), "replay", "replay f.json");
    check(with(&["fake=replay@f.json", "replay=replay@r.json"]), "fake/m", "replay f.json");
    check(with(&["fake=replay@"]), "fake", "set `path`");
    check(Case { main: Some("replay"), ..with(&["replay=replay@r.json"]) }, "role fast", "replay r.json");
}

#[test]
fn what_cannot_work_says_what_does() {
    let with = |providers| Case { providers, ..EMPTY };
    check(
        with(&["claude=anthropic@"]),
        "claude/x",
        "use the server's OpenAI-compatible address with `wire = \"openai\"`",
    );
    check(with(&["ollama=ollama@"]), "role main", "http://127.0.0.1:11434/v1");
    check(with(&["groq=openai@"]), "groq/x", "has no address: set `base-url` in `[providers.groq]`");
    check(with(&["bad=openai@nonsense"]), "bad/x", "failed to use `base-url` in `[providers.bad]`");
    let none = |environment: &'static [(&str, &str)]| {
        let variable =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Catalog::new(&nothing(), &variable).nothing_found().message
    };
    for way in ["OPENAI_API_KEY", "on this machine", "[providers]", "stepwright demo"] {
        assert!(none(&[]).contains(way), "{way}");
    }
    assert!(none(&[("ANTHROPIC_API_KEY", "canary")]).contains("https://api.anthropic.com/v1"));
}

#[test]
fn names_are_known_as_far_as_configuration_tells() {
    let settings = Settings { providers: providers(&["local=openai@http://127.0.0.1:9", "r=replay@f"]), ..nothing() };
    let catalog = Catalog::new(&settings, &|_| None);
    let known = ["main", "fast", "replay", "local/x", "r", "r/x"];
    let unknown = ["", "x", "local", "local/", "other/x", "openai/gpt-5", "/"];
    assert_eq!(known.map(|name| catalog.knows(name)), [true; 6]);
    assert_eq!(unknown.map(|name| catalog.knows(name)), [false; 7]);
}

#[test]
fn cost_follows_the_price() {
    let price = Some(Price { input: 2.0, cached: Some(0.5), output: 10.0 });
    let facts = ModelFacts { price, ..ModelFacts::default() };
    let models = BTreeMap::from([("local/x".to_owned(), facts)]);
    let servers = ["local=openai@http://127.0.0.1:9", "far=openai@https://x.example", "openai=openai@"];
    let settings = Settings { providers: providers(&servers), models, ..nothing() };
    let catalog = Catalog::new(&settings, &|_| None);
    let usage = Usage { input: 1_000_000, cached: 400_000, output: 100_000, cost: None };
    let cost = |provider: &str, model: &str| catalog.target(provider, model).unwrap().cost(&usage);
    assert_eq!(cost("local", "x"), Some(1.2 + 0.2 + 1.0), "what the user says goes first");
    assert_eq!(cost("local", "gpt-5-mini"), Some(0.0), "a server on this machine asks for nothing");
    assert_eq!(cost("far", "gpt-5-mini"), None, "who else serves it asks what they like");
    assert_eq!(cost("openai", "gpt-5-mini"), Some(0.15 + 0.01 + 0.2));
    assert_eq!(cost("openai", "gpt-99"), None);
}

#[test]
fn what_is_known_comes_from_the_user_first() {
    let facts = ModelFacts { context_window: Some(20_000), max_output_tokens: Some(500), price: None, is_strong: None };
    let models = ["openai/gpt-5-mini", "local/gpt-5-mini", "replay/x"].map(|name| (name.to_owned(), facts.clone()));
    let servers = ["local=openai@http://127.0.0.1:9", "openai=openai@", "replay=replay@r.json"];
    let settings =
        |models| Settings { providers: providers(&servers), models, main: Some("replay/x".to_owned()), ..nothing() };
    let shown = |facts: Facts| {
        let Facts { name, context_window, max_output, output_limit, price, strength, is_local, .. } = facts;
        let price = price.map(|price| price.output);
        format!("{name} {context_window:?} {max_output:?} {output_limit:?} {price:?} {strength:?} {is_local}")
    };
    let known = |models: BTreeMap<String, ModelFacts>| {
        let catalog = Catalog::new(&settings(models), &|_| None);
        let target = |provider| shown(catalog.target(provider, "gpt-5-mini").unwrap().known());
        [target("openai"), target("local"), shown(catalog.replay_facts(&Request::default()))].join("\n")
    };
    expect![[r#"
        openai/gpt-5-mini Some(400000) Some(128000) None Some(2.0) Strong false
        local/gpt-5-mini None None None Some(0.0) Strong true
        replay/x Some(1000000) None None Some(0.0) Weak true"#]]
    .assert_eq(&known(BTreeMap::new()));
    expect![[r#"
        openai/gpt-5-mini Some(20000) Some(500) Some(500) Some(2.0) Strong false
        local/gpt-5-mini Some(20000) Some(500) Some(500) Some(0.0) Strong true
        replay/x Some(20000) Some(500) Some(500) Some(0.0) Weak true"#]]
    .assert_eq(&known(models.into()));
}
