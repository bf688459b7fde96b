//! The real client against a provider that misbehaves: what comes out, how often it asked, and what a person reads.

mod errors;
mod facts;
mod pace;
mod wires;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use expect_test::expect;
use futures::{StreamExt, stream::BoxStream};
use stepwright::{
    config::{Price, Settings},
    engine::ports::{Delta, Finish, Model, ModelError, ModelErrorKind, Request},
    model::{self, Tuning, retry::Patience},
};

use crate::support::provider::{
    self as fake, Act, KEY, KEY_VARIABLE, Provider, event, finish, good, stream_head, text,
};

/// Until a cancelled request's connection is closed.
const CANCEL_DEADLINE: Duration = Duration::from_secs(1);

/// Waits that tests can afford.
pub fn patience() -> Patience {
    let millisecond = Duration::from_millis(1);
    Patience { first_wait: millisecond, longest_backoff: millisecond, ..Patience::default() }
}

pub fn environment(name: &str) -> Option<String> {
    (name == KEY_VARIABLE).then(|| KEY.to_owned())
}

pub fn connect(settings: &Settings) -> Arc<dyn Model> {
    model::connect_tuned(settings, &environment, Tuning { patience: patience(), ports: Vec::new() })
}

pub fn request() -> Request {
    Request {
        step: "Plan Tests".to_owned(),
        system: "You are careful.".to_owned(),
        prompt: "fn main() { launch_the_missiles(); } // rewrite".to_owned(),
        ..Request::default()
    }
}

/// All that a stream said.
#[derive(Debug)]
pub struct Outcome {
    pub text: String,
    pub waits: Vec<(Duration, String)>,
    pub end: Result<Delta, ModelError>,
}

pub async fn drain(mut stream: BoxStream<'_, Result<Delta, ModelError>>) -> Outcome {
    let (mut text, mut waits) = (String::new(), Vec::new());
    while let Some(item) = stream.next().await {
        match item {
            Ok(Delta::Text(piece)) => text.push_str(&piece),
            Ok(Delta::Waiting { delay, reason }) => waits.push((delay, reason)),
            end => {
                assert!(stream.next().await.is_none(), "nothing comes after the end");
                return Outcome { text, waits, end };
            }
        }
    }
    panic!("a stream ends with an item that says how");
}

impl Outcome {
    pub fn finish(&self) -> Option<&Finish> {
        match &self.end {
            Ok(Delta::Done { finish, .. }) => Some(finish),
            _ => None,
        }
    }

    pub fn kind(&self) -> Option<ModelErrorKind> {
        self.end.as_ref().err().map(|error| error.kind)
    }
}

/// Sends one request to a provider with these scripts.
pub async fn ask(scripts: Vec<Vec<Act>>) -> (Provider, Outcome) {
    let provider = Provider::start(scripts);
    let outcome = drain(connect(&provider.settings()).answer(request())).await;
    (provider, outcome)
}

#[tokio::test]
async fn a_good_answer_comes_in_pieces_with_its_usage_and_price() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":40}}}"#;
    let body = [stream_head(), text("é"), text("𐐀!"), finish("stop"), event(usage), event("[DONE]")].concat();
    let provider = Provider::start(vec![vec![Act::Send(body)]]);
    let mut settings = provider.settings();
    settings.models.get_mut("fake/model").unwrap().price = Some(Price { input: 1.0, cached: Some(0.5), output: 2.0 });
    let items: Vec<_> = connect(&settings).answer(request()).map(Result::unwrap).collect().await;
    expect![[r#"
        [
            Text(
                "é",
            ),
            Text(
                "𐐀!",
            ),
            Done {
                finish: Stop,
                usage: Usage {
                    input: 100,
                    cached: 40,
                    output: 10,
                    cost: Some(
                        0.0001,
                    ),
                },
            },
        ]
    "#]]
    .assert_debug_eq(&items);
}

#[tokio::test]
async fn the_request_is_what_the_wire_asks_for() {
    let (provider, _) = ask(vec![good("x")]).await;
    let seen = &provider.posts()[0];
    assert!(seen.head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{}", seen.head);
    assert!(seen.head.contains(&format!("authorization: bearer {KEY}\r\n")));
    assert!(!seen.head.contains("accept-encoding") && !seen.head.contains("referer"), "{}", seen.head);
    expect![[r#"{"model":"model","stream":true,"stream_options":{"include_usage":true},"max_tokens":99,"messages":[{"role":"system","content":"You are careful."},{"role":"user","content":"fn main() { launch_the_missiles(); } // rewrite"}]}"#]]
    .assert_eq(&seen.body);
}

#[tokio::test]
async fn the_same_text_arrives_however_the_bytes_are_cut() {
    let body = [stream_head(), text("é𐐀"), b": ping\r\n\r\n".to_vec(), text("\r\n!"), finish("stop")].concat();
    let (_, whole) = ask(vec![vec![Act::Send(body.clone())]]).await;
    let (_, trickled) = ask(vec![vec![Act::Trickle(body)]]).await;
    assert_eq!((&*whole.text, whole.finish()), ("é𐐀\r\n!", Some(&Finish::Stop)));
    assert_eq!((&*trickled.text, trickled.finish()), ("é𐐀\r\n!", Some(&Finish::Stop)));
}

#[tokio::test]
async fn a_connection_that_ends_or_stays_open_after_the_finish_reason_changes_nothing() {
    let answer = [stream_head(), text("hi"), finish("stop")].concat();
    let done = [&*answer, &event("[DONE]")].concat();
    for script in [
        vec![Act::Send(answer)],
        vec![Act::Send(done.clone()), Act::Stall],
        // More was promised than came.
        vec![Act::Send(
            String::from_utf8(done).unwrap().replace("connection: close", "content-length: 9999").into_bytes(),
        )],
    ] {
        let (provider, outcome) = ask(vec![script.clone()]).await;
        assert_eq!((&*outcome.text, outcome.finish()), ("hi", Some(&Finish::Stop)), "{script:?}");
        assert_eq!(provider.posts().len(), 1);
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    for begin in [Vec::new(), [stream_head(), text("hi")].concat()] {
        let has_text = !begin.is_empty();
        let provider = Provider::start(vec![vec![Act::Send(begin), Act::Stall]]);
        let model = connect(&provider.settings());
        let mut stream = model.answer(request());
        if has_text {
            assert_eq!(stream.next().await, Some(Ok(Delta::Text("hi".to_owned()))));
        } else {
            while provider.posts().is_empty() {
                let polled = futures::poll!(stream.next());
                assert!(polled.is_pending());
                tokio::task::yield_now().await;
            }
        }
        let dropped = Instant::now();
        drop(stream);
        // The connection's own task notices, so it has to be let run.
        let left = tokio::task::spawn_blocking(move || provider.wait_until_left()).await.unwrap();
        assert!(left - dropped < CANCEL_DEADLINE, "{:?}", left - dropped);
    }
}

#[tokio::test]
async fn a_connection_that_went_stale_is_not_the_users_problem() {
    let reply = [text("hi"), finish("stop"), event("[DONE]")].concat();
    let kept = fake::kept("200 OK", "text/event-stream", std::str::from_utf8(&reply).unwrap());
    // The second request on the kept connection is read, and then the connection closes.
    let provider = Provider::start(vec![vec![Act::Send(kept), Act::Keep], vec![], good("again")]);
    let model = connect(&provider.settings());
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    assert_eq!(drain(model.answer(request())).await.text, "again");
    assert_eq!(provider.posts().len(), 3);
}

#[tokio::test]
async fn a_server_on_this_machine_is_found_by_what_it_answers() {
    let models = r#"{"data":[{"id":"nomic-embed","owned_by":"llamacpp"},{"id":"qwen","owned_by":"llamacpp"}]}"#;
    let other = Provider::start(vec![]);
    let provider = Provider::with_pages(vec![good("hi")], [("/v1/models", models), ("/props", r#"{"total_slots":3}"#)]);
    let tuning = Tuning { patience: patience(), ports: vec![other.address.port(), provider.address.port()] };
    let model = model::connect_tuned(&fake::nothing(), &environment, tuning);
    assert_eq!(model.concurrency(), 1);
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    assert_eq!(model.concurrency(), 3);
    assert!(provider.posts()[0].body.contains(r#""model":"qwen""#));
    let heads = [provider.posts(), provider.gets(), other.gets()].concat();
    assert!(heads.iter().all(|seen| !seen.head.contains("authorization")));
}

#[tokio::test]
async fn nothing_found_says_the_ways_to_a_model() {
    let outcome = drain(connect(&fake::nothing()).answer(request())).await;
    assert_eq!(outcome.kind(), Some(ModelErrorKind::Configuration));
    expect![[r#"no model is configured: set `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` in the environment, or start a model server on this machine (Ollama, llama.cpp, LM Studio, vLLM), or describe one in a `[providers]` table of the configuration file; `stepwright demo` shows the program without any"#]]
    .assert_eq(&outcome.end.unwrap_err().message);
}

#[tokio::test]
async fn a_single_local_provider_needs_no_model_name() {
    let provider = Provider::with_pages(vec![good("hi")], [("/v1/models", r#"{"data":[{"id":"qwen"}]}"#)]);
    let settings = Settings { main: None, models: BTreeMap::new(), ..provider.settings() };
    assert_eq!(drain(connect(&settings).answer(request())).await.text, "hi");
    assert!(provider.posts()[0].body.contains(r#""model":"qwen""#));
    assert_eq!(model::check(&settings, &environment, None).await, Ok("fake/qwen".to_owned()));
}

#[tokio::test]
async fn a_run_can_be_checked_before_it_starts() {
    let check = async |model, environment: &dyn Fn(&str) -> Option<String>, base: &str| {
        model::check(&fake::settings(base), environment, model).await.map_err(|error| error.message)
    };
    let none: &dyn Fn(&str) -> Option<String> = &|_| None;
    let base = "https://provider.example";
    assert_eq!(check(None, &environment, base).await, Ok("fake/model".to_owned()));
    let missing = check(None, none, base).await.unwrap_err();
    expect!["failed to get an answer from `fake/model`: its key isn't set; set the environment variable `FAKE_KEY`, then restart the editor"]
        .assert_eq(&missing);
    assert!(check(Some("replay"), none, base).await.unwrap_err().contains("[providers.replay]"));
}
