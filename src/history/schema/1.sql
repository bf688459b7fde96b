-- Times are milliseconds since 1970, texts of any length are in `blobs`, costs are USD.

CREATE TABLE workspaces (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    -- The number of its last message.
    messages INTEGER NOT NULL DEFAULT 0,
    selection TEXT NOT NULL DEFAULT '[]'
);

-- Each text once. Ids are never given again: what is left of a cleaned run may still name them.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL
);

-- A text goes with the last run that uses it.
CREATE TABLE uses (
    run INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (run, blob)
) WITHOUT ROWID;
CREATE INDEX uses_of_blob ON uses (blob);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    instruction TEXT NOT NULL,
    job INTEGER,
    nonce TEXT NOT NULL,
    status TEXT NOT NULL,
    summary TEXT NOT NULL DEFAULT '',
    started INTEGER NOT NULL,
    -- The process that has it now, or had it last, was at work from `begun` to `touched`; those before it for `earlier` milliseconds.
    begun INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    earlier INTEGER NOT NULL DEFAULT 0,
    -- NULL until there is an answer; a NULL cost beside them is unknown.
    input INTEGER,
    cached INTEGER,
    output INTEGER,
    cost REAL,
    -- What `spending` has of it.
    spent REAL NOT NULL DEFAULT 0,
    -- 0: whole. 1: its texts are being removed. 2: they are gone.
    cleaned INTEGER NOT NULL DEFAULT 0,
    -- Who has it under way. A write counts only with the right `fence`, which each taking over makes larger.
    owner TEXT,
    host TEXT,
    pid INTEGER,
    fence INTEGER NOT NULL,
    lease INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_of_workspace ON runs (workspace, id);
CREATE INDEX runs_open ON runs (workspace, id) WHERE status IN ('in-progress', 'interrupted');
CREATE INDEX runs_whole ON runs (id) WHERE cleaned = 0;
CREATE INDEX runs_half ON runs (id) WHERE cleaned = 1;

CREATE TABLE steps (
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    path TEXT NOT NULL,
    module TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT,
    -- What it left, as JSON.
    remains INTEGER,
    started INTEGER,
    ended INTEGER,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    number INTEGER NOT NULL,
    module TEXT NOT NULL,
    role TEXT NOT NULL,
    model TEXT,
    nonce TEXT NOT NULL,
    system INTEGER,
    shared INTEGER,
    prompt INTEGER,
    answer INTEGER,
    input INTEGER,
    cached INTEGER,
    output INTEGER,
    cost REAL,
    -- The step failed after it: its answer isn't used again.
    failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX attempts_of_step ON attempts (run, step, number);

CREATE TABLE messages (
    workspace INTEGER NOT NULL,
    number INTEGER NOT NULL,
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    words TEXT NOT NULL,
    prompt BLOB NOT NULL,
    reply BLOB NOT NULL,
    UNIQUE (workspace, number)
);
CREATE UNIQUE INDEX messages_of_step ON messages (run, step);

CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    title TEXT NOT NULL,
    -- Name and place, as JSON.
    file TEXT NOT NULL,
    -- NULL: there is no file.
    base INTEGER,
    text INTEGER NOT NULL,
    before INTEGER,
    after INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
);
CREATE INDEX edits_of_run ON edits (run, id);
CREATE INDEX edits_waiting ON edits (run) WHERE state = 'pending';

CREATE TABLE spending (
    at INTEGER NOT NULL,
    cost REAL NOT NULL
);
CREATE INDEX spending_by_time ON spending (at);
