//! Databases of each version of the schema are checked in, and can be used for ever. `UPDATE_EXPECT=1` makes that of the newest.

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn make(path: &Path) {
    let world = World::new();
    let history = world.open();
    let dead = world.open_dead();
    let here = dead.workspace(KEY);
    here.begin("aaaa").unwrap();
    here.ask("aaaa", 1, 0, "one").unwrap();
    here.answer("aaaa", 1, 0, "first", usage(10)).unwrap();
    let message = Message { prompt: "Say hello.".into(), reply: "Hello.".into() };
    block_on(here.finish("aaaa", finished(1), message)).unwrap();
    here.ask("aaaa", 2, 0, "two").unwrap();
    here.answer("aaaa", 2, 0, "second", usage(20)).unwrap();
    here.keep("aaaa", edit_entry(2, "a.rs", "waits", pending("busy")));
    here.begin("bbbb").unwrap();
    here.end("bbbb", Status::Finished).unwrap();
    block_on(here.set_selection(vec![file("a.rs")])).unwrap();
    drop(history);
    let connection = rusqlite::Connection::open(world.path().join("history.db")).unwrap();
    let _ = fs::remove_file(path);
    connection.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
}

#[test]
fn databases_of_all_versions_can_be_used() {
    let newest = folder().join(format!("history-{}.db", open::MIGRATIONS.len()));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(folder()).unwrap();
        make(&newest);
    }
    for version in 1..=open::MIGRATIONS.len() {
        let world = World::new();
        fs::copy(folder().join(format!("history-{version}.db")), world.path().join("history.db")).unwrap();
        let history = world.open();
        assert_eq!(block_on(history.notice()), None, "{version}");
        let here = history.workspace(KEY);
        let runs: Vec<_> = block_on(here.runs(9)).unwrap().into_iter().map(|run| run.run).collect();
        assert_eq!(runs, ["bbbb", "aaaa"]);
        assert_eq!(block_on(here.find_message("m1")).unwrap().unwrap().reply, "Hello.");
        assert_eq!(block_on(here.selection()).unwrap(), [file("a.rs")]);
        assert_eq!(block_on(here.pending()).unwrap()[0].texts.as_ref().unwrap().text, "waits");
        let Claim { job: kept, past } = block_on(here.claim("aaaa")).unwrap();
        assert_eq!(kept.into_job(workflow()).unwrap().instruction, job("aaaa").instruction);
        assert_eq!(past.steps["0"].left, Some(left("left 1")));
        assert_eq!(past.steps["1"].answers[&0].text, "second");
        here.begin("aaaa").unwrap();
        here.end("aaaa", Status::Finished).unwrap();
    }
}
