//! What is sent on each wire, what is learned from a server's complaints, who is found on this machine, and how much fits into a model.

use std::sync::Arc;

use expect_test::expect;
use stepwright::{
    config::{Key, Limits, ModelFacts},
    engine::ports::{ModelErrorKind, Request},
    model::{
        self, Tuning, address::Address, catalog::Target, client::Client, dialect::Dialect, http::Http, key::Credential,
        retry::Patience,
    },
};

use super::{connect, drain, environment, patience, request};
use crate::support::{
    provider::{self as fake, Act, KEY, KEY_VARIABLE, Provider, respond},
    wire::{WIRES, Wire},
};

/// Asks a fake on this wire once for each request; returns it for a look.
async fn ask(wire: Wire, scripts: Vec<Vec<Act>>, requests: &[Request]) -> Provider {
    let provider = Provider::start(scripts);
    let model = connect(&wire.settings(&format!("http://{}", provider.address)));
    for request in requests {
        assert_eq!(drain(model.answer(request.clone())).await.text, "hi");
    }
    provider
}

#[tokio::test]
async fn each_wire_has_its_path_and_its_header_for_the_key() {
    for wire in WIRES {
        let provider = ask(wire, vec![wire.good("hi")], &[request()]).await;
        let head = &provider.posts()[0].head;
        let (path, key) = match wire {
            Wire::OpenAi => ("/v1/chat/completions", format!("authorization: bearer {KEY}\r\n")),
            Wire::Anthropic => ("/v1/messages", format!("x-api-key: {KEY}\r\nanthropic-version: 2023-06-01\r\n")),
            Wire::Ollama => ("/api/chat", format!("authorization: bearer {KEY}\r\n")),
        };
        assert!(head.starts_with(&format!("post {path} http/1.1\r\n")) && head.contains(&key), "{head}");
        assert_eq!(head.matches(KEY).count(), 1, "{head}");
    }
}

#[tokio::test]
async fn requests_of_a_batch_share_all_bytes_before_the_breakpoint() {
    for (wire, breakpoint) in [
        (Wire::OpenAi, r"</document>\n\n"),
        (Wire::Anthropic, r#"</document>","cache_control":{"type":"ephemeral"}},{"type":"text","text":""#),
        (Wire::Ollama, r"</document>\n\n"),
    ] {
        let batch = |prompt: &str| Request {
            shared: "<document>shared</document>".to_owned(),
            prompt: prompt.to_owned(),
            ..request()
        };
        let provider = ask(wire, vec![wire.good("hi")], &[batch("first"), batch("second")]).await;
        let posts = provider.posts();
        let common = posts[0].body.bytes().zip(posts[1].body.bytes()).take_while(|(a, b)| a == b).count();
        assert!(posts[0].body[..common].ends_with(breakpoint), "{}", posts[0].body);
    }
}

#[tokio::test]
async fn a_model_that_gives_shorter_answers_is_asked_for_those() {
    let said = "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for model";
    let complaint =
        respond("400 x", "application/json", &Wire::Anthropic.error("invalid_request_error", said).to_string());
    let provider = Provider::start(vec![vec![Act::Send(complaint)], Wire::Anthropic.good("hi")]);
    let mut settings = Wire::Anthropic.settings(&format!("http://{}", provider.address));
    settings.models.clear();
    let model = connect(&settings);
    for _ in 0..2 {
        assert_eq!(drain(model.answer(request())).await.text, "hi");
    }
    let asked: Vec<_> = provider.posts().iter().map(|seen| seen.body[..40].to_owned()).collect();
    expect![[r#"
        [
            "{\"model\":\"model\",\"max_tokens\":32000,\"str",
            "{\"model\":\"model\",\"max_tokens\":8192,\"stre",
            "{\"model\":\"model\",\"max_tokens\":8192,\"stre",
        ]
    "#]]
    .assert_debug_eq(&asked);
}

#[tokio::test]
async fn a_model_that_has_to_think_may() {
    let said = "thinking.type.disabled is not supported for this model";
    let complaint =
        respond("400 x", "application/json", &Wire::Anthropic.error("invalid_request_error", said).to_string());
    let scripts = vec![vec![Act::Send(complaint)], Wire::Anthropic.good("hi")];
    let provider = ask(Wire::Anthropic, scripts, &[request(), request()]).await;
    let thinks = provider.posts().iter().map(|seen| !seen.body.contains("thinking")).collect::<Vec<_>>();
    assert_eq!(thinks, [false, true, true]);
}

#[tokio::test]
async fn ollamas_context_grows_and_never_shrinks() {
    let prompt = |words: usize| Request { prompt: "word ".repeat(words), ..request() };
    let full = respond("400 x", "application/json", r#"{"error":"the input length exceeds the context length"}"#);
    let scripts = vec![
        Wire::Ollama.good("hi"),
        Wire::Ollama.good("hi"),
        Wire::Ollama.good("hi"),
        // More tokens than we took it for.
        vec![Act::Send(full)],
        Wire::Ollama.good("hi"),
    ];
    let provider = ask(Wire::Ollama, scripts, &[prompt(10), prompt(4000), prompt(10), prompt(10)]).await;
    let sizes: Vec<u64> = provider
        .posts()
        .iter()
        .map(|seen| {
            serde_json::from_str::<serde_json::Value>(&seen.body).unwrap()["options"]["num_ctx"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(sizes, [4096, 8192, 8192, 8192, 16_384]);
}

#[tokio::test]
async fn a_model_that_is_not_there_can_be_fetched() {
    let missing = respond("404 Not Found", "application/json", r#"{"error":"model 'model' not found"}"#);
    let pages = [("/api/tags", r#"{"models":[{"name":"qwen3:4b"},{"name":"model:latest"}]}"#)];
    let provider = Provider::with_pages(vec![vec![Act::Send(missing)]], pages);
    let settings = Wire::Ollama.settings(&format!("http://{}", provider.address));
    let error = drain(connect(&settings).answer(request())).await.end.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::NotFound);
    expect!["failed to get an answer from `fake/model`: the server knows no such model or address (404: model 'model' not found); run `ollama pull model`, or: did you mean `model:latest`? The server lists `model:latest`, `qwen3:4b`"]
        .assert_eq(&error.message);
}

#[tokio::test]
async fn servers_on_this_machine_are_told_apart_by_what_they_answer() {
    let tags = r#"{"models":[{"name":"nomic-embed-text:latest"},{"name":"qwen3:4b"}]}"#;
    let list = |owner: &str| {
        let page = format!(r#"{{"object":"list","data":[{{"id":"qwen","owned_by":"{owner}"}}]}}"#);
        &*Box::leak(page.into_boxed_str())
    };
    let llama = r#"{"models":[{"name":"qwen"}],"data":[{"id":"qwen","owned_by":"llamacpp"}]}"#;
    for (pages, name, wire) in [
        (vec![("/v1/models", list("library")), ("/api/tags", tags)], "ollama/qwen3:4b", Wire::Ollama),
        // A model that its user pushed is owned by that user.
        (vec![("/v1/models", list("somebody")), ("/api/tags", tags)], "ollama/qwen3:4b", Wire::Ollama),
        (vec![("/api/tags", tags)], "ollama/qwen3:4b", Wire::Ollama),
        // It names itself, and has no time for another list.
        (vec![("/v1/models", list("library"))], "ollama/qwen", Wire::Ollama),
        // llama.cpp imitates Ollama's list.
        (vec![("/v1/models", llama), ("/api/tags", llama)], "llama.cpp/qwen", Wire::OpenAi),
        (vec![("/v1/models", list("vllm"))], "vllm/qwen", Wire::OpenAi),
        (
            vec![("/v1/models", list("organization_owner")), ("/api/tags", r#"{"error":"no"}"#)],
            "lm-studio/qwen",
            Wire::OpenAi,
        ),
        (vec![("/v1/models", list("me"))], "local/qwen", Wire::OpenAi),
    ] {
        let provider = Provider::with_pages(vec![wire.good("hi")], pages);
        let tuning = Tuning { patience: patience(), ports: vec![provider.address.port()] };
        let model = model::connect_tuned(&fake::nothing(), &environment, tuning);
        assert_eq!(drain(model.answer(request())).await.text, "hi", "{name}");
        let post = &provider.posts()[0];
        let (_, id) = name.split_once('/').unwrap();
        assert!(post.body.contains(&format!(r#""model":"{id}""#)), "{name}: {}", post.body);
        assert!([provider.posts(), provider.gets()].concat().iter().all(|seen| !seen.head.contains(KEY)));
    }
}

#[tokio::test]
async fn ollama_is_found_where_its_own_variable_says() {
    let tags = [("/api/tags", r#"{"models":[{"name":"qwen3:4b"}]}"#)];
    let provider = Provider::with_pages(vec![Wire::Ollama.good("hi")], tags);
    let host = provider.address.to_string();
    let tuning = Tuning { patience: patience(), ports: Vec::new() };
    let variables = |name: &str| (name == "OLLAMA_HOST").then(|| host.clone());
    let model = model::connect_tuned(&fake::nothing(), &variables, tuning);
    assert_eq!(drain(model.answer(request())).await.text, "hi");
}

/// The window of `model` on a server with these pages.
async fn window(wire: Dialect, configured: Option<u64>, pages: &[(&'static str, &'static str)]) -> (u64, usize) {
    let provider = Provider::with_pages(vec![vec![]], pages.iter().copied());
    let target = Target {
        provider: "fake".to_owned(),
        model: "model".to_owned(),
        address: Address::parse(&format!("http://{}", provider.address), wire).unwrap(),
        address_setting: "the address".to_owned(),
        credential: Arc::new(Credential::new(&Key::Env(KEY_VARIABLE.to_owned()), &environment)),
        facts: ModelFacts { context_window: configured, ..ModelFacts::default() },
        family: None,
    };
    let client = Client::new(target, Arc::new(Http::default()), &Limits::default(), Patience::default());
    let window = client.window().await;
    // Whatever a panic, or a log line, shows of it.
    assert!(!format!("{client:#?}").contains(KEY));
    let asked = provider.gets().len();
    assert_eq!((client.window().await, provider.gets().len()), (window, asked), "it is asked once");
    (window, asked)
}

#[tokio::test]
async fn the_context_window_is_what_the_server_says() {
    use Dialect::{Anthropic, Ollama, OpenAi};
    let llama = ("/props", r#"{"default_generation_settings":{"n_ctx":2048},"total_slots":4}"#);
    let vllm = ("/v1/models", r#"{"data":[{"id":"other","max_model_len":1},{"id":"model","max_model_len":40960}]}"#);
    let router = ("/v1/models", r#"{"data":[{"id":"model","context_length":131072}]}"#);
    let silent = ("/v1/models", r#"{"data":[{"id":"model"}]}"#);
    let studio =
        ("/api/v0/models", r#"{"data":[{"id":"model","loaded_context_length":4096,"max_context_length":99999}]}"#);
    let claude = ("/v1/models/model", r#"{"id":"model","max_input_tokens":200000,"max_tokens":64000}"#);
    let show = ("/api/show", r#"{"model_info":{"general.architecture":"qwen3","qwen3.context_length":16384}}"#);
    let large = ("/api/show", r#"{"model_info":{"llama.context_length":131072}}"#);
    for (wire, configured, pages, expected) in [
        (OpenAi, None, vec![llama], 2048),
        // Who says more than the server has is wrong; who says less means it.
        (OpenAi, Some(9000), vec![llama], 2048),
        (OpenAi, Some(1024), vec![llama], 1024),
        (OpenAi, None, vec![vllm], 40_960),
        (OpenAi, None, vec![router], 131_072),
        (OpenAi, None, vec![silent, studio], 4096),
        (OpenAi, None, vec![silent], 8192),
        // It has no such list.
        (OpenAi, None, vec![], 8192),
        (OpenAi, Some(65_536), vec![silent], 65_536),
        (Anthropic, None, vec![claude], 200_000),
        (Ollama, None, vec![show], 16_384),
        // As much as it is asked to hold.
        (Ollama, None, vec![large], 32_768),
        (Ollama, Some(65_536), vec![large], 65_536),
        (Ollama, Some(65_536), vec![show], 16_384),
    ] {
        assert_eq!(window(wire, configured, &pages).await.0, expected, "{wire:?} {configured:?} {pages:?}");
    }
}

#[tokio::test]
async fn a_key_that_a_command_prints_is_asked_for_again_once_it_expired() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("key");
    std::fs::write(&script, "old").unwrap();
    let no = respond("401 x", "application/json", r#"{"error":{"message":"expired"}}"#);
    let provider = Provider::start(vec![Wire::OpenAi.good("hi"), vec![Act::Send(no)], Wire::OpenAi.good("hi")]);
    let mut settings = provider.settings();
    settings.providers.get_mut("fake").unwrap().key =
        Key::Command(vec!["cat".to_owned(), script.display().to_string()]);
    let model = connect(&settings);
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    std::fs::write(&script, "new").unwrap();
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    let keys: Vec<_> = provider.posts().iter().map(|seen| seen.head.contains("bearer new")).collect();
    assert_eq!(keys, [false, false, true]);
}
