use expect_test::{Expect, expect};

use super::*;
use crate::{
    document::{FileRef, Place},
    history::FileNow,
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn summary() -> RunSummary {
    let file = |name: &str, action, reason: Option<&str>| FileNow {
        file: FileRef { name: name.to_owned(), place: Place::Buffer(name.to_owned()) },
        action,
        reason: reason.map(str::to_owned),
    };
    RunSummary {
        run: "0123456789abcdef".to_owned(),
        workflow: "write-tests".to_owned(),
        instruction: "Test *all* of it.\nSee [here](http://evil.example).".to_owned(),
        status: Status::Finished,
        in_part: true,
        summary: "Write Tests finished: a_b.rs was created".to_owned(),
        started: at(1_735_689_605),
        duration: Duration::from_millis(83_400),
        usage: Usage { input: 1200, cached: 100, output: 30, cost: Some(0.0123) },
        files: vec![file("src/a_b.rs", "created", None), file("b|c.rs", "pending", Some("you changed it"))],
        cleaned: false,
    }
}

fn run() -> RunReport {
    let documents: Arc<str> = Arc::from("<document>\n```\ncode\n```\n</document>\n");
    let request = |prompt: &str, answer: Option<&str>| RequestReport {
        system: Arc::from("Be honest."),
        shared: documents.clone(),
        prompt: prompt.to_owned(),
        answer: answer.map(str::to_owned),
    };
    let step = |step_id, status, requests| StepReport {
        step_id,
        module: format!("Step {step_id}"),
        status,
        response: None,
        error: None,
        duration: Duration::from_secs(2),
        usage: Usage { input: 10, cached: 0, output: 2, cost: None },
        requests,
    };
    let steps = vec![
        StepReport {
            response: Some("was created".to_owned()),
            ..step(
                1,
                Status::Finished,
                vec![
                    request("Do it.", Some("````\nno end\n```\u{1b}[2Jred\u{202e}\n")),
                    request("Again.", Some("done")),
                ],
            )
        },
        StepReport { error: Some("it *broke*".to_owned()), ..step(2, Status::Error, vec![request("More.", None)]) },
        StepReport { duration: Duration::ZERO, usage: Usage::default(), ..step(3, Status::Skipped, Vec::new()) },
    ];
    RunReport { summary: summary(), steps }
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(text);
}

#[test]
fn a_run_for_a_person() {
    check(
        &run_markdown(&run()),
        expect![[r#"
        # Write Tests: finished in part

        > Test \*all\* of it.
        > See \[here\](http&#58;//evil.example).

        Run `0123456789abcdef`, 2025-01-01 00:00:05 UTC, 1 min 23 s, 1200 tokens in (100 cached), 30 out, $0.0123.

        Write Tests finished: a_b.rs was created.

        | file | now |
        | --- | --- |
        | src/a_b.rs | created |
        | b\|c.rs | pending: you changed it |

        `stepwright resume 0123456789abcdef` goes on with it; finished steps aren't repeated.

        `stepwright revert 0123456789abcdef` takes its edits back, and keeps what was typed since.

        ## Steps

        ### 1. Step 1: finished, 2 s, 10 tokens in, 2 out, price unknown

        #### Prompt 1

        After [documents 1](#documents-1), further below:

        ```
        Do it.
        ```

        #### Answer 1

        `````
        ````
        no end
        ```\u{1b}[2Jred\u{202e}
        `````

        #### Prompt 2

        After [documents 1](#documents-1), further below:

        ```
        Again.
        ```

        #### Answer 2

        ```
        done
        ```

        #### Result

        ```
        was created
        ```

        ### 2. Step 2: error, 2 s, 10 tokens in, 2 out, price unknown

        it \*broke\*

        #### Prompt

        After [documents 1](#documents-1), further below:

        ```
        More.
        ```

        ### 3. Step 3: skipped

        ## Documents 1

        ````
        <document>
        ```
        code
        ```
        </document>
        ````

        ## Rules

        Said to the model before every prompt.

        ```
        Be honest.
        ```
    "#]],
    );
}

#[test]
fn a_run_for_a_program() {
    check(
        &run_json(&run()),
        expect![[r#"
        {
          "cached_tokens": 100,
          "cost_usd": 0.0123,
          "duration_s": 83.4,
          "files": [
            {
              "action": "created",
              "file": "src/a_b.rs",
              "reason": null
            },
            {
              "action": "pending",
              "file": "b|c.rs",
              "reason": "you changed it"
            }
          ],
          "in_part": true,
          "input_tokens": 1200,
          "instruction": "Test *all* of it.\nSee [here](http://evil.example).",
          "output_tokens": 30,
          "run": "0123456789abcdef",
          "started": "2025-01-01T00:00:05Z",
          "status": "finished",
          "steps": [
            {
              "cost_usd": null,
              "duration_s": 2.0,
              "error": null,
              "input_tokens": 10,
              "module": "Step 1",
              "output_tokens": 2,
              "prompt": "<document>\n```\ncode\n```\n</document>\n\nDo it.",
              "requests": 2,
              "response": "was created",
              "status": "finished",
              "step_id": 1
            },
            {
              "cost_usd": null,
              "duration_s": 2.0,
              "error": "it *broke*",
              "input_tokens": 10,
              "module": "Step 2",
              "output_tokens": 2,
              "prompt": "<document>\n```\ncode\n```\n</document>\n\nMore.",
              "requests": 1,
              "response": null,
              "status": "error",
              "step_id": 2
            },
            {
              "cost_usd": null,
              "duration_s": 0.0,
              "error": null,
              "input_tokens": 0,
              "module": "Step 3",
              "output_tokens": 0,
              "prompt": null,
              "requests": 0,
              "response": null,
              "status": "skipped",
              "step_id": 3
            }
          ],
          "summary": "Write Tests finished: a_b.rs was created",
          "workflow": "write-tests"
        }"#]],
    );
}

#[test]
fn many_runs() {
    let other = RunSummary {
        run: "fedcba9876543210".to_owned(),
        workflow: "chat".to_owned(),
        in_part: false,
        status: Status::Interrupted,
        usage: Usage::default(),
        files: Vec::new(),
        duration: Duration::from_millis(420),
        ..summary()
    };
    let runs = [summary(), other];
    check(
        &runs_text(&runs),
        expect![[r#"
        RUN       STARTED (UTC)     WORKFLOW     STATUS            TIME        COST     FILES         INSTRUCTION
        01234567  2025-01-01 00:00  write-tests  finished in part  1 min 23 s  $0.0123  2, 1 waiting  Test *all* of it. See [here](http://evil.example).
        fedcba98  2025-01-01 00:00  chat         interrupted       0.4 s                              Test *all* of it. See [here](http://evil.example).
    "#]],
    );
    check(
        &runs_markdown(&runs),
        expect![[r#"
        # Runs

        | run | started (UTC) | workflow | status | time | cost | files | instruction |
        | --- | --- | --- | --- | --- | --- | --- | --- |
        | 01234567 | 2025-01-01 00:00 | write-tests | finished in part | 1 min 23 s | $0.0123 | 2, 1 waiting | Test \*all\* of it. See \[here\](http&#58;//evil.example). |
        | fedcba98 | 2025-01-01 00:00 | chat | interrupted | 0.4 s |  |  | Test \*all\* of it. See \[here\](http&#58;//evil.example). |

        `stepwright history RUN` shows one of them with its prompts and answers.
    "#]],
    );
    let json: Value = serde_json::from_str(&runs_json(&runs)).unwrap();
    assert_eq!(json[1]["run"], "fedcba9876543210");
    assert_eq!(json[1]["started"], "2025-01-01T00:00:05Z");
    assert_eq!(json[1]["cost_usd"], Value::Null);
    assert_eq!(runs_json(&[]), "[]");
    assert!(runs_markdown(&[]).contains("Nothing was run here yet."));
    // Names that begin alike are written out.
    let alike = [summary(), RunSummary { run: "0123456700000000".to_owned(), ..summary() }];
    assert!(runs_text(&alike).contains("0123456789abcdef"));
}

#[test]
fn text_means_nothing_but_itself() {
    for (text, expected) in [
        ("plain text, with 1.5 of it", "plain text, with 1.5 of it"),
        ("a_b __c__", "a_b \\_\\_c_\\_"),
        ("![x](y) <img> `code` | #", "\\!\\[x\\](y) &lt;img> \\`code\\` \\| \\#"),
        ("two\r\nlines\n", "two  lines"),
        ("https://x http:y", "https&#58;//x http&#58;y"),
        ("\u{1b}[31m\u{202e}", "\\\\u{1b}\\[31m\\\\u{202e}"),
    ] {
        assert_eq!(escaped(text), expected);
    }
    assert_eq!(fenced("rs", "a"), "```rs\na\n```\n");
    assert_eq!(fenced("", ""), "```\n```\n");
    assert_eq!(fenced("", "````x\n"), "`````\n````x\n`````\n");
    assert_eq!(visible("a\tb\n雪\r\u{7f}\u{200b}"), "a\tb\n雪\\u{d}\\u{7f}\\u{200b}");
}

#[test]
fn dates() {
    for (seconds, expected) in [
        (0, "1970-01-01 00:00:00"),
        (951_782_399, "2000-02-28 23:59:59"),
        (951_782_400, "2000-02-29 00:00:00"),
        (1_709_251_199, "2024-02-29 23:59:59"),
        (1_735_689_599, "2024-12-31 23:59:59"),
        (4_107_542_400, "2100-03-01 00:00:00"),
    ] {
        assert_eq!(date(at(seconds), ' '), expected);
    }
}
