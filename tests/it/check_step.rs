//! The check step, with all around it, over ports in memory: a queue of replies, and a queue of what the check command says.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use expect_test::{Expect, expect};
use futures::FutureExt;

use stepwright::{
    engine::{Stop, execute, job::Job, journal::Past, ports::*},
    workflow::catalog::Catalog,
};

mod world;

use world::{Script, World, file_ref};

/// What the steps before the check answer.
const PLAN: &str = "the plan";
const DRAFT: &str = "the draft";
/// Where the steps before the check leave off.
const SAVED: &str = "test a\ntest b";

/// Runs `write-tests` on `source` and shows what came of it.
fn run(world: World, source: &str) -> (Arc<World>, String) {
    let world = Arc::new(world);
    let (_, workflow) = Catalog::new([]).get("write-tests").expect("it is built in");
    let job = Job {
        run: "r1".to_owned(),
        id: "write-tests".to_owned(),
        workflow,
        instruction: "Write tests.".to_owned(),
        files: vec![file_ref(source)],
        current: None,
        selection: None,
        marker: None,
        messages: Vec::new(),
        tags: BTreeMap::new(),
        named: Default::default(),
        summary: false,
        reply_to: None,
    };
    let checker = world.results.as_ref().map(|results| -> Arc<dyn Checker> {
        let results = Mutex::new(std::mem::take(&mut *results.lock().unwrap()));
        Arc::new(Script { results, ran: world.ran.clone() })
    });
    let ports = Ports {
        model: world.clone(),
        workspace: world.clone(),
        observer: world.clone(),
        journal: world.clone(),
        checker,
        spending: Default::default(),
    };
    // Nothing here waits for anything outside.
    execute(job, Past::default(), ports, Stop::default()).now_or_never().expect("the run doesn't wait");
    let mut shown = world.seen.lock().unwrap().clone();
    writeln!(shown, "{} runs, {} requests", world.ran.lock().unwrap().len(), world.prompts.lock().unwrap().len())
        .unwrap();
    (world, shown)
}

fn block(text: &str) -> String {
    format!("```python\n{text}\n```")
}

/// `repairs` are the model's answers in the check step, `results` what the command says, in order.
fn check(repairs: &[&str], results: &[&'static str], expected: Expect) -> Arc<World> {
    let before = [PLAN, DRAFT].map(str::to_owned).into_iter().chain([block(SAVED)]);
    let repairs = repairs.iter().map(|text| if *text == "cut off" { (*text).to_owned() } else { block(text) });
    let world = World {
        replies: Mutex::new(before.chain(repairs).collect()),
        results: Some(Mutex::new(results.iter().copied().collect())),
        files: Mutex::new(BTreeMap::from([("store.py".to_owned(), "code\n".to_owned())])),
        ..World::default()
    };
    let (world, mut shown) = run(world, "store.py");
    let files = world.files.lock().unwrap();
    let saved = files.get("tests/test_store.py").map(|text| text.replace('\n', " | "));
    writeln!(shown, "saved: {}", saved.unwrap_or_default()).unwrap();
    expected.assert_eq(&shown);
    drop(files);
    world
}

#[test]
fn without_a_trusted_command_the_step_is_not_there() {
    let world =
        World { replies: Mutex::new([PLAN.to_owned(), DRAFT.to_owned(), block(SAVED)].into()), ..World::default() };
    let (_, shown) = run(world, "store.py");
    expect![[r#"
        end: Write Tests finished: tests/test_store.py was created, tests not run
        file: tests/test_store.py created (tests not run: no check command is trusted)
        0 runs, 3 requests
    "#]]
    .assert_eq(&shown);
}

#[test]
fn tests_that_pass_are_run_three_times() {
    check(
        &[],
        &["pass", "pass", "pass"],
        expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        3 runs, 3 requests
        saved: test a | test b | 
    "#]],
    );
}

#[test]
fn failing_tests_are_repaired_with_the_output() {
    let world = check(
        &["test a\ntest c"],
        &["b: wrong", "pass", "pass", "pass"],
        expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        4 runs, 4 requests
        saved: test a | test c | 
    "#]],
    );
    let prompts = world.prompts.lock().unwrap();
    assert!(prompts[3].contains("kind=\"output of a command\">\nb: wrong\n</document-"), "{}", prompts[3]);
    assert!(prompts[3].contains("test a\ntest b\n</document-"), "{}", prompts[3]);
}

#[test]
fn tests_that_pass_only_sometimes_are_repaired() {
    let world = check(
        &["test a"],
        &["pass", "pass", "b: timing", "pass", "pass", "pass"],
        expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        6 runs, 4 requests
        saved: test a | 
    "#]],
    );
    assert!(world.prompts.lock().unwrap()[3].contains("The same tests passed 2 times before they failed"));
}

#[test]
fn the_last_request_drops_what_still_fails() {
    let results = ["no 1", "no 2", "no 3", "no 4", "pass", "pass", "pass"];
    let world = check(
        &["test a1\ntest b", "test a2\ntest b", "test a3\ntest b", "test a3"],
        &results,
        expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        7 runs, 7 requests
        saved: test a3 | 
    "#]],
    );
    let prompts = world.prompts.lock().unwrap();
    let drops: Vec<_> = prompts.iter().map(|prompt| prompt.contains("Remove only the tests that still fail")).collect();
    assert_eq!(drops, [false, false, false, false, false, false, true]);
}

#[test]
fn what_fails_to_the_end_is_said() {
    check(
        &["test 1", "test 2", "test 3", "test 4"],
        &["no 1", "no 2", "no 3", "no 4", "no\n5"],
        expect![[r#"
        check finished: tests run, some still fail

        The end of what the check command printed:
        no
        5
        end: Write Tests finished: tests/test_store.py was created, tests run, some still fail
        file: tests/test_store.py created (tests run, some still fail)
        5 runs, 7 requests
        saved: test 4 | 
    "#]],
    );
}

#[test]
fn findings_are_kept_and_reported() {
    let finding = "test a\n# FINDING: sell() sells what isn't there\ntest b";
    check(
        &[finding, finding],
        &["b: wrong", "b: wrong"],
        expect![[r#"
        warning: Write Tests: a test in tests/test_store.py shows a fault of the code: sell() sells what isn't there
        check finished: tests run, some still fail, 1 marked as showing a fault of the code
        - sell() sells what isn't there

        The end of what the check command printed:
        b: wrong
        end: Write Tests finished: tests/test_store.py was created, tests run, some still fail, 1 marked as showing a fault of the code
        file: tests/test_store.py created (tests run, some still fail, 1 marked as showing a fault of the code)
        2 runs, 5 requests
        saved: test a | # FINDING: sell() sells what isn't there | test b | 
    "#]],
    );
}

#[test]
fn an_unchanged_repair_leads_to_the_last_request() {
    check(
        &[SAVED, "test a"],
        &["no", "pass", "pass", "pass"],
        expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        4 runs, 5 requests
        saved: test a | 
    "#]],
    );
}

#[test]
fn answers_that_cannot_be_used_lose_nothing() {
    check(
        &["cut off", "test a"],
        &["no", "pass", "pass", "pass"],
        expect![[r#"
        warning: Write Tests: the answer to step `Check` can't be used: it was cut off at the model's output limit; ask for less at a time, or raise `max-output-tokens`
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py was created, tests run and all pass
        file: tests/test_store.py created (-)
        4 runs, 5 requests
        saved: test a | 
    "#]],
    );
    check(
        &["cut off", "cut off", "cut off", "cut off"],
        &["no"],
        expect![[r#"
        warning: Write Tests: the answer to step `Check` can't be used: it was cut off at the model's output limit; ask for less at a time, or raise `max-output-tokens`
        warning: Write Tests: the answer to step `Check` can't be used: it was cut off at the model's output limit; ask for less at a time, or raise `max-output-tokens`
        warning: Write Tests: the answer to step `Check` can't be used: it was cut off at the model's output limit; ask for less at a time, or raise `max-output-tokens`
        warning: Write Tests: the answer to step `Check` can't be used: it was cut off at the model's output limit; ask for less at a time, or raise `max-output-tokens`
        check finished: tests run, some still fail

        The end of what the check command printed:
        no
        end: Write Tests finished: tests/test_store.py was created, tests run, some still fail
        file: tests/test_store.py created (tests run, some still fail)
        1 runs, 7 requests
        saved: test a | test b | 
    "#]],
    );
}

#[test]
fn a_model_or_a_command_that_fails_fails_the_step_and_keeps_the_tests() {
    check(
        &[],
        &["no"],
        expect![[r#"
            check error: no reply is left
            end: Write Tests failed: no reply is left: tests/test_store.py was created, check not finished
            file: tests/test_store.py created (check not finished)
            1 runs, 4 requests
            saved: test a | test b | 
        "#]],
    );
    check(
        &[],
        &["error"],
        expect![[r#"
            check error: failed to run the check command `x`: not found
            end: Write Tests failed: failed to run the check command `x`: not found: tests/test_store.py was created, check not finished
            file: tests/test_store.py created (check not finished)
            1 runs, 3 requests
            saved: test a | test b | 
        "#]],
    );
}

#[test]
fn inline_tests_are_repaired_without_touching_the_code() {
    let module = |body: &str| format!("#[cfg(test)]\nmod tests {{ {body} }}");
    let source = format!("#[cfg(test)]\nuse x; \n\nfn a() {{}}\t\n{}\n\nfn b() {{}}\n", module("old"));
    let answer = |body: &str| format!("```rust\nfn a() {{ changed }}\n{}\n```", module(body));
    let world = World {
        inline: true,
        replies: Mutex::new([PLAN.to_owned(), DRAFT.to_owned(), answer("first"), answer("second")].into()),
        results: Some(Mutex::new(["no", "pass", "pass", "pass"].into())),
        files: Mutex::new(BTreeMap::from([("src/a.rs".to_owned(), source.clone())])),
        ..World::default()
    };
    let (world, shown) = run(world, "src/a.rs");
    assert_eq!(world.files.lock().unwrap()["src/a.rs"], source.replace("old", "second"), "{shown}");
    assert_eq!(world.ran.lock().unwrap()[0], source.replace("old", "first"));
    assert!(world.prompts.lock().unwrap()[3].contains("Answer with the complete `#[cfg(test)] mod tests` block alone"));
}

#[test]
fn tests_that_lose_most_of_their_lines_wait_for_the_user() {
    let many: Vec<String> = (0..30).map(|number| format!("test {number}")).collect();
    let world = World {
        replies: Mutex::new([PLAN.to_owned(), DRAFT.to_owned(), block(&many.join("\n")), block("test 1")].into()),
        results: Some(Mutex::new(["no", "pass", "pass", "pass"].into())),
        ..World::default()
    };
    let (_, shown) = run(world, "store.py");
    expect![[r#"
        check finished: tests run and all pass
        end: Write Tests finished: tests/test_store.py is waiting to be applied (it is Shrunk), tests run and all pass
        file: tests/test_store.py pending (it is Shrunk)
        4 runs, 4 requests
    "#]]
    .assert_eq(&shown);
}
