//! What runs cost: told before, shown while they go on, kept within caps, and said at the end. Through the real program.

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{
    editor::{Editor, Profile, Setup},
    provider::{Act, KEY, KEY_VARIABLE, Provider, event, finish, stream_head, text},
    sandbox::{Ran, Sandbox},
};

/// A dollar for a thousand tokens of prompt, ten cents of it cached, two dollars for a thousand of answer.
const PRICE: &str = "price = { input = 1000, cached = 100, output = 2000 }";

/// A whole answer with its usage: prompt, cached part, answer.
fn counted(answer: &str, (input, cached, output): (u64, u64, u64)) -> Vec<u8> {
    let usage = json!({
        "choices": [],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "prompt_tokens_details": { "cached_tokens": cached } },
    });
    [stream_head(), text(answer), finish("stop"), event(&usage.to_string()), event("[DONE]")].concat()
}

fn sandbox(files: &[(&str, &str)], provider: &Provider, model: &str, limits: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    files.iter().for_each(|(file, text)| sandbox.write(file, text));
    let provider = provider.config();
    sandbox.config(&format!("summary = false\n{provider}[models.\"fake/model\"]\n{model}\n[limits]\n{limits}\n"));
    sandbox
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let mut command = sandbox.stepwright(arguments);
    Ran::from(command.env(KEY_VARIABLE, KEY).output().expect("the program starts"))
}

/// The last events of these types, without their run.
fn last(events: &[Value], kind: &str) -> Value {
    let mut event = events.iter().rfind(|event| event["type"] == kind).expect("there is one").clone();
    event.as_object_mut().expect("an object").remove("run");
    event
}

const FILES: &[(&str, &str)] = &[("a.py", "a = 1\n"), ("b.py", "b = 1\n"), ("c.py", "c = 1\n")];
const AUTO: &[&str] = &["run", "auto", "--json", "--file", "*.py", "Make it better."];

#[test]
fn usage_is_counted_up_and_told_at_the_end() {
    let answer = |n| vec![Act::Send(counted(&format!("```python\nx = {n}\n```"), (1000, 500, 10)))];
    let provider = Provider::start(vec![answer(1), answer(2), answer(3)]);
    let sandbox = sandbox(FILES, &provider, PRICE, "concurrency = 1");
    let ran = run(&sandbox, AUTO);
    assert_eq!(ran.code, 0, "{ran:?}");
    let usage: Vec<_> = ran.events().into_iter().filter(|event| event["type"] == "usage").collect();
    let costs: Vec<_> = usage.iter().map(|usage| format!("{:.4}", usage["cost_usd"].as_f64().unwrap())).collect();
    assert_eq!(costs, ["0.5700", "1.1400", "1.7100"]);
    let mut total = last(&ran.events(), "usage");
    total.as_object_mut().unwrap().remove("cost_usd");
    assert_eq!(total, json!({ "type": "usage", "input_tokens": 3000, "output_tokens": 30, "cached_tokens": 1500 }));
    let again = run(&sandbox, &["run", "chat", "Hello"]);
    assert!(again.out.contains("\n  1,000 tokens in (500 cached), 10 out, $0.5700\n"), "{}", again.out);
}

#[test]
fn a_server_that_does_not_count_gets_an_estimate() {
    let silent = [stream_head(), text("Hello yourself, whoever you are."), finish("stop"), event("[DONE]")].concat();
    let provider = Provider::start(vec![vec![Act::Send(silent)]]);
    let sandbox = sandbox(&[], &provider, PRICE, "");
    let ran = run(&sandbox, &["run", "chat", "--json", "Hello"]);
    let usage = last(&ran.events(), "usage");
    let number = |key: &str| usage[key].as_f64().unwrap();
    assert!((50.0..500.0).contains(&number("input_tokens")) && number("output_tokens") == 11.0, "{usage}");
    assert!((number("cost_usd") - number("input_tokens") / 1000.0 - 0.022).abs() < 1e-6, "{usage}");
}

/// N23.
#[test]
fn the_call_that_could_pass_the_cap_is_not_made() {
    let provider = Provider::start(vec![vec![Act::Send(counted("```python\nx = 2\n```", (400, 0, 10)))]]);
    let sandbox = sandbox(
        FILES,
        &provider,
        &format!("{PRICE}\nmax-output-tokens = 100"),
        "concurrency = 1\nmax-cost-per-run = 0.7",
    );
    let ran = run(&sandbox, AUTO);
    assert_eq!(provider.posts().len(), 1);
    assert_eq!(ran.code, 3, "{ran:?}");
    let end = last(&ran.events(), "end")["summary"].as_str().unwrap().to_owned();
    expect!["Auto finished: a.py was changed; b.py, c.py failed: `max-cost-per-run` allows $0.7000, of which $0.4200 is spent, and the next request could cost more than the rest; raise `max-cost-per-run` in `[limits]` of your configuration file, or choose a cheaper model"].assert_eq(&end);
    assert_eq!((sandbox.read("a.py").as_deref(), sandbox.read("b.py").as_deref()), (Some("x = 2\n"), Some("b = 1\n")));
}

#[test]
fn a_run_that_no_cap_allows_sends_nothing() {
    let provider = Provider::start(vec![vec![Act::Stall]]);
    for limits in ["max-cost-per-run = 0.01", "max-cost-per-day = 0.01", "max-cost-per-run = 0"] {
        let sandbox = sandbox(FILES, &provider, PRICE, limits);
        let ran = run(&sandbox, &["run", "chat", "Hello"]);
        assert_eq!((ran.code, provider.posts().len()), (1, 0), "{limits}: {ran:?}");
        let cap = limits.split(' ').next().unwrap();
        assert!(ran.out.contains(&format!("raise `{cap}` in `[limits]`")), "{}", ran.out);
        assert!(ran.out.contains("\n  0 tokens in, 0 out, $0.0000\n"), "{}", ran.out);
    }
}

#[test]
fn requests_side_by_side_stay_within_the_cap() {
    let hold = vec![Act::Hold, Act::Send(counted("```python\nx = 2\n```", (100, 0, 10)))];
    let provider = Provider::start(vec![hold]);
    // Each may cost about 0.1 and half a dollar, and costs 0.12.
    let model = format!("{PRICE}\nmax-output-tokens = 250");
    let sandbox = sandbox(FILES, &provider, &model, "concurrency = 4\nmax-cost-per-run = 1.2");
    let mut command = sandbox.stepwright(AUTO);
    let child =
        command.env(KEY_VARIABLE, KEY).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = child.spawn().expect("the program starts");
    for answered in 0..3 {
        provider.wait_until_asked(answered + 1);
        provider.release();
    }
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, provider.posts().len()), (0, 3), "{ran:?}");
    assert_eq!(provider.most_active(), 1, "two could cost more than the cap together");
}

#[test]
fn an_answer_is_limited_to_what_the_cap_allows() {
    let cut = [stream_head(), text("x = "), finish("length"), event("[DONE]")].concat();
    let provider = Provider::start(vec![vec![Act::Send(cut)]]);
    let sandbox = sandbox(FILES, &provider, "price = { input = 0, output = 100 }", "max-cost-per-run = 0.5");
    let ran = run(&sandbox, &["run", "auto", "--file", "a.py", "Make it better."]);
    let body: Value = serde_json::from_str(&provider.posts()[0].body).unwrap();
    assert_eq!(body["max_tokens"], 5000);
    assert!(
        ran.out.contains("it was cut off at 5000 tokens, the most that was allowed for within the cost cap"),
        "{}",
        ran.out
    );
}

#[test]
fn a_price_that_nobody_knows_can_be_refused() {
    let sandbox = Sandbox::new();
    let config = |unknown: &str| {
        let far =
            "[roles]\nmain = \"far/model\"\n[providers.far]\nwire = \"openai\"\nbase-url = \"https://far.invalid\"\n";
        sandbox.config(&format!("{far}[limits]\nmax-cost-per-run = 1\nunknown-price = \"{unknown}\"\n"));
    };
    config("refuse");
    let ran = sandbox.run(&["run", "chat", "Hello"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("nobody knows what `far/model` costs, and `unknown-price` is `refuse`"), "{}", ran.out);
    let ran = sandbox.run(&["run", "chat", "--estimate", "Hello"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    config("run");
    let ran = sandbox.run(&["run", "chat", "--estimate", "Hello"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("price unknown") && ran.out.contains("so the cost cap can't be kept"), "{}", ran.out);
}

#[test]
fn an_estimate_is_told_and_nothing_is_sent() {
    let provider = Provider::start(vec![vec![Act::Stall]]);
    let sandbox = sandbox(FILES, &provider, "price = { input = 1, output = 2 }", "max-cost-per-run = 0.5");
    let before = sandbox.tree();
    let ran = run(&sandbox, &["run", "auto", "--estimate", "--file", "*.py", "Make it better."]);
    expect![[r#"
        Auto would send 3 files in 3 requests:

          a.py                  30 tokens
          b.py                  30 tokens
          c.py                  30 tokens

          fake/model            3 requests

          tokens in             774
          tokens out, expected  156
          cost, expected        $0.0011

          Your caps leave $0.5000 for each run.
          Thinking that a model does counts as tokens out, and can't be foreseen.
          Nothing was sent.
    "#]]
    .assert_eq(&ran.out);
    let ran = run(
        &sandbox,
        &["run", "write-pages", "--estimate", "--json", "--tag", "pages=3", "--tag", "write=d.md", "Hello"],
    );
    let [estimate] = ran.events().try_into().expect("one object");
    assert_eq!((&estimate["requests"], &estimate["workflow"]), (&json!(4), &json!("Write Pages")), "{estimate}");
    let ran = run(&sandbox, &["run", "write", "--estimate", "--file", "a.py", "Hello"]);
    assert!(ran.out.starts_with("Write would send 1 file in at least 3 requests:\n"), "{}", ran.out);
    assert!(ran.out.contains("if the answer to `Determine Files` names more than one"), "{}", ran.out);
    let ran = run(&sandbox, &["run", "auto", "--estimate", "--file", "no.py", "Hello"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert_eq!((provider.posts().len(), sandbox.tree()), (0, before));
}

#[test]
fn a_document_that_does_not_fit_is_told_with_its_remedy() {
    let provider = Provider::start(vec![vec![Act::Send(counted("Fine.", (100, 0, 10)))]]);
    let long: String = (1..=2000).map(|i| format!("line {i}\n")).collect();
    let sandbox = sandbox(&[("long.py", &long)], &provider, "context-window = 4096", "");
    let ran = run(&sandbox, &["run", "auto", "--file", "long.py", "Make it better."]);
    assert_eq!((ran.code, provider.posts().len()), (1, 0), "{ran:?}");
    assert!(ran.out.contains("too much for the model's context window of 4096 tokens; choose a model"), "{}", ran.out);
    let ran = run(&sandbox, &["run", "chat", "--file", "long.py", "What is it?"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let sent: Value = serde_json::from_str(&provider.posts()[0].body).unwrap();
    let prompt = sent["messages"][1]["content"].as_str().unwrap();
    let left_out = regex::Regex::new(r"line \d+\n\[… (\d+) lines are left out here …\]\nline \d+\n").unwrap();
    let lines = &left_out.captures(prompt).expect("it says so")[1];
    assert!(prompt.contains("\nline 1\n") && prompt.contains("\nline 2000\n"), "beginning and end are there");
    assert!(ran.out.contains(&format!("  ! Chat: {lines} of the 2000 lines of long.py are left out")), "{}", ran.out);
}

/// An editor with recorded answers that have a price.
fn priced(profile: Profile, limits: &str) -> Editor {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "a = 1\n");
    let replies = json!([{ "match": "the file a.py", "reply": "```python\na = 2\n```" }]);
    sandbox.put("replay.json", replies.to_string());
    let config = "summary = false\n[roles]\nmain = \"replay/x\"\n[providers.replay]\nwire = \"replay\"\npath = \"replay.json\"\n";
    sandbox.config(&format!("{config}[models.\"replay/x\"]\n{PRICE}\nmax-output-tokens = 100\n[limits]\n{limits}\n"));
    Setup::new(profile).within(sandbox).start()
}

fn auto() -> Value {
    json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." })
}

#[test]
fn an_editor_is_told_the_money() {
    let told = regex::Regex::new(r"^Auto finished: a.py was changed \(\d+ tokens in, 7 out, \$0\.\d{4}\)$").unwrap();
    for profile in Profile::ALL {
        let mut editor = priced(profile, "");
        editor.open("a.py");
        editor.execute("stepwright.run", auto());
        let end = editor.wait_run_end();
        assert_eq!(end.status, "finished", "{}", end.summary);
        let message = editor.wait_message("Auto finished").text;
        assert!(told.is_match(&message), "{message}");
        let usage = editor.events().iter().rfind(|event| event["method"] == "stepwright/usage").unwrap();
        assert!(usage["params"]["cost_usd"].as_f64().unwrap() > 0.1, "{usage}");
        let reports = editor.events().iter().filter(|event| event["params"]["value"]["kind"] == "report");
        let shown: Vec<_> = reports.filter_map(|event| event["params"]["value"]["message"].as_str()).collect();
        assert_eq!(shown[0], "1/1 Process a.py");
        assert!(shown.iter().any(|shown| shown.starts_with("1/1 Process a.py · $0.")), "{shown:?}");
    }
}

#[test]
fn the_day_has_a_cap_over_all_runs() {
    // One run costs more than 0.2, and could cost more than 0.4.
    let mut editor = priced(Profile::Neovim, "max-cost-per-day = 0.6");
    editor.open("a.py");
    editor.execute("stepwright.run", auto());
    assert_eq!(editor.wait_run_end().status, "finished");
    editor.execute("stepwright.run", auto());
    let end = editor.wait_run_end();
    assert_eq!(end.status, "error");
    assert!(end.summary.contains("was spent today, and the next request could cost more"), "{}", end.summary);
    assert_eq!(editor.wait_message("was spent today").level, 1);
}

#[test]
fn an_editor_shows_an_estimate() {
    let number = regex::Regex::new(r"\d+ tokens in|\$0\.\d+").unwrap();
    for profile in Profile::ALL {
        let mut editor = priced(profile, "max-cost-per-run = 1.0");
        editor.open("a.py");
        editor.execute("stepwright.estimate", auto());
        let message = editor.wait_message("would send");
        assert_eq!(message.level, 3);
        expect!["Auto would send 1 file in 1 request to replay/x: about N, 52 out, N"]
            .assert_eq(&number.replace_all(&message.text, "N"));
        editor.wait_shown(1);
        let uri = editor.shown().last().expect("a document is shown");
        let path = tower_lsp::lsp_types::Url::parse(uri).unwrap().to_file_path().unwrap().display().to_string();
        let text = editor.buffer(&path);
        assert!(
            text.starts_with("# Estimate: Auto\n\nAuto would send 1 file") && text.contains("\n| a.py | 30 | 1 |\n"),
            "{text}"
        );
        assert!(text.contains("- Your caps leave $1.00 for each run.\n"), "{text}");
        let runs = editor.events().iter().filter(|event| event["method"] == "stepwright/step").count();
        assert_eq!((runs, editor.buffer("a.py").as_str()), (0, "a = 1\n"), "nothing runs");
        // What is wrong is told as a run would tell it.
        editor.execute("stepwright.estimate", json!({ "workflow": "auto", "files": ["a.py"] }));
        assert_eq!(editor.wait_message("Auto needs an instruction").level, 1);
    }
}
