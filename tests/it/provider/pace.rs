//! Retries, waits and concurrency.

use std::time::Duration;

use futures::{StreamExt, future::join_all};
use stepwright::engine::ports::{Delta, Finish, ModelErrorKind, Request};

use super::{ask, connect, drain, request};
use crate::support::provider::{Act, Provider, finish, good, respond, stream_head, text};

/// An error response with further headers, each with its line end.
fn error(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let response = respond(status, "application/json", body);
    let response = String::from_utf8(response).unwrap().replacen("\r\n", &format!("\r\n{headers}"), 1);
    vec![Act::Send(response.into_bytes())]
}

#[tokio::test]
async fn what_passes_is_tried_again_and_said() {
    for status in ["408 x", "409 x", "429 x", "500 x", "502 x", "503 x", "504 x", "529 x"] {
        let (provider, outcome) = ask(vec![error(status, "", "{}"), good("hi")]).await;
        assert_eq!((&*outcome.text, provider.posts().len()), ("hi", 2), "{status}");
        assert!(outcome.waits[0].1.contains("attempt 2 of 4"), "{:?}", outcome.waits);
    }
    // Nothing, a cut head, and an answer that breaks off before its first text.
    for script in [vec![], vec![Act::Send(b"HTTP/1.1 200".to_vec())], vec![Act::Send(stream_head())]] {
        let (provider, outcome) = ask(vec![script, good("hi")]).await;
        assert_eq!((&*outcome.text, provider.posts().len()), ("hi", 2));
    }
}

#[tokio::test]
async fn four_attempts_are_enough() {
    let (provider, outcome) = ask(vec![error("503 x", "", "{}")]).await;
    assert_eq!((outcome.kind(), provider.posts().len()), (Some(ModelErrorKind::Unavailable), 4));
}

#[tokio::test]
async fn what_stays_wrong_is_not_tried_again() {
    let quota = r#"{"error":{"code":"insufficient_quota","message":"You exceeded your quota"}}"#;
    for (status, body, kind) in [
        ("400 x", "{}", ModelErrorKind::Rejected),
        ("401 x", "{}", ModelErrorKind::Auth),
        ("402 x", "{}", ModelErrorKind::Quota),
        ("403 x", "{}", ModelErrorKind::Auth),
        ("404 x", "{}", ModelErrorKind::NotFound),
        ("413 x", "{}", ModelErrorKind::TooLong),
        ("422 x", "{}", ModelErrorKind::Rejected),
        ("429 x", quota, ModelErrorKind::Quota),
    ] {
        let (provider, outcome) = ask(vec![error(status, "", body)]).await;
        assert_eq!((outcome.kind(), provider.posts().len()), (Some(kind), 1), "{status}");
    }
    // Its text was handed on.
    let cut = vec![Act::Send([stream_head(), text("hi")].concat())];
    let (provider, outcome) = ask(vec![cut, good("again")]).await;
    assert_eq!((&*outcome.text, outcome.kind()), ("hi", Some(ModelErrorKind::Truncated)));
    assert_eq!(provider.posts().len(), 1);
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH);
    let gemini = r#"[{"error":{"code":429,"details":[{"retryDelay":"0.002s"}]}}]"#;
    for (header, body, millis) in [
        ("retry-after-ms: 3\r\nretry-after: 60\r\n".to_owned(), "{}", 3..=3),
        ("retry-after: 0.004\r\n".to_owned(), "{}", 4..=4),
        ("retry-after: 0\r\n".to_owned(), "{}", 0..=0),
        // In the past; before the present; nonsense: no longer than without.
        (format!("retry-after: {date}\r\n"), "{}", 0..=0),
        ("retry-after: -5\r\n".to_owned(), "{}", 0..=1),
        ("retry-after: soon\r\n".to_owned(), "{}", 0..=1),
        (String::new(), gemini, 2..=2),
    ] {
        let (provider, outcome) = ask(vec![error("429 x", &header, body), good("hi")]).await;
        assert_eq!((&*outcome.text, provider.posts().len()), ("hi", 2), "{header}");
        assert!(millis.contains(&outcome.waits[0].0.as_millis()), "{header}: {:?}", outcome.waits);
    }
}

#[tokio::test]
async fn nobody_waits_for_longer_than_five_minutes() {
    for (seconds, said) in
        [("1e9", "come back in 11575 days"), ("301", "come back in 6 min"), ("86400", "come back in 24 h")]
    {
        let (provider, outcome) = ask(vec![error("429 x", &format!("retry-after: {seconds}\r\n"), "{}")]).await;
        let message = outcome.end.unwrap_err().message;
        assert!(message.contains(said), "{message}");
        assert_eq!(provider.posts().len(), 1);
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_stream() {
    let provider = Provider::start(vec![error("503 x", "retry-after: 60\r\n", "{}"), good("hi")]);
    let model = connect(&provider.settings());
    let mut stream = model.answer(request());
    let Some(Ok(Delta::Waiting { delay, .. })) = stream.next().await else { panic!("no wait") };
    assert_eq!(delay, Duration::from_secs(60));
    // The pause holds for everybody, and leaving it leaves nothing behind.
    let mut second = model.answer(request());
    let Some(Ok(Delta::Waiting { reason, .. })) = second.next().await else { panic!("no wait") };
    assert_eq!(reason, "the server asked for a pause");
    drop((stream, second));
    assert_eq!(provider.posts().len(), 1);
}

#[tokio::test]
async fn a_parameter_that_the_server_does_not_take_is_sent_once() {
    let complain = |name: &str| {
        let body = format!(
            r#"{{"error":{{"code":"unsupported_parameter","param":"{name}","message":"Unsupported parameter: '{name}'"}}}}"#
        );
        error("400 x", "", &body)
    };
    let scripts = vec![
        complain("max_tokens"),
        complain("max_completion_tokens"),
        complain("stream_options"),
        good("hi"),
        good("hi"),
    ];
    let provider = Provider::start(scripts);
    let model = connect(&provider.settings());
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    assert_eq!(drain(model.answer(request())).await.text, "hi");
    let sent: Vec<_> =
        provider.posts().iter().map(|seen| seen.body[16..seen.body.find("\"messages").unwrap()].to_owned()).collect();
    let options = r#","stream":true,"stream_options":{"include_usage":true},"#;
    let expected = [
        format!("{options}\"max_tokens\":99,"),
        format!("{options}\"max_completion_tokens\":99,"),
        options.to_owned(),
        r#","stream":true,"#.to_owned(),
        r#","stream":true,"#.to_owned(),
    ];
    assert_eq!(sent, expected);
    // A complaint about something that wasn't sent is an error like any other.
    let (provider, outcome) = ask(vec![complain("temperature")]).await;
    assert_eq!((outcome.kind(), provider.posts().len()), (Some(ModelErrorKind::Rejected), 1));
}

#[tokio::test]
async fn a_server_gets_no_more_than_it_has_slots() {
    let answer = vec![Act::Send(stream_head()), Act::Send(text("hi")), Act::Send(finish("stop"))];
    let provider = Provider::with_pages(vec![answer], [("/props", r#"{"total_slots":2}"#)]);
    let mut settings = provider.settings();
    settings.limits.concurrency = None;
    let model = connect(&settings);
    assert_eq!(model.concurrency(), 1);
    let outcomes = join_all((0..8).map(|_| drain(model.answer(request())))).await;
    assert!(outcomes.iter().all(|outcome| outcome.finish() == Some(&Finish::Stop)));
    assert!(outcomes.iter().flat_map(|outcome| &outcome.waits).any(|(_, reason)| reason.contains("under way")));
    assert_eq!((provider.posts().len(), model.concurrency()), (8, 2));
    assert!(provider.most_active() <= 2);
}

#[tokio::test]
async fn the_first_request_of_a_batch_fills_the_cache_alone() {
    let provider = Provider::start(vec![vec![Act::Stall], good("hi")]);
    let model = connect(&provider.settings());
    let batch = || Request { shared: "the same".to_owned(), ..request() };
    let mut first = model.answer(batch());
    while provider.posts().is_empty() {
        assert!(futures::poll!(first.next()).is_pending());
        tokio::task::yield_now().await;
    }
    let mut second = model.answer(batch());
    let Some(Ok(Delta::Waiting { reason, .. })) = second.next().await else { panic!("no wait") };
    assert_eq!(reason, "another request fills the provider's cache first");
    drop(first);
    assert_eq!(drain(second).await.text, "hi");
}
