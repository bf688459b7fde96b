//! What a person is told about each mistake. The word `canary` stands for a key, and is never repeated.

use expect_test::{Expect, expect};

use super::{load, told, user};

fn check(text: &str, problems: Expect) {
    let told = told(&load(&user(text)));
    assert!(!told.contains("canary") && !told.contains("hunter2"), "{told}");
    problems.assert_eq(&told);
}

#[test]
fn mistakes() {
    check(r#"rolse = { main = "a/b" }"#, expect![[""]]);
    check(r#"Roles = { main = "a/b" }"#, expect![[""]]);
    check("zzzz = 1", expect![[""]]);
    check("concurrency = 4", expect![[""]]);
    check(r#"base_url = "http://localhost""#, expect![[""]]);
    check(r#"instruction = "x""#, expect![[""]]);
    check(r#"roles.min = "a/b""#, expect![[""]]);
    check(r#"roles.main = "gpt-5""#, expect![[""]]);
    check("roles.main = 5", expect![[""]]);
    check(r#"roles = "a/b""#, expect![[""]]);
    check(r#"[limits]
concurrency = "four""#, expect![[""]]);
    check("[limits]\nconcurrency = 0", expect![[""]]);
    check("[limits]\nconcurrency = 65", expect![[""]]);
    check("[limits]\nconcurrency = 2.0", expect![[""]]);
    check("[limits]\nconcurrency = 99999999999999999999999999999999999999999", expect![[""]]);
    check("[limits]\nmax-cost-per-run = -1", expect![[""]]);
    check("[limits]\nmax-cost-per-run = nan", expect![[""]]);
    check(r#"[limits]
max-cost-per-day = "ten""#, expect![[""]]);
    check("[limits]\nmax_cost_per_day = 10", expect![[""]]);
    check(r#"[limits]
unknown-price = "refused""#, expect![[""]]);
    check(r#"[limits]
unknown-price = "panic""#, expect![[""]]);
    check("[limits]\nfirst-byte-timeout = 120", expect![[""]]);
    check(r#"[limits]
idle-timeout = "2 minutes""#, expect![[""]]);
    check(r#"[limits]
idle-timeout = "0s""#, expect![[""]]);
    check("[limits]\nmax-pages = 0", expect![[""]]);
    check(r#"[providers.mine]
base-url = "http://localhost:1""#, expect![[""]]);
    check(r#"[providers.mine]
wire = "opena""#, expect![[""]]);
    check(r#"[providers.openai]
base_url = "http://localhost:1""#, expect![[""]]);
    check(r#"[providers.openai]
base-url = "localhost:8080""#, expect![[""]]);
    check(r#"[providers.openai]
base-url = "https://user:hunter2@host/v1""#, expect![[""]]);
    check(r#"[providers.openai]
base-url = "https://host/v1?key=hunter2""#, expect![[""]]);
    check(r#"[providers.openai]
key = "sk-canary""#, expect![[""]]);
    check(r#"[providers.openai]
api_key = "sk-canary""#, expect![[""]]);
    check(r#"[providers.openai]
key-env = "sk-canary""#, expect![[""]]);
    check(r#"[providers.openai]
key-env = "canary of mine""#, expect![[""]]);
    check(r#"[providers.openai]
key-env = "sk_canary""#, expect![[""]]);
    check(r#"[providers.openai]
key-command = "pass show openai""#, expect![[""]]);
    check("[providers.openai]\nkey-command = []", expect![[""]]);
    check(r#"[providers.openai]
key-command = ["pass", 1]"#, expect![[""]]);
    check(r#"[providers.openai]
key-env = "A"
key-command = ["pass"]"#, expect![[""]]);
    check(r#"[providers.openai]
headers = { Authorization = "Bearer canary" }"#, expect![[""]]);
    check(r#"[providers."a/b"]
wire = "openai""#, expect![[""]]);
    check(r#"[providers]
openai = "https://api.openai.com""#, expect![[""]]);
    check(r#"[providers.r]
wire = "replay""#, expect![[""]]);
    check(r#"[providers.sk-canary]
weir = "openai""#, expect![[""]]);
    check("sk-canary = 1", expect![[""]]);
    check("[models.gpt-5]\ncontext-window = 1000000", expect![[""]]);
    check(r#"[models."openai/m"]
context-window = "big""#, expect![[""]]);
    check(r#"[models."openai/m"]
context-window = 12"#, expect![[""]]);
    check(r#"[models."openai/m"]
price = 2.0"#, expect![[""]]);
    check(r#"[models."openai/m"]
price = { input = 1 }"#, expect![[""]]);
    check(r#"[models."openai/m"]
price = { input = -1, output = 1 }"#, expect![[""]]);
    check(r#"[models."openai/m"]
price = { input = 1, output = 1, cache = 1 }"#, expect![[""]]);
    check(r#"[check]
command = "cargo test""#, expect![[""]]);
    check("[check]\ncommand = []", expect![[""]]);
    check(r#"[check]
command = ["cargo", ["test"]]"#, expect![[""]]);
    check(r#"[check]
timeout = "5 h""#, expect![[""]]);
    check(r#"check = ["cargo", "test"]"#, expect![[""]]);
    check(r#"[[presets]]
id = "doc""#, expect![[""]]);
    check(r#"[[presets]]
id = "doc"
title = ""
workflow = "auto"
instruction = "x""#, expect![[""]]);
    check(r#"[[presets]]
id = "a b"
title = "t"
workflow = "auto"
instruction = "x""#, expect![[""]]);
    check(r#"[[presets]]
id = "doc"
title = "t"
workflow = "auto"
instruction = "x"
[[presets]]
id = "doc"
title = "u"
workflow = "auto"
instruction = "y""#, expect![[""]]);
    check(r#"[presets]
id = "doc""#, expect![[""]]);
    check(r#"presets = ["doc"]"#, expect![[""]]);
    check(r#"[[presets]]
id = "doc"
title = "t"
workflow = "auto"
instruction = "x"
prompt = "y""#, expect![[""]]);
    check(r#"summary = "yes""#, expect![[""]]);
    check("summary = 1979-05-27", expect![[""]]);
    check(r#"marker = "AI:""#, expect![[""]]);
    check(r#"marker = "two words""#, expect![[""]]);
    check(r#"ignore = "*.sql""#, expect![[""]]);
    check(r#"ignore = ["*.sql", 1, ""]"#, expect![[""]]);
    check(r#"[tests]
path = "tests/{file}""#, expect![[""]]);
    check(r#"[tests]
path = "/etc/{name}""#, expect![[""]]);
    check(r#"[tests]
path = "a/../../{name}""#, expect![[""]]);
    check(r#"trust = ["~/work"]"#, expect![[""]]);
    check("trust = true", expect![[""]]);
    check("summary = true\nsummary = false", expect![[""]]);
    check("[roles", expect![[""]]);
    check("main = openai/gpt", expect![[""]]);
    check("key = sk-canary", expect![[""]]);
    check(r#"marker = "\u0000""#, expect![[""]]);
    check("zz = [[1], { a = [2] }]", expect![[""]]);
    check(r#""\u001b[31m\u202e" = 1"#, expect![[""]]);
    check(r#"openai-api-key = "sk-canary""#, expect![[""]]);
}
