//! A model's answer on its way to the editor: how late the first text is, what each event costs, how soon a cancelled one is given up.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde_json::json;
use stepwright::{
    config::{Key, Provider as Configured, Settings, Wire},
    engine::ports::{Delta, Model, Request},
    model,
};

use super::{
    editor::Editor,
    home::Home,
    process,
    provider::{Pace, Provider, RawClient, Served},
    samples::{Samples, medians, millis},
    table::{Goal, Table, Value},
};

const REQUESTS: usize = 100;
const EVENTS: usize = 200_000;
const INSTRUCTION: &str = "Say something.";

pub fn measure(table: &mut Table) {
    first_text(table);
    stream_cost(table);
    cancel(table);
}

/// Three clients in turn. The provider's own time is taken off, so that its pauses don't blur what is measured.
fn first_text(table: &mut Table) {
    let provider = Provider::start(Pace::words(3, Duration::from_millis(20), Duration::ZERO));
    let home = Home::with_provider(provider.address, 8);
    let mut editor = Editor::ready(&home);
    let runtime = runtime();
    let model = model::connect(&settings(&provider), &|_| None);
    let mut raw = RawClient::connect(provider.address);
    let body = json!({ "model": "model", "stream": true, "messages": [{ "role": "user", "content": INSTRUCTION }] });
    let body = body.to_string();

    let mut measured: [Samples; 3] = Default::default();
    for _ in 0..REQUESTS {
        let overheads = [
            overhead(&provider, || raw.first_text(&body)),
            overhead(&provider, || runtime.block_on(first_delta(&*model))),
            overhead(&provider, || {
                editor.run(json!({ "workflow": "chat", "instruction": INSTRUCTION }));
                editor.notification("stepwright/text");
                let first = Instant::now();
                editor.notification("stepwright/end");
                first
            }),
        ];
        measured.iter_mut().zip(overheads).for_each(|(samples, overhead)| samples.extend([overhead]));
    }
    let [raw, client, editor] = measured;
    for (percent, goal) in [(50, 1.0), (95, 5.0)] {
        let raw = raw.percentile(percent);
        for (name, samples) in [("model client", &client), ("whole server", &editor)] {
            let overhead = samples.percentile(percent);
            let (name, goal) = (format!("first text, {name}, p{percent}"), Goal::AtMost(Value::Millis(raw + goal)));
            table.beside(&name, Value::Millis(overhead), "raw socket", Value::Millis(raw), goal);
        }
    }
}

/// How much later the first text is than the provider's own pause makes it.
fn overhead(provider: &Provider, ask: impl FnOnce() -> Instant) -> f64 {
    let start = Instant::now();
    let first = ask();
    let Served { arrived, began, .. } = provider.take(1).remove(0);
    millis(first - start) - millis(began - arrived)
}

async fn first_delta(model: &dyn Model) -> Instant {
    let mut deltas = model.answer(request());
    let mut first = None;
    while let Some(delta) = deltas.next().await {
        if let Delta::Text(_) = delta.expect("the provider answers") {
            first.get_or_insert_with(Instant::now);
        }
    }
    first.expect("the answer has text")
}

/// One write for each event, as real providers have it.
fn stream_cost(table: &mut Table) {
    let provider = Provider::start(Pace::words(EVENTS, Duration::ZERO, Duration::ZERO));
    let per_event = |seconds: f64| seconds * 1e6 / EVENTS as f64;
    let runtime = runtime();
    let model = model::connect(&settings(&provider), &|_| None);
    let in_client = || {
        let before = process::own_processor_time()?;
        runtime.block_on(first_delta(&*model));
        Some([per_event(process::own_processor_time()? - before)])
    };
    if in_client().is_none() {
        return;
    }
    let [client] = medians(|| in_client().unwrap_or_default()).map(Value::Micros);
    table.row("processor time an event, model client", client, Goal::AtMost(Value::Micros(3.0)));

    let home = Home::with_provider(provider.address, 1);
    let mut editor = Editor::ready(&home);
    let mut in_server = || {
        let before = process::processor_time(editor.pid())?;
        editor.run(json!({ "workflow": "chat", "instruction": INSTRUCTION }));
        editor.notification("stepwright/end");
        Some([per_event(process::processor_time(editor.pid())? - before)])
    };
    if in_server().is_some() {
        let [cost] = medians(|| in_server().unwrap_or_default());
        let server = Value::Micros(cost);
        table.beside("processor time an event, whole server", server, "model client", client, Goal::None);
    }
}

fn cancel(table: &mut Table) {
    let provider = Provider::start(Pace { ends: false, ..Pace::words(3, Duration::ZERO, Duration::ZERO) });
    let home = Home::with_provider(provider.address, 1);
    let mut editor = Editor::ready(&home);
    let [time] = medians(|| {
        editor.run(json!({ "workflow": "chat", "instruction": INSTRUCTION }));
        editor.notification("stepwright/text");
        let start = Instant::now();
        editor.notify("window/workDoneProgress/cancel", json!({ "token": "stepwright-1" }));
        let served = provider.take(1).remove(0);
        editor.notification("stepwright/end");
        [millis(served.ended - start)]
    });
    table.row("cancel to closed connection", Value::Millis(time), Goal::AtMost(Value::Millis(100.0)));
}

fn request() -> Request {
    Request { step: "Chat".to_owned(), prompt: INSTRUCTION.to_owned(), ..Request::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime takes a few descriptors")
}

fn settings(provider: &Provider) -> Settings {
    let base_url = Some(format!("http://{}", provider.address));
    let configured = Configured { wire: Wire::OpenAi, base_url, key: Key::None, path: None };
    let mut settings = Settings {
        main: Some("fake/model".to_owned()),
        providers: BTreeMap::from([("fake".to_owned(), configured)]),
        ..Settings::default()
    };
    settings.limits.concurrency = Some(8);
    settings
}
