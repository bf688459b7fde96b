//! What is kept of runs comes back.

use expect_test::expect;

use super::*;

/// A line a run, and one a file of it.
fn list(history: &WorkspaceHistory) -> String {
    let mut out = String::new();
    for run in block_on(history.runs(9)).unwrap() {
        let RunSummary { run, workflow, status, in_part, summary, duration, usage, files, cleaned, .. } = run;
        let Usage { input, cached, output, cost } = usage;
        out += &format!("{run} {workflow} {} in part {in_part}, cleaned {cleaned}: {summary}\n", status.name());
        out += &format!("  {} s, {input} ({cached}) + {output} tokens, {cost:?}\n", duration.as_secs());
        for FileNow { file, action, reason } in files {
            out += &format!("  {} {action} {}\n", file.name, reason.unwrap_or_default());
        }
    }
    out
}

fn report(history: &WorkspaceHistory, run: &str) -> String {
    let mut out = String::new();
    for step in block_on(history.run(run)).unwrap().unwrap().steps {
        let StepReport { step_id, module, status, response, error, duration, usage, requests } = step;
        let seconds = duration.as_secs();
        out += &format!("{step_id} {module} {} {response:?} {error:?} {seconds} s {:?}\n", status.name(), usage.cost);
        for RequestReport { system, shared, prompt, answer } in requests {
            out += &format!("  {system} {} {prompt} -> {answer:?}\n", shared.len());
        }
    }
    out
}

#[test]
fn a_run_is_kept_with_all_that_happened() {
    let world = World::new();
    let history = world.open().workspace(KEY);
    history.begin("aa11").unwrap();
    history.ask("aa11", 1, 0, "one").unwrap();
    world.pass(2);
    history.answer("aa11", 1, 0, "the first", usage(10)).unwrap();
    history.step("aa11", 1, Status::Finished).unwrap();
    history.ask("aa11", 2, 0, "two").unwrap();
    history.answer("aa11", 2, 0, "the second", Usage { cost: None, ..usage(20) }).unwrap();
    world.pass(3);
    history.step("aa11", 2, Status::Error).unwrap();
    history.keep("aa11", EditEntry { before: None, base: None, ..edit_entry(1, "new.rs", "x", EditState::Applied) });
    history.keep("aa11", edit_entry(1, "new.rs", "y", EditState::Applied));
    history.keep("aa11", edit_entry(1, "b.rs", "z", pending("you changed it")));
    let sent = history.keep("aa11", edit_entry(1, "c.rs", "z", EditState::Sent));
    history.put("aa11", Entry::Edited { edit: sent, state: EditState::Applied }).unwrap();
    history.end("aa11", Status::Finished).unwrap();
    history.begin("aa22").unwrap();
    expect![[r#"
        aa22 my-flow in-progress in part false, cleaned false: 
          0 s, 0 (0) + 0 tokens, None
        aa11 my-flow finished in part true, cleaned false: My Flow finished
          5 s, 30 (2) + 4 tokens, None
          new.rs created 
          b.rs pending you changed it
          c.rs changed 
    "#]]
    .assert_eq(&list(&history));
    expect![[r#"
        1 Step 1 finished Some("left 1") None 2 s Some(0.5)
          Rules. 1100 one -> Some("the first")
        2 Step 2 error Some("the second") Some("it failed") 3 s None
          Rules. 1100 two -> Some("the second")
        3 Step 3 skipped None None 0 s None
    "#]]
    .assert_eq(&report(&history, "aa11"));
}

#[test]
fn runs_are_found_by_what_only_their_name_begins_with() {
    let history = History::in_memory();
    let here = history.workspace(KEY);
    for run in ["aa11", "aa2", "aa22", "b"] {
        here.begin(run).unwrap();
    }
    history.workspace("/other").begin("c").unwrap();
    let cases = [
        ("aa1", Some("aa11")),
        ("aa2", Some("aa2")),
        ("aa", None),
        ("b", Some("b")),
        ("c", None),
        ("", None),
        ("%", None),
    ];
    for (name, expected) in cases {
        let found = block_on(here.run(name)).unwrap().map(|report| report.summary.run);
        assert_eq!(found.as_deref(), expected, "{name}");
    }
}

#[test]
fn messages_are_found_by_their_ids() {
    let history = History::in_memory();
    let here = history.workspace(KEY);
    let there = history.workspace("");
    let message = |text: &str| Message { prompt: format!("Tell me\n  {text}"), reply: text.to_owned() };
    here.begin("r").unwrap();
    here.begin("s").unwrap();
    there.begin("t").unwrap();
    for (workspace, run, step, text, id) in [
        (&here, "r", 1, "a", "m1"),
        (&here, "r", 2, "b", "m2"),
        (&here, "r", 1, "c", "m1"),
        (&here, "s", 1, "d", "m3"),
        (&there, "t", 1, "e", "m1"),
    ] {
        assert_eq!(block_on(workspace.finish(run, finished(step), message(text))).unwrap(), id);
    }
    assert_eq!(block_on(here.find_message("m1")).unwrap(), Some(message("c")));
    assert_eq!(block_on(there.find_message("m1")).unwrap(), Some(message("e")));
    for id in ["m0", "m4", "2", "m", "mm", "m-1", "m+1", "m99999999999999999999"] {
        assert_eq!(block_on(here.find_message(id)).unwrap(), None, "{id}");
    }
    let recent = block_on(here.recent_messages(2)).unwrap();
    let shown: Vec<_> = recent.iter().map(|m| format!("{} {} {} {}", m.id, m.workflow, m.module, m.words)).collect();
    assert_eq!(shown, ["m3 my-flow Step 1 Tell me d", "m2 my-flow Step 2 Tell me b"]);
}

#[test]
fn edits_keep_their_texts_and_those_that_wait_are_found() {
    let world = World::new();
    let history = world.open().workspace(KEY);
    history.begin("r").unwrap();
    let first = history.keep("r", edit_entry(1, "a.rs", "one\n", pending("open elsewhere")));
    let other = history.keep("r", edit_entry(1, "b.rs", "two\n", pending("protected")));
    history.end("r", Status::Finished).unwrap();
    let waiting = |history: &WorkspaceHistory| -> Vec<_> {
        block_on(history.pending()).unwrap().into_iter().map(|edit| edit.id).collect()
    };
    assert_eq!(waiting(&history), [first, other]);
    let kept = block_on(history.edits("r")).unwrap();
    assert_eq!(kept[0].entry(), Some(edit_entry(1, "a.rs", "one\n", pending("open elsewhere"))));
    block_on(history.set_edit(other, EditState::Discarded)).unwrap();
    assert_eq!(waiting(&history), [first]);
    // What is made of a file later holds what waited.
    let second = history.keep("r", edit_entry(2, "a.rs", "one\nmore\n", EditState::Sent));
    assert_eq!(waiting(&history), [first]);
    block_on(history.set_edit(second, pending("still open"))).unwrap();
    assert_eq!(waiting(&history), [second]);
    let strange = world.open().workspace("/other");
    for error in [
        block_on(strange.set_edit(second, EditState::Applied)).unwrap_err(),
        block_on(history.set_edit(999, EditState::Applied)).unwrap_err(),
    ] {
        assert!(error.0.contains("there is no edit"), "{error}");
    }
    assert_eq!(block_on(strange.pending()).unwrap(), []);
}

#[test]
fn what_was_spent_is_summed_over_all_workspaces() {
    let world = World::new();
    let history = world.open();
    let here = history.workspace(KEY);
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs((START + seconds) as u64);
    let spent = |seconds| block_on(history.spent_since(at(seconds))).unwrap();
    here.begin("r").unwrap();
    here.ask("r", 1, 0, "one").unwrap();
    here.answer("r", 1, 0, "x", usage(1)).unwrap();
    world.pass(10);
    // An answer that was of no use isn't kept, but was paid for.
    let all = Usage { cost: Some(0.75), ..usage(3) };
    here.put("r", Entry::End { status: Status::Error, summary: String::new(), usage: all }).unwrap();
    assert_eq!((spent(0), spent(5)), (0.75, 0.25));
    let there = history.workspace("/other");
    there.begin("s").unwrap();
    there.ask("s", 1, 0, "one").unwrap();
    there.answer("s", 1, 0, "x", Usage { cost: None, ..usage(1) }).unwrap();
    there.answer("s", 1, 0, "x", usage(1)).unwrap();
    assert_eq!((spent(0), spent(5), spent(11)), (1.25, 0.75, 0.0));
    // Ended again, nothing is counted twice.
    block_on(here.claim("r")).unwrap();
    here.begin("r").unwrap();
    here.put("r", Entry::End { status: Status::Error, summary: String::new(), usage: all }).unwrap();
    assert_eq!(spent(0), 1.25);
    world.pass(41 * 24 * 60 * 60);
    here.begin("t").unwrap();
    here.end("t", Status::Finished).unwrap();
    assert_eq!(spent(0), 0.0);
}

#[test]
fn the_selection_outlives_the_process() {
    let world = World::new();
    let files =
        vec![file("a.rs"), FileRef { name: "untitled:1".into(), place: document::Place::Buffer("untitled:1".into()) }];
    block_on(world.open().workspace(KEY).set_selection(files.clone())).unwrap();
    let again = world.open();
    assert_eq!(block_on(again.notice()), None);
    assert_eq!(block_on(again.workspace(KEY).selection()).unwrap(), files);
    assert_eq!(block_on(again.workspace("/other").selection()).unwrap(), []);
}

#[cfg(unix)]
#[test]
fn paths_that_arent_unicode_come_back() {
    use std::os::unix::ffi::OsStringExt;
    let path = PathBuf::from(std::ffi::OsString::from_vec(b"/w/\xff\xfe".to_vec()));
    let files = vec![FileRef { name: "odd".to_owned(), place: document::Place::Disk(path) }];
    let history = History::in_memory().workspace(KEY);
    block_on(history.set_selection(files.clone())).unwrap();
    assert_eq!(block_on(history.selection()).unwrap(), files);
}

#[test]
fn the_same_text_is_kept_once() {
    let world = World::new();
    let history = world.open().workspace(KEY);
    history.begin("r").unwrap();
    // Nothing in it repeats itself.
    let mut state = 1_u64;
    let shared: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        char::from(b' ' + (state >> 58) as u8)
    })
    .take(100_000)
    .collect();
    for number in 0..50 {
        let request = Request { shared: shared.clone(), ..request(&format!("prompt {number}")) };
        history.put("r", Entry::Attempt { step: 1, number, request: Box::new(request) }).unwrap();
    }
    history.end("r", Status::Finished).unwrap();
    let report = block_on(history.run("r")).unwrap().unwrap();
    let requests = &report.steps[0].requests;
    assert_eq!(requests.len(), 50);
    assert!(
        requests.iter().all(|request| *request.shared == *shared && Arc::ptr_eq(&request.shared, &requests[0].shared))
    );
    drop(history);
    wait_for_file(&world, |bytes| bytes < 400_000);
}

/// The file's size once the thread has gone and its log with it.
fn wait_for_file(world: &World, small: impl Fn(u64) -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while world.path().join("history.db-wal").exists() {
        assert!(std::time::Instant::now() < deadline, "the log stays");
        std::thread::yield_now();
    }
    let bytes = fs::metadata(world.path().join("history.db")).unwrap().len();
    assert!(small(bytes), "{bytes} bytes");
}

#[test]
fn what_is_too_much_goes_oldest_first_but_nothing_that_is_needed() {
    let world = World::new();
    let history = History::at(Place { max_bytes: 600_000, ..world.place() });
    let here = history.workspace(KEY);
    let noise = |seed: u64| -> String {
        (0..6000).map(|i: u64| format!("{:x}", (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
    };
    for number in 0..20 {
        let run = format!("r{number:02}");
        here.begin(&run).unwrap();
        here.ask(&run, 1, 0, &noise(number * 7919)).unwrap();
        let state = if number == 1 { pending("busy") } else { EditState::Applied };
        here.keep(&run, edit_entry(1, "a.rs", &format!("text {number}"), state));
        here.end(&run, if number == 0 { Status::Interrupted } else { Status::Finished }).unwrap();
    }
    // Cleaning comes after the answer to the last call, and before the next.
    history.flush(Duration::from_secs(20));
    let runs = block_on(here.runs(99)).unwrap();
    let cleaned: Vec<_> = runs.iter().rev().map(|run| run.cleaned).collect();
    let first_whole = cleaned.iter().skip(2).position(|cleaned| !cleaned).unwrap() + 2;
    assert!(first_whole > 4, "{cleaned:?}");
    assert_eq!(cleaned[..2], [false, false]);
    assert!(cleaned[first_whole..].iter().all(|cleaned| !cleaned), "{cleaned:?}");
    assert_eq!(block_on(here.edits("r02")).unwrap()[0].texts, None);
    assert!(matches!(block_on(here.claim("r02")), Err(ClaimError::Finished(_))));
    assert_eq!(block_on(here.pending()).unwrap().len(), 1);
    let claim = block_on(here.claim("r00")).unwrap();
    assert_eq!(claim.job.into_job(workflow()).unwrap().run, "r00");
}
