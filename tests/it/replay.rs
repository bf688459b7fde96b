//! Recorded answers, and how they are recorded.

use std::{fs, time::Duration};

use expect_test::{Expect, expect};
use futures::StreamExt;
use stepwright::{
    engine::ports::{Delta, Finish, Request},
    model,
};

use crate::{
    provider::{Outcome, connect, drain, request},
    support::provider::{self as fake, KEY, Provider, good},
};

/// Asks a replay file with this content.
async fn ask(content: &str, request: Request) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.json");
    fs::write(&file, content).unwrap();
    let outcome = drain(connect(&fake::replay(file)).answer(request)).await;
    let end = outcome.end.map_err(|error| stepwright::engine::ports::ModelError {
        message: error.message.replace(&*folder.path().to_string_lossy(), "DIR"),
        ..error
    });
    Outcome { end, ..outcome }
}

async fn check(content: &str, expected: Expect) {
    let shown = match ask(content, request()).await {
        Outcome { text, end: Ok(end), .. } => format!("{text:?} {end:?}"),
        Outcome { end: Err(error), .. } => format!("{:?}: {}", error.kind, error.message),
    };
    expected.assert_eq(&shown);
}

#[tokio::test]
async fn the_first_entry_that_matches_answers() {
    let entries = r#"[{"match":"no such","reply":"a"},{"match":"missiles","reply":"b c"},{"match":"","reply":"d"}]"#;
    check(
        entries,
        expect![[r#""b c" Done { finish: Stop, usage: Usage { input: 23, cached: 0, output: 1, cost: Some(0.0) } }"#]],
    )
    .await;
    for (part, request) in [("careful", request()), ("shared", Request { shared: "shared".to_owned(), ..request() })] {
        let entries = serde_json::json!([{"match": part, "reply": "found"}]).to_string();
        assert_eq!(ask(&entries, request).await.text, "found");
    }
}

/// What was recorded in one run must answer another, whose tags have other names.
#[tokio::test]
async fn the_names_of_a_runs_tags_do_not_matter() {
    let entries = r#"[{"match":"<document-NONCE path=\"a\">","reply":"<file-NONCE>\nx\n</file-NONCE>"}]"#;
    let request = Request { prompt: "<document-77 path=\"a\">".to_owned(), nonce: "77".to_owned(), ..request() };
    assert_eq!(ask(entries, request).await.text, "<file-77>\nx\n</file-77>");

    let provider = Provider::start(vec![good("<file-78>\ny\n</file-78>")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.json");
    let path = file.to_string_lossy().into_owned();
    let model = model::connect(&provider.settings(), &|name| match name {
        "STEPWRIGHT_RECORD" => Some(path.clone()),
        name => (name == fake::KEY_VARIABLE).then(|| KEY.to_owned()),
    });
    let asked = Request { prompt: "in <document-78>".to_owned(), nonce: "78".to_owned(), ..self::request() };
    drain(model.answer(asked)).await;
    let recorded = fs::read_to_string(&file).unwrap();
    assert!(recorded.contains("in <document-NONCE>") && recorded.contains("<file-NONCE>"), "{recorded}");
}

#[tokio::test]
async fn an_entry_can_be_slow_and_end_badly() {
    let entries = r#"[{"match":"","reply":"a b\n c","delay_ms":1,"chunk_ms":1,"finish":"length"}]"#;
    let outcome = ask(entries, request()).await;
    assert_eq!((&*outcome.text, outcome.finish()), ("a b\n c", Some(&Finish::Length)));
    let blocked = ask(r#"[{"match":"","reply":"","finish":"content_filter"}]"#, request()).await;
    assert_eq!(blocked.finish(), Some(&Finish::Blocked("content_filter".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn words_come_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.json");
    fs::write(&file, r#"[{"match":"","reply":"one two three","delay_ms":60000,"chunk_ms":1000}]"#).unwrap();
    let model = connect(&fake::replay(file));
    let start = tokio::time::Instant::now();
    let times = model.answer(request()).map(|item| match item.unwrap() {
        Delta::Text(text) => (text, start.elapsed().as_secs()),
        end => (format!("{end:?}").chars().take(4).collect(), start.elapsed().as_secs()),
    });
    let times: Vec<_> = times.collect().await;
    let expected = [("one ", 60), ("two ", 61), ("three", 62), ("Done", 62)];
    assert_eq!(times, expected.map(|(text, seconds)| (text.to_owned(), seconds)));
    assert!(start.elapsed() < Duration::from_secs(63));
}

#[tokio::test]
async fn a_bad_file_says_what_is_wrong() {
    check(r#"[{"match":"no such","reply":"a"}]"#, expect!["Configuration: the replay file `DIR/r.json` has no answer for the step `Plan Tests`: add an entry whose `match` is a part of its prompt"]).await;
    check(r#"[{"match":"a","reply":"b","answer":"c"}]"#, expect!["Configuration: failed to read the replay file `DIR/r.json`: unknown field `answer`, expected one of `match`, `reply`, `delay_ms`, `chunk_ms`, `finish` at line 1 column 34; it is a JSON array of objects with `match`, `reply` and, if need be, `finish`, `delay_ms`, `chunk_ms`"]).await;
    check(r#"[{"reply":"b"}]"#, expect!["Configuration: failed to read the replay file `DIR/r.json`: missing field `match` at line 1 column 14; it is a JSON array of objects with `match`, `reply` and, if need be, `finish`, `delay_ms`, `chunk_ms`"]).await;
    check("", expect!["Configuration: failed to read the replay file `DIR/r.json`: EOF while parsing a value at line 1 column 0; it is a JSON array of objects with `match`, `reply` and, if need be, `finish`, `delay_ms`, `chunk_ms`"]).await;
    check("[]", expect!["Configuration: the replay file `DIR/r.json` has no answer for the step `Plan Tests`: add an entry whose `match` is a part of its prompt"]).await;
    let missing = drain(connect(&fake::replay("/no/such/file".into())).answer(request())).await.end.unwrap_err();
    expect!["failed to read the replay file `/no/such/file`: No such file or directory (os error 2)"]
        .assert_eq(&missing.message);
}

#[tokio::test]
async fn a_real_answer_can_be_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.json");
    let provider = Provider::start(vec![good(&format!("the key is {KEY}")), good("second")]);
    let environment = |name: &str| match name {
        "STEPWRIGHT_RECORD" => Some(file.display().to_string()),
        name => crate::provider::environment(name),
    };
    let model = model::connect(&provider.settings(), &environment);
    drain(model.answer(request())).await;
    drain(model.answer(Request { prompt: "another".to_owned(), ..request() })).await;
    expect![[r#"
        [
          {
            "match": "fn main() { launch_the_missiles(); } // rewrite",
            "reply": "the key is •••"
          },
          {
            "match": "another",
            "reply": "second"
          }
        ]
    "#]]
    .assert_eq(&fs::read_to_string(&file).unwrap());
    let replayed = connect(&fake::replay(file.clone()));
    let request = Request { prompt: "another".to_owned(), ..request() };
    assert_eq!(drain(replayed.answer(request)).await.text, "second");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// For a bug report: the form of an answer without the text it is about.
#[tokio::test]
async fn a_record_can_leave_the_documents_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.json");
    let answer = "<file-77>\nfn secret_business() {}\n// A new comment.\n</file-77>";
    let provider = Provider::start(vec![good(answer)]);
    let model = model::connect(&provider.settings(), &|name| match name {
        "STEPWRIGHT_RECORD" => Some(file.display().to_string()),
        "STEPWRIGHT_RECORD_DOCUMENTS" => Some("0".to_owned()),
        name => crate::provider::environment(name),
    });
    let prompt =
        "<document-77 path=\"a.rs\">\nfn secret_business() {}\n</document-77>\n\nAnswer with a.rs in <file-77>.";
    let request = Request {
        shared: "<document-77 path=\"b.rs\">\nlet b = private;\n</document-77>\n".to_owned(),
        prompt: prompt.to_owned(),
        nonce: "77".to_owned(),
        ..request()
    };
    drain(model.answer(request.clone())).await;
    expect![[r#"
        [
          {
            "match": "Answer with a.rs in <file-NONCE>.",
            "reply": "<file-NONCE>\n…\n// A new comment.\n</file-NONCE>"
          }
        ]
    "#]]
    .assert_eq(&fs::read_to_string(&file).unwrap());
    let replayed = drain(connect(&fake::replay(file)).answer(request)).await;
    assert_eq!(replayed.text, "<file-77>\n…\n// A new comment.\n</file-77>");
}
