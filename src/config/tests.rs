//! The whole way from texts to settings. Mistakes are one table, layers another.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use expect_test::expect;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

mod layers;
mod mistakes;
mod reference;

/// The samples of the documentation.
const SAMPLE: &str = r#"
[roles]
main = "openai/gpt-5-mini"        # provider/model; used for planning and writing
fast = "openai/gpt-5-nano"        # naming, determining files, summaries

[providers.openai]
wire = "openai"                   # openai | anthropic | ollama | replay
base-url = "https://api.openai.com/v1"
key-env = "OPENAI_API_KEY"        # or key-command = ["pass", "show", "openai"]

[models."openai/gpt-5-mini"]      # optional: what we can't find out by asking
context-window = 400000
max-output-tokens = 32000
price = { input = 0.25, cached = 0.025, output = 2.0 }   # USD per million tokens

[limits]
concurrency = 4                   # when set it wins over the gate's own start
max-cost-per-run = 1.0            # USD; a run that would pass it stops before the call
max-cost-per-day = 10.0
unknown-price = "run"             # run (said once that the cap can't be kept) | refuse
first-byte-timeout = "120s"
idle-timeout = "60s"

[check]
command = ["cargo", "test"]       # {file} is replaced by the test file
timeout = "300s"

[[presets]]
id = "doc"
title = "Add doc comments"
workflow = "auto"
instruction = "Add a doc comment to every public item. Change nothing else."
"#;

fn user_path() -> PathBuf {
    "/home/me/.config/stepwright/config.toml".into()
}

fn user(text: &str) -> Sources {
    Sources { user: Some((user_path(), text.into())), ..Sources::default() }
}

fn workspace(text: &str) -> Sources {
    Sources { workspace: Some(("/w/.stepwright/config.toml".into(), text.into())), ..user("") }
}

/// One problem a line, with its line number.
fn told(loaded: &Loaded) -> String {
    let mut told = String::new();
    for (_, Problem { line, message }) in &loaded.problems {
        let line = line.map_or("-".into(), |line| line.to_string());
        writeln!(told, "{line}: {message}").unwrap();
    }
    told
}

/// Loads what must be without a mistake.
fn settings(sources: &Sources) -> Settings {
    let loaded = load(sources);
    assert_eq!(told(&loaded), "");
    loaded.settings
}

#[test]
fn the_sample_means_what_it_says() {
    let model = ModelFacts {
        context_window: Some(400_000),
        max_output_tokens: Some(32_000),
        price: Some(Price { input: 0.25, cached: Some(0.025), output: 2.0 }),
        is_strong: None,
    };
    let provider = Provider {
        wire: Wire::OpenAi,
        base_url: Some("https://api.openai.com/v1".into()),
        key: Key::Env("OPENAI_API_KEY".into()),
        path: None,
    };
    let expected = Settings {
        main: Some("openai/gpt-5-mini".into()),
        fast: Some("openai/gpt-5-nano".into()),
        providers: [("openai".into(), provider)].into(),
        models: [("openai/gpt-5-mini".into(), model)].into(),
        limits: Limits {
            concurrency: Some(4),
            max_cost_per_run: Some(1.0),
            max_cost_per_day: Some(10.0),
            first_byte_timeout: Some(Duration::from_secs(120)),
            idle_timeout: Some(Duration::from_secs(60)),
            ..Limits::default()
        },
        check: Some(Check {
            command: vec!["cargo".into(), "test".into()],
            timeout: Duration::from_secs(300),
            source: Layer::User,
        }),
        presets: vec![Preset {
            id: "doc".into(),
            title: "Add doc comments".into(),
            workflow: "auto".into(),
            instruction: "Add a doc comment to every public item. Change nothing else.".into(),
            offer: PresetOffer::File,
            is_built_in: false,
        }],
        ..Settings::default()
    };
    assert_eq!(settings(&user(SAMPLE)), expected);
}

#[test]
fn every_other_spelling_of_the_documentation_is_right() {
    for text in [
        "",
        "\u{feff}summary = false",
        "[providers.openai]\nkey-command = [\"pass\", \"show\", \"openai\"]",
        "[providers.mine]\nwire = \"anthropic\"",
        "[providers.local]\nwire = \"openai\"\nbase-url = \"http://127.0.0.1:8080\"",
        "[providers.local]\nwire = \"ollama\"\nbase-url = \"http://[::1]:11434/\"",
        "[providers.r]\nwire = \"replay\"\npath = \"/tmp/replies.json\"",
        "roles.main = \"replay\"",
        "roles.main = \"openrouter/meta-llama/llama-3.1-8b:free\"",
        "[limits]\nunknown-price = \"refuse\"\nmax-pages = 20\nmax-cost-per-run = 1",
        "[tests]\npath = \"tests/test_{stem}.{ext}\"",
        "[tests]\npath = \"{dir}/__tests__/{name}\"",
        "marker = \"KI\"\nsummary = false\nignore = [\"*.sql\", \"!schema.sql\"]\ntrust = [\"/home/me/work\"]",
        "[check]\r\ncommand = [\"npm\", \"test\", \"--\", \"{file}\"]\r\ntimeout = \"2m\"\r\n",
    ] {
        settings(&user(text));
    }
}

#[test]
fn relative_replies_lie_beside_the_file_that_names_them() {
    let settings = settings(&user("[providers.replay]\npath = \"replies.json\""));
    assert_eq!(settings.providers["replay"].path, Some("/home/me/.config/stepwright/replies.json".into()));
}

#[test]
fn a_mistake_takes_nothing_with_it() {
    let text = "summary = 1\nmarker = \"KI\"\n[limits]\nconcurrency = \"four\"\nmax-pages = 3\n[[presets]]\nid = \"a\"\n\
                [[presets]]\nid = \"b\"\ntitle = \"B\"\nworkflow = \"auto\"\ninstruction = \"b\"\n[roles]\nmain = \"a/b\"\nfast = 7\n";
    let Loaded { settings, problems } = load(&user(text));
    assert_eq!(problems.len(), 4);
    assert_eq!((settings.marker.as_str(), settings.limits.max_pages, settings.main.as_deref()), ("KI", 3, Some("a/b")));
    assert_eq!(settings.presets.iter().map(|preset| preset.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn the_schema_describes_what_is_accepted() {
    let schema = schema();
    let text = schema.to_string();
    assert!(!text.contains("\"x-") && !text.contains("null"), "{text}");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    expect!["check ignore limits marker menu models presets providers review roles summary tests trust"]
        .assert_eq(&keys.join(" "));
    // Whoever writes in an editor is told what each key is for.
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if value.get("description").is_none() {
                found.push(path.clone());
            }
            for nested in [value, &value["items"], &value["additionalProperties"]] {
                undescribed(nested, &path, found);
            }
        }
    }
    let mut found = Vec::new();
    undescribed(&schema, "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn files_are_found_and_odd_ones_are_told() {
    let base = tempfile::tempdir().unwrap();
    let at = |path: &str| base.path().join(path);
    let write = |path: &str, text: &[u8]| {
        std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        std::fs::write(at(path), text).unwrap();
    };
    write("xdg/stepwright/config.toml", b"marker = \"XDG\"");
    write("env.toml", b"marker = \"ENV\"");
    write("flag.toml", b"marker = \"FLAG\"");
    write("latin.toml", b"marker = \"\xe4\"");
    write("large.toml", &vec![b'#'; (1 << 20) + 1]);
    write("w/.stepwright/config.toml", b"ignore = [\"w\"]");
    let read = |config: Option<&str>, variables: &[(&str, &str)]| {
        let config = config.map(at);
        let environment = |name: &str| {
            let value = variables.iter().find(|(variable, _)| *variable == name)?.1;
            Some(if value.is_empty() { "".into() } else { at(value).into_os_string() })
        };
        let root = at("w");
        let places = Places { config: config.as_deref(), environment: &environment, editor: None, root: Some(&root) };
        let loaded = super::read(&places);
        assert_eq!(loaded.settings.ignore, ["w"]);
        let problems = told(&loaded).replace(&base.path().display().to_string(), "BASE");
        (loaded.settings.marker, problems)
    };
    let xdg = ("XDG_CONFIG_HOME", "xdg");
    assert_eq!(read(None, &[xdg]), ("XDG".into(), String::new()));
    assert_eq!(read(None, &[xdg, ("STEPWRIGHT_CONFIG", "")]), ("XDG".into(), String::new()));
    assert_eq!(read(None, &[xdg, ("STEPWRIGHT_CONFIG", "env.toml")]), ("ENV".into(), String::new()));
    assert_eq!(read(Some("flag.toml"), &[xdg, ("STEPWRIGHT_CONFIG", "env.toml")]), ("FLAG".into(), String::new()));
    assert_eq!(read(None, &[("XDG_CONFIG_HOME", "empty")]), ("AI".into(), String::new()));
    // Even a file that isn't there can be named as the place for a setting.
    write("w/.stepwright/config.toml", b"ignore = [\"w\"]\nmarker = \"W\"");
    let advice = "2: `marker` can't be set by a workspace: put it into your own `BASE/empty/stepwright/config.toml`\n";
    assert_eq!(read(None, &[("XDG_CONFIG_HOME", "empty")]), ("AI".into(), advice.into()));
    write("w/.stepwright/config.toml", b"ignore = [\"w\"]");
    for (config, problem) in [
        ("gone.toml", "No such file or directory (os error 2)"),
        ("w", "this is not a regular file"),
        ("latin.toml", "it isn't UTF-8; save it as UTF-8"),
        ("large.toml", "it is larger than 1 MiB"),
    ] {
        let problem = format!("-: failed to read `BASE/{config}`: {problem}\n");
        assert_eq!(read(Some(config), &[xdg]), ("AI".into(), problem));
    }
}

/// Lines that a person could write, right and wrong, to be put together at random.
fn lines() -> impl Strategy<Value = String> {
    const KEYS: &[&str] =
        &["roles", "main", "limits", "max-pages", "providers.a", "wire", "check", "command", "presets", "id", "x"];
    const VALUES: &[&str] =
        &["1", "-1", "1e400", "\"a/b\"", "[]", "[\"a\", 1]", "{}", "{ input = 1 }", "true", "1979-05-27", "'sk-1'"];
    let key = || prop::sample::select(KEYS);
    let line = prop_oneof![
        (key(), prop::sample::select(VALUES)).prop_map(|(key, value)| format!("{key} = {value}")),
        key().prop_map(|key| format!("[{key}]")),
        key().prop_map(|key| format!("[[{key}]]")),
        ".{0,12}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z!/. ]{0,8}".prop_map(Value::from),
    ];
    const KEYS: &[&str] =
        &["stepwright", "limits", "maxPages", "max-pages", "presets", "id", "ignore", "check", "command", "roles"];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..4)
                .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect()),
        ]
    })
}

proptest! {
    // Each case compiles patterns, which takes milliseconds without optimisation.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), lines()]) {
        for sources in [user(&text), workspace(&text)] {
            for (_, problem) in load(&sources).problems {
                prop_assert!(!problem.message.contains("sk-1"), "{}", problem.message);
                prop_assert!(problem.line.is_none_or(|line| line as usize <= text.matches('\n').count() + 1));
            }
        }
    }

    #[test]
    fn no_other_layer_takes_what_the_user_set(text in prop_oneof![any::<String>(), lines()], editor in json()) {
        let own = load(&user(SAMPLE)).settings;
        let sources = Sources { editor: Some(editor), workspace: workspace(&text).workspace, ..user(SAMPLE) };
        let settings = load(&sources).settings;
        prop_assert_eq!((&settings.main, &settings.fast), (&own.main, &own.fast));
        prop_assert_eq!((&settings.providers, &settings.models), (&own.providers, &own.models));
        prop_assert_eq!(&settings.trust, &own.trust);
        prop_assert!(settings.limits.max_cost_per_run <= own.limits.max_cost_per_run);
        prop_assert!(settings.limits.max_cost_per_day <= own.limits.max_cost_per_day);
        prop_assert!(settings.limits.concurrency <= own.limits.concurrency);
        prop_assert!(settings.limits.max_pages <= own.limits.max_pages);
        prop_assert!(settings.check.is_some() && settings.presets.iter().any(|preset| preset.id == "doc"));
    }
}
