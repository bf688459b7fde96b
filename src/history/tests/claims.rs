//! One owner a run, and what an owner gets.

use std::thread;

use super::*;
use crate::engine::journal::PastAnswer;

fn claimed(history: &WorkspaceHistory, run: &str) -> Result<Past, String> {
    block_on(history.claim(run)).map(|claim| claim.past).map_err(|error| error.to_string())
}

#[test]
fn the_job_comes_back_unless_its_workflow_has_changed() {
    let world = World::new();
    let dead = world.open_dead().workspace(KEY);
    dead.begin("r").unwrap();
    let claim = block_on(world.open().workspace(KEY).claim("r")).unwrap();
    let back = claim.job.clone().into_job(workflow()).unwrap();
    assert_eq!(format!("{back:?}"), format!("{:?}", job("r")));
    let mut changed = (*workflow()).clone();
    changed.fingerprint ^= 1;
    let refusal = claim.job.into_job(Arc::new(changed)).unwrap_err();
    assert_eq!(refusal, "failed to go on with run `r`: the workflow `my-flow` has changed since; start it anew");
}

#[test]
fn a_killed_process_leaves_what_it_had_finished_and_paid_for() {
    let world = World::new();
    let dead = world.open_dead().workspace(KEY);
    dead.begin("r").unwrap();
    dead.ask("r", 1, 0, "one").unwrap();
    dead.answer("r", 1, 0, "first", usage(10)).unwrap();
    dead.step("r", 1, Status::Finished).unwrap();
    dead.ask("r", 2, 0, "two").unwrap();
    dead.answer("r", 2, 0, "second", usage(20)).unwrap();
    dead.keep("r", edit_entry(2, "a.rs", "x", EditState::Sent));
    dead.keep("r", edit_entry(1, "b.rs", "waits", pending("busy")));
    dead.ask("r", 3, 0, "three").unwrap();
    let past = claimed(&world.open().workspace(KEY), "r").unwrap();
    assert_eq!(past.nonce.as_deref(), Some("n"));
    assert_eq!(past.usage, Some(Usage { input: 30, cached: 2, output: 4, cost: Some(1.0) }));
    assert_eq!(past.pending, [("b.rs".to_owned(), held("waits"))].into());
    assert_eq!(past.steps.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!((past.steps["0"].id, past.steps["0"].module.as_str()), (1, "Step 1"));
    assert_eq!(past.steps["0"].left, Some(left("left 1")));
    assert!(past.steps["0"].answers.is_empty() && past.steps["0"].edit.is_none());
    let PastAnswer { request: asked, text, usage: used } = &past.steps["1"].answers[&0];
    assert_eq!((asked, text.as_str(), used), (&request("two"), "second", &usage(20)));
    assert_eq!(past.steps["1"].edit, Some(edit_entry(2, "a.rs", "x", EditState::Sent)));
    assert!(past.steps["2"].answers.is_empty() && past.steps["2"].left.is_none());
}

#[test]
fn answers_of_a_step_that_failed_arent_used_again() {
    let history = History::in_memory().workspace(KEY);
    history.begin("r").unwrap();
    for (step, end) in [(1, Status::Error), (2, Status::Cancelled)] {
        for number in 0..2 {
            history.ask("r", step, number, "ask").unwrap();
            history.answer("r", step, number, "answer", usage(1)).unwrap();
        }
        history.step("r", step, end).unwrap();
    }
    history.end("r", Status::Error).unwrap();
    let past = claimed(&history, "r").unwrap();
    assert_eq!((past.steps["0"].answers.len(), past.steps["1"].answers.len()), (0, 2));
    // Tried again, and interrupted: only what was answered by then counts.
    history.begin("r").unwrap();
    history.ask("r", 1, 0, "ask").unwrap();
    history.answer("r", 1, 0, "anew", usage(1)).unwrap();
    history.ask("r", 2, 1, "ask").unwrap();
    history.end("r", Status::Interrupted).unwrap();
    let past = claimed(&history, "r").unwrap();
    assert_eq!(past.steps["0"].answers.values().map(|answer| answer.text.as_str()).collect::<Vec<_>>(), ["anew"]);
    assert_eq!(past.steps["1"].answers.keys().collect::<Vec<_>>(), [&0]);
}

#[test]
fn who_may_go_on_with_a_run() {
    for (end, in_part, expected) in [
        (None, false, Err("run `r` is under way in another stepwright; cancel it there first")),
        (Some(Status::Finished), false, Err("run `r` has finished, so that nothing is left to do")),
        (Some(Status::Finished), true, Ok(())),
        (Some(Status::Error), false, Ok(())),
        (Some(Status::Cancelled), false, Ok(())),
        (Some(Status::Interrupted), false, Ok(())),
    ] {
        let world = World::new();
        let first = world.open().workspace(KEY);
        first.begin("r").unwrap();
        if in_part {
            first.step("r", 2, Status::Error).unwrap();
        }
        if let Some(status) = end {
            first.end("r", status).unwrap();
        }
        let second = world.open().workspace(KEY);
        let resumable = block_on(second.resumable()).unwrap().len();
        assert_eq!(resumable, usize::from(end == Some(Status::Interrupted)), "{end:?}");
        assert_eq!(claimed(&second, "r").map(drop), expected.map_err(str::to_owned), "{end:?}");
        let unknown = claimed(&second, "x").unwrap_err();
        assert!(unknown.starts_with("there is no run `x` in this workspace"), "{unknown}");
    }
}

#[test]
fn a_lease_that_is_over_gives_the_run_away_and_the_fence_keeps_the_old_owner_out() {
    for jump in [16, -3600] {
        let world = World::new();
        let first = world.open().workspace(KEY);
        first.begin("r").unwrap();
        let second = world.open().workspace(KEY);
        assert!(claimed(&second, "r").is_err());
        world.pass(jump);
        assert_eq!(block_on(second.resumable()).unwrap().len(), 1);
        claimed(&second, "r").unwrap();
        // The clock is right again: the lease of the first would still last.
        world.pass(-jump);
        for refused in [
            first.ask("r", 1, 0, "x"),
            first.step("r", 1, Status::Finished),
            first.end("r", Status::Finished),
            first.begin("r"),
            block_on(first.edit("r", edit_entry(1, "a.rs", "x", EditState::Sent))).map(drop),
            block_on(first.finish("r", finished(1), Message { prompt: String::new(), reply: String::new() })).map(drop),
        ] {
            assert_eq!(refused.unwrap_err().0, "another stepwright has taken over run `r`, and goes on with it");
        }
        second.begin("r").unwrap();
        second.end("r", Status::Finished).unwrap();
        assert!(first.end("r", Status::Error).is_err());
        assert_eq!(block_on(first.runs(1)).unwrap()[0].status, Status::Finished);
    }
}

#[test]
fn a_process_that_is_gone_keeps_nothing() {
    let world = World::new();
    let dead = world.open_dead().workspace(KEY);
    dead.begin("r").unwrap();
    let history = world.open().workspace(KEY);
    assert_eq!(block_on(history.resumable()).unwrap()[0].run, "r");
    claimed(&history, "r").unwrap();
    // On another machine nobody knows.
    let far = World::new();
    let mut place = far.place();
    (place.process.pid, place.process.host) = (DEAD, "elsewhere".to_owned());
    let unseen = History::at(place).workspace(KEY);
    unseen.begin("r").unwrap();
    let far = far.crashed();
    let history = far.open().workspace(KEY);
    assert!(claimed(&history, "r").unwrap_err().contains("under way"));
}

#[test]
fn a_run_that_is_given_up_is_cancelled() {
    let world = World::new();
    let dead = world.open_dead().workspace(KEY);
    dead.begin("r").unwrap();
    dead.ask("r", 1, 0, "x").unwrap();
    let history = world.open().workspace(KEY);
    block_on(history.forget("r")).unwrap();
    let report = block_on(history.run("r")).unwrap().unwrap();
    assert_eq!(report.summary.status, Status::Cancelled);
    let steps: Vec<_> = report.steps.iter().map(|step| step.status).collect();
    assert_eq!(steps, [Status::Cancelled, Status::Skipped, Status::Skipped]);
    assert_eq!(block_on(history.resumable()).unwrap(), []);
    assert!(matches!(block_on(history.forget("r")), Err(ClaimError::Finished(_))));
    assert!(dead.step("r", 1, Status::Finished).is_err());
}

#[test]
fn two_servers_never_get_the_same_run() {
    const RUNS: usize = 12;
    let world = World::new();
    let dead = world.open_dead().workspace(KEY);
    for run in 0..RUNS {
        dead.begin(&format!("r{run}")).unwrap();
    }
    let won: Vec<Vec<usize>> = thread::scope(|scope| {
        let servers: Vec<_> = (0..4)
            .map(|_| {
                let history = world.open().workspace(KEY);
                scope.spawn(move || {
                    let won = (0..RUNS).filter(|run| block_on(history.claim(&format!("r{run}"))).is_ok());
                    let won: Vec<_> = won.filter(|run| history.begin(&format!("r{run}")).is_ok()).collect();
                    (won, history)
                })
            })
            .collect();
        // Each keeps what it has until all are done.
        let done: Vec<_> = servers.into_iter().map(|server| server.join().unwrap()).collect();
        done.into_iter().map(|(won, _)| won).collect()
    });
    let mut all: Vec<usize> = won.concat();
    all.sort_unstable();
    assert_eq!(all, (0..RUNS).collect::<Vec<_>>(), "{won:?}");
}

#[test]
fn writes_that_wait_side_by_side_fail_each_for_itself() {
    let world = World::new();
    let history = world.open().workspace(KEY);
    history.begin("r").unwrap();
    let results = block_on(futures::future::join_all((0..200).map(|number| {
        let history = history.clone();
        async move {
            let run = if number % 10 == 0 { "unknown" } else { "r" };
            let request = Box::new(request(&format!("{number}")));
            history.record(run, Entry::Attempt { step: 1, number, request }).await
        }
    })));
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), number % 10 == 0, "{result:?}");
    }
    let report = block_on(history.run("r")).unwrap().unwrap();
    assert_eq!(report.steps[0].requests.len(), 180);
}
