//! The file: whose it is, and what happens when it can't be used.

use super::*;

const NEVER: &str = "history is kept only until stepwright ends: ";

/// Whether what is recorded can be found.
fn works(history: &History) {
    let here = history.workspace(KEY);
    here.begin("works").unwrap();
    here.ask("works", 1, 0, "x").unwrap();
    here.end("works", Status::Finished).unwrap();
    assert_eq!(block_on(here.run("works")).unwrap().unwrap().summary.status, Status::Finished);
}

/// A database with some runs, as a crash leaves it, or as an orderly end does.
fn filled(with_log: bool) -> World {
    let world = World::new();
    let history = world.open();
    let here = history.workspace(KEY);
    for run in 0..20 {
        here.begin(&format!("r{run}")).unwrap();
        here.ask(&format!("r{run}"), 1, 0, &format!("prompt {run} ").repeat(run * 50)).unwrap();
    }
    if with_log {
        return world.crashed();
    }
    drop((here, history));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while world.path().join("history.db-wal").exists() {
        assert!(std::time::Instant::now() < deadline, "the log stays");
        std::thread::yield_now();
    }
    world
}

fn database(world: &World) -> PathBuf {
    world.path().join("history.db")
}

#[test]
fn sqlite_is_one_without_the_fault() {
    assert!(rusqlite::version_number() >= open::MIN_SQLITE, "{}", rusqlite::version());
}

#[test]
fn nothing_is_made_before_the_first_call_and_nothing_is_said_without_need() {
    let world = World::new();
    let folder = world.path().join("a/b");
    let history = History::open(Some(folder.clone()));
    history.flush(Duration::from_secs(20));
    assert!(!folder.exists());
    works(&history);
    assert_eq!(block_on(history.notice()), None);
    assert_eq!(block_on(History::in_memory().notice()), None);
    let none = History::open(None);
    works(&none);
    let notice = block_on(none.notice()).unwrap();
    assert!(notice.starts_with(NEVER) && notice.contains("XDG_STATE_HOME"), "{notice}");
    assert_eq!(block_on(none.notice()), None, "said once");
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let world = World::new();
    let folder = world.path().join("state/stepwright");
    let history = History::at(Place { folder: Some(folder.clone()), ..world.place() });
    works(&history);
    assert_eq!(mode(&folder), 0o700);
    for file in ["history.db", "history.db-wal", "history.db-shm"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    // What others made too open is closed.
    let open = world.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::write(open.join("history.db"), "").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(open.join("history.db"), fs::Permissions::from_mode(0o644)).unwrap();
    works(&History::at(Place { folder: Some(open.clone()), ..world.place() }));
    assert_eq!((mode(&open), mode(&open.join("history.db"))), (0o700, 0o600));
}

/// Root may write anywhere, so that the folder is one that nobody can make.
#[test]
fn a_folder_that_cant_be_written_leaves_memory() {
    let world = World::new();
    fs::write(world.path().join("file"), "").unwrap();
    let folder = world.path().join("file/stepwright");
    let history = History::open(Some(folder));
    works(&history);
    let notice = block_on(history.notice()).unwrap();
    assert!(
        notice.starts_with(NEVER) && notice.contains("failed to open") && notice.contains("set XDG_STATE_HOME"),
        "{notice}"
    );
    let world = World::new();
    fs::create_dir(database(&world)).unwrap();
    let history = world.open();
    works(&history);
    assert!(block_on(history.notice()).unwrap().contains("it is not a file"));
}

/// The first write of a new database, and a change from one journal to the other, go through SQLite's older journal.
#[test]
fn a_kill_in_the_older_journal_is_recovered_from() {
    let before = filled(false);
    let connection = rusqlite::Connection::open(database(&before)).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
    // So small a cache writes pages of a transaction that isn't committed.
    connection.pragma_update(None, "cache_size", 1).unwrap();
    connection.execute_batch("BEGIN; CREATE TABLE half (x); UPDATE runs SET instruction = zeroblob(9000)").unwrap();
    let killed = World::new();
    for name in ["history.db", "history.db-journal"] {
        fs::copy(before.path().join(name), killed.path().join(name)).unwrap();
    }
    assert!(fs::read(database(&killed)).unwrap() != fs::read(database(&filled(false))).unwrap(), "it is half written");
    let history = killed.open();
    works(&history);
    assert_eq!(block_on(history.notice()), None);
    let run = block_on(history.workspace(KEY).run("r7")).unwrap().unwrap();
    assert_eq!(run.summary.instruction, job("r7").instruction);
}

#[test]
fn damage_is_noticed_and_never_written_to() {
    let whole = fs::read(database(&filled(false))).unwrap();
    let with_header = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("a text".to_owned(), b"These are my notes, and no database.\n".repeat(9)),
        ("zeros".to_owned(), vec![0; whole.len()]),
        ("another program's".to_owned(), with_header(68, &[1, 2, 3, 4])),
        ("a page size of nothing".to_owned(), with_header(16, &[0, 0])),
        ("a newer version".to_owned(), with_header(60, &[0, 0, 0, 99])),
    ];
    let lengths = (1..whole.len()).step_by(whole.len() / 40).chain([99, 100, 512, 4095, 4096, whole.len() - 1]);
    cases.extend(lengths.map(|length| (format!("{length} bytes"), whole[..length].to_vec())));
    for page in 0..whole.len() / 4096 {
        let mut zeroed = whole.clone();
        zeroed[page * 4096..][..4096].fill(0);
        cases.push((format!("page {page} of zeros"), zeroed));
    }
    for (what, bytes) in cases {
        let world = World::new();
        fs::write(database(&world), &bytes).unwrap();
        for _ in 0..2 {
            let history = world.open();
            works(&history);
            let notice = block_on(history.notice()).unwrap_or_else(|| panic!("{what}: nothing is said"));
            let newer = what == "a newer version";
            let (word, copy) = if newer { ("newer", "history-newer.db") } else { ("damaged", "history-damaged.db") };
            assert!(notice.starts_with(NEVER) && notice.contains(word) && notice.contains(copy), "{what}: {notice}");
            assert!(fs::read(database(&world)).unwrap() == bytes, "{what}: it was written");
            assert!(fs::read(world.path().join(copy)).unwrap() == bytes, "{what}: the copy differs");
            // SQLite makes these two when it reads, and leaves them when it may not write.
            for entry in fs::read_dir(world.path()).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let expected = ["history.db", copy, "history.db-wal", "history.db-shm"];
                assert!(expected.contains(&name.as_str()), "{what}: {name} is left");
            }
        }
    }
}

#[test]
fn a_log_that_was_cut_leaves_what_came_before() {
    let world = filled(true);
    let log = world.path().join("history.db-wal");
    let whole = fs::read(&log).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 15) {
        let world = world.crashed();
        fs::write(world.path().join("history.db-wal"), &whole[..length]).unwrap();
        let history = world.open();
        works(&history);
        assert_eq!(block_on(history.notice()), None, "{length}");
    }
}

#[test]
fn a_newer_version_in_the_log_is_left_alone() {
    let world = filled(true);
    {
        let connection = rusqlite::Connection::open(database(&world)).unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let copy = world.crashed();
        let before = fs::read(database(&copy)).unwrap();
        let history = copy.open();
        works(&history);
        assert!(block_on(history.notice()).unwrap().contains("newer"));
        drop(history);
        assert!(fs::read(database(&copy)).unwrap() == before);
        assert!(copy.path().join("history-newer.db-wal").exists());
    }
}

#[cfg(unix)]
#[test]
fn damage_while_it_is_open_moves_runs_under_way_into_memory() {
    let world = filled(false);
    let history = world.open();
    let here = history.workspace(KEY);
    here.begin("under-way").unwrap();
    // As a second program would that doesn't know better.
    for name in ["history.db", "history.db-wal"] {
        let path = world.path().join(name);
        let length = fs::metadata(&path).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xa5; length as usize], 0).unwrap();
    }
    let before = fs::read(database(&world)).unwrap();
    // A page may still be in memory.
    for number in 0..200 {
        here.ask("under-way", 1, number, &format!("{number}")).unwrap();
        block_on(here.run(&format!("r{}", number % 20))).unwrap();
    }
    here.end("under-way", Status::Finished).unwrap();
    let notice = block_on(history.notice()).unwrap();
    assert!(notice.contains("is damaged") && notice.contains("history-damaged.db"), "{notice}");
    works(&history);
    assert!(fs::read(database(&world)).unwrap() == before);
}

#[test]
fn a_full_disk_fails_what_has_no_room_and_nothing_else() {
    let world = World::new();
    let history = world.open();
    let here = history.workspace(KEY);
    here.begin("r").unwrap();
    let set_limit = |more: i64| {
        let work = move |database: &mut database::Database| {
            let pages: i64 = database.connection().pragma_query_value(None, "page_count", |row| row.get(0))?;
            database.connection().pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(()))?;
            Ok(())
        };
        block_on(history.writer.read(work)).unwrap();
    };
    set_limit(0);
    let text: String = (0..20_000_u64).map(|i| format!("{:x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let error = here.ask("r", 1, 0, &text).unwrap_err();
    assert_eq!(error.to_string(), "failed to keep the run's history: the disk is full; free some space and go on");
    assert_eq!(block_on(here.run("r")).unwrap().unwrap().steps[0].requests, []);
    set_limit(1000);
    here.ask("r", 1, 0, &text).unwrap();
    here.end("r", Status::Finished).unwrap();
    assert_eq!(*block_on(here.run("r")).unwrap().unwrap().steps[0].requests[0].prompt, *text);
}

#[test]
fn two_servers_may_begin_together() {
    for _ in 0..10 {
        let world = World::new();
        std::thread::scope(|scope| {
            for server in 0..4 {
                let history = world.open();
                scope.spawn(move || {
                    let here = history.workspace(KEY);
                    here.begin(&format!("r{server}")).unwrap();
                    assert_eq!(block_on(history.notice()), None);
                });
            }
        });
        let history = world.open();
        assert_eq!(block_on(history.notice()), None);
        assert_eq!(block_on(history.workspace(KEY).runs(9)).unwrap().len(), 4);
    }
}
