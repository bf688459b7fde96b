use super::*;

fn find(text: &str, line: u32, id: &str, name: &str) -> Option<(u32, u32, Option<String>, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let line_at = |n: u32| lines.get(n as usize).map(|line| (*line).to_owned());
    let Marker { first_line, last_line, workflow, instruction } = near(&line_at, line, id, name, "AI")?;
    Some((first_line, last_line, workflow, instruction))
}

#[test]
fn markers_in_many_languages() {
    for (text, id, name) in [
        ("// AI: do it", "rust", "a.rs"),
        ("    // AI: do it", "", "a.ts"),
        ("//AI:do it", "go", "a.go"),
        ("# AI: do it", "python", "a.py"),
        ("# AI: do it", "", "Makefile"),
        ("-- AI: do it", "lua", "a.lua"),
        ("; AI: do it", "", "a.clj"),
        ("% AI: do it", "latex", "a.tex"),
        ("! AI: do it", "", "a.f90"),
        ("<!-- AI: do it -->", "html", "a.html"),
        ("/* AI: do it */", "css", "a.css"),
        ("(* AI: do it *)", "ocaml", "a.ml"),
        ("AI: do it", "markdown", "a.md"),
        ("<!-- AI: do it -->", "markdown", "a.md"),
        ("AI: do it", "plaintext", "notes.txt"),
        ("AI: do it", "", "NOTES"),
        (";; AI: do it", "emacs-lisp", "a.el"),
        ("## AI: do it", "", "a.R"),
        ("REM AI: do it", "", "a.bat"),
        ("rem AI: do it", "bat", "a.bat"),
        (":: AI: do it", "", "a.cmd"),
        (".. AI: do it", "", "a.rst"),
        ("*> AI: do it", "", "a.cob"),
        ("\" AI: do it", "vim", "a.vim"),
        ("' AI: do it", "", "a.vb"),
        ("{# AI: do it #}", "", "a.jinja"),
        ("(* AI: do it *)", "", "a.sml"),
        ("<!-- AI: do it -->", "", "a.xml"),
        ("//- AI: do it", "", "a.pug"),
        ("-# AI: do it", "", "a.haml"),
        ("# AI: do it", "", "a.php"),
        ("// AI: do it", "", "a.php"),
        ("/* AI: do it */", "", "a.c"),
    ] {
        assert_eq!(find(text, 0, id, name), Some((0, 0, None, "do it".to_owned())), "{text} in {name}");
    }
}

/// By the file's name alone, as editors without language ids ask.
#[test]
fn at_least_forty_languages_are_known_by_name() {
    let files = [
        "rs",
        "ts",
        "js",
        "tsx",
        "go",
        "java",
        "kt",
        "swift",
        "scala",
        "c",
        "cpp",
        "cs",
        "fs",
        "dart",
        "zig",
        "php",
        "groovy",
        "m",
        "py",
        "rb",
        "sh",
        "fish",
        "pl",
        "r",
        "yaml",
        "toml",
        "ex",
        "jl",
        "nim",
        "nix",
        "ps1",
        "tcl",
        "cr",
        "coffee",
        "graphql",
        "tf",
        "gd",
        "lua",
        "hs",
        "sql",
        "elm",
        "adb",
        "vhdl",
        "purs",
        "clj",
        "el",
        "rkt",
        "scm",
        "lisp",
        "asm",
        "tex",
        "erl",
        "f90",
        "vb",
        "vim",
        "html",
        "vue",
        "svelte",
        "xml",
        "css",
        "scss",
        "less",
        "ml",
        "v",
        "sv",
        "sol",
        "proto",
        "glsl",
        "hx",
        "d",
        "pas",
        "cmake",
        "mk",
        "dockerfile",
        "awk",
        "raku",
        "jq",
        "nu",
        "lean",
        "idr",
        "agda",
        "pp",
        "bzl",
        "cue",
        "jsonnet",
        "prisma",
        "qml",
    ];
    for extension in files {
        assert!(!signs("", &format!("a.{extension}")).is_empty(), "{extension}");
    }
    assert!(files.len() >= 80);
}

#[test]
fn parts_in_other_languages_have_their_own_comments() {
    let page = "<template>\n  <!-- AI: one -->\n  // AI: none\n</template>\n<script lang=\"ts\">\n// AI: two\n</script>\n\
                <style>\n/* AI: three */\n</style>\n<!-- AI: four -->\n";
    let found = |text: &str, name: &str| -> Vec<String> {
        let mut found: Vec<_> = (0..text.lines().count())
            .filter_map(|line| find(text, u32::try_from(line).unwrap(), "", name))
            .map(|(first, .., instruction)| format!("{first} {instruction}"))
            .collect();
        found.dedup();
        found
    };
    for name in ["a.vue", "a.svelte", "a.html"] {
        assert_eq!(found(page, name), ["1 one", "5 two", "8 three", "10 four"], "{name}");
    }
    let markdown =
        "AI: one\n\n\n```python\n# AI: two\nAI: none\n```\n\n\n~~~unheardof\n# AI: none\n~~~\n\n\n<!-- AI: three -->\n";
    assert_eq!(found(markdown, "a.md"), ["0 one", "4 two", "14 three"]);
}

#[test]
fn a_block_goes_on_until_it_is_closed() {
    let css = "a {}\n/* AI: make it\n * blue,\n   not red */\nb {}\n";
    assert_eq!(find(css, 2, "css", "a.css"), Some((1, 3, None, "make it blue, not red".to_owned())));
    let html = "<!-- AI: add\n     a table -->\n<p>\n";
    assert_eq!(find(html, 0, "html", "a.html"), Some((0, 1, None, "add a table".to_owned())));
    let lines = "(* AI: do it *)\n(*   and that *)\n(* no *)\n";
    assert_eq!(find(lines, 0, "ocaml", "a.ml"), Some((0, 1, None, "do it and that".to_owned())));
    for text in ["/* AI: never closed\nb {}\n", "/* AI: closed\n late */ b {}\n", "/* AI: x */ b {}\n"] {
        assert_eq!(find(text, 0, "css", "a.css"), None, "{text}");
    }
}

#[test]
fn comments_are_told_from_code() {
    for (line, name, expected) in [
        ("  // x", "a.rs", true),
        ("x // y", "a.rs", false),
        ("# x", "a.py", true),
        ("x", "a.md", false),
        ("", "a.py", false),
    ] {
        assert_eq!(is_comment(line, "", name), expected, "{line}");
    }
}

#[test]
fn where_a_marker_begins_and_ends() {
    let text = "x = 1\n# AI(write-tests): do this\n#   and that,\n#   too\n# an ordinary comment\ny = 2\nz = 3\n";
    let whole = Some((1, 3, Some("write-tests".to_owned()), "do this and that, too".to_owned()));
    for line in 0..=4 {
        assert_eq!(find(text, line, "python", "a.py"), whole, "{line}");
    }
    assert_eq!(find(text, 6, "python", "a.py"), None);
    let two = "# AI: one\n# AI: two\n";
    assert_eq!(find(two, 0, "python", "a.py").unwrap().3, "one");
    assert_eq!(find(two, 1, "python", "a.py").unwrap().3, "two");
}

#[test]
fn what_is_no_marker() {
    for (text, name) in [
        ("x = 1  # AI: not at the start", "a.py"),
        ("# AIM: far", "a.py"),
        ("# AI:", "a.py"),
        ("# AI(auto: open", "a.py"),
        ("# see AI: below", "a.py"),
        ("// AI: the wrong sign", "a.py"),
        ("AI: no comment", "a.py"),
        ("AI: of no language", "a.unknown"),
    ] {
        assert_eq!(find(text, 0, "", name), None, "{text}");
    }
}

#[test]
fn the_lines_go() {
    let lines = ["# AI: do it".to_owned(), "#   now".to_owned()];
    assert_eq!(without("a\n# AI: do it\n#   now\nb\n", &lines), "a\nb\n");
    assert_eq!(without("a\nb\n", &lines), "a\nb\n");
    assert_eq!(without("", &lines), "");
    assert_eq!(without("# AI: do it\n", &[]), "# AI: do it\n");
}
