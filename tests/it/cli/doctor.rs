//! What `doctor` says about each thing that goes wrong, and that it ends with what mends it.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::support::{
    provider::{Act, KEY, KEY_VARIABLE, Provider, respond, unused_address},
    sandbox::{Ran, Sandbox},
    tls,
    wire::{WIRES, Wire},
};

fn doctor(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let mut command = sandbox.stepwright(&[&["doctor"], arguments].concat());
    let ran = Ran::from(command.env(KEY_VARIABLE, KEY).output().expect("the program starts"));
    assert!(!format!("{ran:?}").contains(KEY) && !ran.out.contains("canary"), "a key was shown: {ran:?}");
    ran
}

fn config(wire: Wire, address: &str) -> String {
    let wire = wire.name();
    format!(
        "[roles]\nmain = \"fake/model\"\n[providers.fake]\nwire = \"{wire}\"\nbase-url = \"{address}\"\nkey-env = \"{KEY_VARIABLE}\"\n"
    )
}

/// What is said about provider and model of this configuration, with the port and the time left out.
#[track_caller]
fn check(config: &str, code: i32, expected: Expect) {
    let sandbox = Sandbox::new();
    sandbox.config(config);
    let ran = doctor(&sandbox, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{}", ran.out);
    let shown =
        regex::Regex::new(r"(127\.0\.0\.1|localhost):\d+").unwrap().replace_all(&ran.out, "$1:PORT").into_owned();
    let shown = regex::Regex::new(r"in \d+ ms").unwrap().replace_all(&shown, "in N ms").into_owned();
    let about = |name: &str| ["provider", "model", "key"].iter().any(|what| name.contains(what));
    let (mut lines, mut is_about) = (String::new(), false);
    for line in shown.lines().filter(|line| line.starts_with(['✓', '✗', ' '])) {
        is_about = if line.starts_with(' ') { is_about } else { about(line.split("  ").next().unwrap_or_default()) };
        if is_about {
            lines.push_str(&format!("{line}\n"));
        }
    }
    expected.assert_eq(&lines);
}

/// The pages of a server that is well, on a wire.
fn pages(wire: Wire) -> Vec<(&'static str, &'static str)> {
    match wire {
        Wire::OpenAi => vec![
            ("/v1/models", r#"{"data":[{"id":"model"},{"id":"other"}]}"#),
            ("/props", r#"{"default_generation_settings":{"n_ctx":16384}}"#),
        ],
        Wire::Anthropic => vec![
            ("/v1/models", r#"{"data":[{"id":"model-20250101"}]}"#),
            // An alias isn't listed.
            ("/v1/models/model", r#"{"id":"model-20250101","max_input_tokens":200000}"#),
        ],
        Wire::Ollama => vec![
            ("/api/tags", r#"{"models":[{"name":"model:latest"}]}"#),
            ("/api/show", r#"{"model_info":{"llama.context_length":16384}}"#),
        ],
    }
}

#[test]
fn a_healthy_provider() {
    for wire in WIRES {
        let provider = Provider::with_pages(vec![vec![]], pages(wire));
        let (count, base, window) = match wire {
            Wire::OpenAi => ("2 models", "/v1", 16_384),
            Wire::Anthropic => ("1 model", "/v1", 200_000),
            Wire::Ollama => ("1 model", "", 16_384),
        };
        let sandbox = Sandbox::new();
        sandbox.config(&config(wire, &format!("http://{}", provider.address)));
        let ran = doctor(&sandbox, &["--json"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["healthy"], true);
        let detail = |name: &str| {
            let checks = report["checks"].as_array().unwrap();
            checks.iter().find(|check| check["name"] == name).unwrap()["detail"].as_str().unwrap().to_owned()
        };
        assert_eq!(detail("key of fake"), "in the environment variable `FAKE_KEY`");
        let answers = detail("provider fake");
        assert!(answers.starts_with(&format!("http://{}{base} answers in ", provider.address)), "{answers}");
        assert!(answers.ends_with(&format!(" ms and lists {count}")), "{answers}");
        assert_eq!(detail("model main"), format!("`fake/model`; {window} tokens of context"));
        assert_eq!(provider.posts().len(), 0, "no prompt is sent");
    }
}

#[test]
fn a_wrong_key() {
    for wire in WIRES {
        let path = if wire == Wire::Ollama { "GET /api/tags" } else { "GET /v1/models" };
        let said = wire.error("authentication_error", &format!("Incorrect API key provided: {KEY}")).to_string();
        let provider = Provider::refusing("401 Unauthorized", "application/json", &said);
        let sandbox = Sandbox::new();
        sandbox.config(&config(wire, &format!("http://{}", provider.address)));
        let ran = doctor(&sandbox, &[]);
        assert_eq!(ran.code, 1, "{path}: {ran:?}");
        for part in [
            "✗ provider fake  the server refused the key (401: Incorrect API key provided: •••)\n",
            "→ check the key in the environment variable `FAKE_KEY`\n",
        ] {
            assert!(ran.out.contains(part), "{path}: {}", ran.out);
        }
    }
}

#[test]
fn a_wrong_address() {
    let nobody =
        Provider::start(vec![vec![Act::Send(respond("404 Not Found", "text/html", "<title>Not Found</title>"))]]);
    check(
        &config(Wire::OpenAi, &format!("http://{}/wrong/v1", nobody.address)),
        1,
        expect![[r#"
            ✓ key of fake    in the environment variable `FAKE_KEY`
            ✗ provider fake  something answers at http://127.0.0.1:PORT/wrong/v1, but not as an OpenAI-compatible API does (404: Not Found)
                             → check the path in `base-url` in `[providers.fake]`
            ✗ model main     `fake/model` can't be asked for
                             → mend the provider `fake` first
        "#]],
    );
    let page = Provider::refusing("200 OK", "text/html; charset=utf-8", "<title>Sign in</title>");
    check(
        &config(Wire::OpenAi, &format!("http://{}", page.address)),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✗ provider fake  the server sent `text/html; charset=utf-8` instead of JSON
                         → check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API
        ✗ model main     `fake/model` can't be asked for
                         → mend the provider `fake` first
    "#]],
    );
    let moved = Provider::refusing("302 Found\r\nlocation: https://elsewhere.example/v1/models", "text/html", "");
    check(
        &config(Wire::Anthropic, &format!("http://{}", moved.address)),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✗ provider fake  http://127.0.0.1:PORT/v1 redirects to https://elsewhere.example/v1/models, which isn't followed because prompt and key would go there (302)
                         → set `base-url` in `[providers.fake]` to the final address
        ✗ model main     `fake/model` can't be asked for
                         → mend the provider `fake` first
    "#]],
    );
    check(
        &config(Wire::Ollama, &unused_address()),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✗ provider fake  nothing listens at http://127.0.0.1:PORT
                         → is the server running? If it listens elsewhere, correct `base-url` in `[providers.fake]`
        ✗ model main     `fake/model` can't be asked for
                         → mend the provider `fake` first
    "#]],
    );
    check(
        &config(Wire::OpenAi, &tls::self_signed()),
        1,
        expect![[r#"
            ✓ key of fake    in the environment variable `FAKE_KEY`
            ✗ provider fake  no secure connection to https://localhost:PORT (its certificate is self-signed and made to sign others; one with `basicConstraints=CA:FALSE` can be trusted)
                             → check `base-url` in `[providers.fake]`, or add the server's certificate to those the system trusts
            ✗ model main     `fake/model` can't be asked for
                             → mend the provider `fake` first
        "#]],
    );
}

#[test]
fn a_wrong_model() {
    let list = |page| Provider::with_pages(vec![vec![]], [("/v1/models", page), ("/api/tags", page)]);
    let listed = list(r#"{"data":[{"id":"zeta"},{"id":"modell"}],"models":[]}"#);
    check(
        &config(Wire::OpenAi, &format!("http://{}", listed.address)),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✓ provider fake  http://127.0.0.1:PORT/v1 answers in N ms and lists 2 models
        ✗ model main     http://127.0.0.1:PORT/v1 has no model `model`
                         → did you mean `modell`? The server lists `modell`, `zeta`
    "#]],
    );
    let tags = list(r#"{"models":[{"name":"qwen3:4b"}]}"#);
    check(
        &config(Wire::Ollama, &format!("http://{}", tags.address)),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✓ provider fake  http://127.0.0.1:PORT answers in N ms and lists 1 model
        ✗ model main     http://127.0.0.1:PORT has no model `model`
                         → run `ollama pull model`, or: did you mean `qwen3:4b`? The server lists `qwen3:4b`
    "#]],
    );
    let empty = list(r#"{"models":[]}"#);
    check(
        &config(Wire::Ollama, &format!("http://{}", empty.address)),
        1,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✗ provider fake  http://127.0.0.1:PORT answers in N ms, but has no model
                         → fetch one, with `ollama pull` and a model's name
        ✗ model main     `fake/model` can't be asked for
                         → mend the provider `fake` first
    "#]],
    );
    // A llama.cpp with one model doesn't look at the name.
    let one = list(r#"{"data":[{"id":"some.gguf","owned_by":"llamacpp"}]}"#);
    check(
        &config(Wire::OpenAi, &format!("http://{}", one.address)),
        0,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✓ provider fake  http://127.0.0.1:PORT/v1 answers in N ms and lists 1 model
        ✓ model main     `fake/model`; 8192 tokens of context
    "#]],
    );
}

#[test]
fn a_server_without_a_list() {
    let complains = respond("400 Bad Request", "application/json", r#"{"error":{"message":"`messages` is missing"}}"#);
    let provider = Provider::start(vec![vec![Act::Send(complains)]]);
    check(
        &config(Wire::OpenAi, &format!("http://{}", provider.address)),
        0,
        expect![[r#"
        ✓ key of fake    in the environment variable `FAKE_KEY`
        ✓ provider fake  http://127.0.0.1:PORT/v1 answers in N ms, without a list of models
        ✓ model main     `fake/model`, which the server doesn't list, so it may not be there; 8192 tokens of context
    "#]],
    );
    assert_eq!(provider.posts().len(), 1);
    assert_eq!(provider.posts()[0].body, "{}", "no prompt is sent");
}

#[test]
fn a_key_that_is_not_set_and_a_provider_that_cannot_be() {
    let two = "[roles]\nmain = \"far/x\"\n[providers.far]\nwire = \"openai\"\nbase-url = \"https://far.example\"\nkey-env = \"UNSET_KEY\"\n\
               [providers.groq]\nwire = \"openai\"\nkey-command = [\"false\"]\nbase-url = \"https://groq.example\"\n";
    check(
        two,
        1,
        expect![[r#"
        ✗ key of far     the environment variable `UNSET_KEY` isn't set
                         → set the environment variable `UNSET_KEY`, then restart the editor
        ✗ key of groq    the key command `false` failed (exit status: 1): run it in a terminal to see why
                         → check what the key command `false` prints
        ✗ model main     `far/x` can't be asked for
                         → mend the provider `far` first
    "#]],
    );
    check(
        "",
        1,
        expect![[r#"
        ✗ model main     no model is configured
                         → set `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` in the environment, or start a model server on this machine (Ollama, llama.cpp, LM Studio, vLLM), or describe one in a `[providers]` table of the configuration file; `stepwright demo` shows the program without any
    "#]],
    );
}

#[test]
fn folders_files_and_trust() {
    let sandbox = Sandbox::new();
    sandbox.replies(&[("Hello", "Hi.")]);
    let whole = doctor(&sandbox, &[]);
    let place = sandbox.path("").display().to_string();
    let shown = |ran: &Ran| ran.out.replace(&place, "");
    assert_eq!(whole.code, 0, "{whole:?}");
    expect![[r#"
        ✓ configuration    config.toml
        ✓ provider replay  1 recorded answer in replay.json
        ✓ model main       1 recorded answer in replay.json
        ✓ state folder     home/state/stepwright is writable
        ✓ history          no run is kept yet
        ✓ trust            nothing in this folder needs it
        ✓ workflows        5 can be run

        All is well.
    "#]]
    .assert_eq(&shown(&whole));

    sandbox
        .put("config.toml", "[roles]\nmaim = \"x/y\"\nmain = \"replay\"\n[providers.replay]\npath = \"gone.json\"\n");
    sandbox.write(".stepwright/config.toml", "[check]\ncommand = [\"pytest\"]\n");
    sandbox.put("home/state/stepwright/history.db", "not a database at all");
    let broken = doctor(&sandbox, &[]);
    assert_eq!(broken.code, 1);
    expect![[r#"
        ✗ configuration    config.toml: line 2: unknown key `maim` in `roles`; did you mean `main`?
                           → correct it; `stepwright schema config` has all keys and what they take
        ✗ provider replay  failed to read the replay file `gone.json`: No such file or directory (os error 2)
                           → correct the file, or `path` in its `[providers]` table
        ✓ state folder     home/state/stepwright is writable
        ✗ history          home/state/stepwright/history.db is no database
                           → move it away; a new one is begun
        ✗ trust            workspace/.stepwright/config.toml: the check command isn't run in this workspace until you trust it
                           → look at what it has, then run `stepwright trust`
        ✓ workflows        5 can be run

        4 things need mending.
    "#]].assert_eq(&shown(&broken));

    // The only thing in the way of a folder is a file.
    std::fs::remove_dir_all(sandbox.path("home/state/stepwright")).unwrap();
    sandbox.put("home/state/stepwright", "");
    let blocked = doctor(&sandbox, &[]);
    assert!(shown(&blocked).contains("✗ state folder"), "{}", blocked.out);
    assert!(blocked.out.contains("→ make it writable, or set `XDG_STATE_HOME`"), "{}", blocked.out);
}

#[test]
fn the_json_says_the_same_in_exactly_these_fields() {
    let sandbox = Sandbox::new();
    sandbox.config("");
    let ran = doctor(&sandbox, &["--json"]);
    assert_eq!(ran.code, 1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (keys(&report), &report["healthy"]),
        (vec!["checks".to_owned(), "healthy".to_owned()], &Value::Bool(false))
    );
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(keys(check), ["detail", "name", "ok", "remedy"]);
        assert_eq!(check["ok"].as_bool().unwrap(), check["remedy"].is_null(), "{check}");
        assert!(check["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{check}");
    }
}
