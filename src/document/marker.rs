//! Comment markers: `// AI: …` in code, `AI: …` in text, with the instruction that they hold. Reads lines; changes nothing.

use super::language::{Kind, kind, language};

/// An instruction in a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// 0-based.
    pub first_line: u32,
    /// 0-based, inclusive.
    pub last_line: u32,
    /// The workflow that it names.
    pub workflow: Option<String>,
    pub instruction: String,
}

/// How a language writes a comment that ends with its line; the second part closes it.
type Sign = (&'static str, &'static str);

/// Languages by their sign, under the names that editors and GitHub's list use, in lower case.
const SIGNS: &[(Sign, &[&str])] = &[
    (
        ("//", ""),
        &[
            "rust",
            "javascript",
            "javascriptreact",
            "jsx",
            "typescript",
            "typescriptreact",
            "tsx",
            "c",
            "cpp",
            "c++",
            "objective-c",
            "objective-c++",
            "csharp",
            "c#",
            "fsharp",
            "f#",
            "java",
            "kotlin",
            "scala",
            "groovy",
            "go",
            "swift",
            "dart",
            "zig",
            "php",
            "scss",
            "less",
            "sass",
            "jsonc",
            "json5",
            "json with comments",
            "proto",
            "protocol buffer",
            "glsl",
            "hlsl",
            "wgsl",
            "cuda",
            "solidity",
            "v",
            "odin",
            "gleam",
            "typst",
            "vala",
            "d",
            "verilog",
            "systemverilog",
            "pascal",
            "stan",
            "qml",
            "bicep",
            "reason",
            "rescript",
            "cue",
            "thrift",
            "move",
            "cairo",
            "haxe",
            "ballerina",
        ],
    ),
    (
        ("#", ""),
        &[
            "python",
            "ruby",
            "shellscript",
            "shell",
            "sh",
            "bash",
            "fish",
            "zsh",
            "perl",
            "r",
            "yaml",
            "toml",
            "makefile",
            "cmake",
            "dockerfile",
            "elixir",
            "julia",
            "nim",
            "nix",
            "powershell",
            "tcl",
            "awk",
            "crystal",
            "coffeescript",
            "graphql",
            "hcl",
            "terraform",
            "gdscript",
            "ignore list",
            "ini",
            "conf",
            "properties",
            "java properties",
            "just",
            "starlark",
            "bazel",
            "raku",
            "puppet",
            "robotframework",
            "mojo",
            "cython",
            "gnuplot",
            "jq",
            "nushell",
            "meson",
            "editorconfig",
        ],
    ),
    (
        ("--", ""),
        &[
            "lua",
            "luau",
            "haskell",
            "sql",
            "plsql",
            "tsql",
            "plpgsql",
            "elm",
            "ada",
            "vhdl",
            "purescript",
            "idris",
            "agda",
            "applescript",
            "dhall",
        ],
    ),
    (
        (";", ""),
        &[
            "lisp",
            "common lisp",
            "commonlisp",
            "scheme",
            "clojure",
            "emacs lisp",
            "elisp",
            "racket",
            "assembly",
            "asm",
            "fennel",
            "janet",
            "autohotkey",
            "nasm",
        ],
    ),
    (("%", ""), &["latex", "tex", "erlang", "matlab", "prolog", "bibtex", "postscript"]),
    (("!", ""), &["fortran", "fortran free form", "fortran-modern"]),
    (("'", ""), &["vb", "visual basic .net", "vba", "vbscript"]),
    (("\"", ""), &["vim", "viml", "vim script"]),
    (("<!--", "-->"), &["html", "xml", "svg", "vue", "svelte", "astro"]),
    (("/*", "*/"), &["css"]),
    (("(*", "*)"), &["ocaml", "coq", "standard ml", "sml"]),
];

/// How far above a line its marker may begin.
const MOST_LINES: u32 = 30;

/// The marker that a line belongs to, or stands beside.
///
/// `line_at` gives the text of a 0-based line; `id` is the editor's language id, which may be empty; `word` begins a marker.
pub fn near(line_at: &dyn Fn(u32) -> Option<String>, line: u32, id: &str, name: &str, word: &str) -> Option<Marker> {
    let signs = signs(id, name);
    if signs.is_empty() {
        return None;
    }
    let reader = Reader { line_at, signs, word };
    let above = (line.saturating_sub(MOST_LINES)..=line).rev();
    let found = above.chain([line.saturating_add(1)]).filter_map(|first| reader.marker(first));
    found
        .into_iter()
        .find(|marker| line.saturating_add(1) >= marker.first_line && line <= marker.last_line.saturating_add(1))
}

/// The text without the first place where these lines stand together.
pub fn without(text: &str, lines: &[String]) -> String {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let same = |window: &[&str]| window.iter().zip(lines).all(|(line, marked)| line.trim_end() == marked.trim_end());
    match all.windows(lines.len().max(1)).position(same) {
        Some(at) if !lines.is_empty() => [&all[..at], &all[at + lines.len()..]].concat().concat(),
        _ => text.to_owned(),
    }
}

struct Reader<'a> {
    line_at: &'a dyn Fn(u32) -> Option<String>,
    signs: Vec<Sign>,
    word: &'a str,
}

impl Reader<'_> {
    /// The marker that begins at this line.
    fn marker(&self, first_line: u32) -> Option<Marker> {
        let line = (self.line_at)(first_line)?;
        let (sign, rest) = self.signs.iter().find_map(|sign| Some((*sign, comment(&line, *sign)?)))?;
        let rest = rest.trim_start().strip_prefix(self.word)?;
        let (workflow, rest) = match rest.strip_prefix('(') {
            Some(rest) => {
                let (name, rest) = rest.split_once(')')?;
                (Some(name.trim().to_owned()), rest)
            }
            None => (None, rest),
        };
        let mut instruction = rest.strip_prefix(':')?.trim().to_owned();
        let mut last_line = first_line;
        while let Some(more) = (self.line_at)(last_line + 1).and_then(|line| continuation(&line, sign)) {
            instruction.push(' ');
            instruction.push_str(&more);
            last_line += 1;
        }
        let instruction = instruction.trim().to_owned();
        (!instruction.is_empty()).then_some(Marker { first_line, last_line, workflow, instruction })
    }
}

/// What a comment line says, behind its sign.
fn comment(line: &str, (open, close): Sign) -> Option<&str> {
    let rest = line.trim().strip_prefix(open)?;
    Some(rest.strip_suffix(close).unwrap_or(rest))
}

/// A comment line directly below a marker belongs to it when it is indented behind the sign; others are ordinary comments.
fn continuation(line: &str, sign: Sign) -> Option<String> {
    // In a text file there is no sign, and so nothing that could tell.
    if sign.0.is_empty() {
        return None;
    }
    let rest = comment(line, sign)?;
    (rest.starts_with("  ") && !rest.trim().is_empty()).then(|| rest.trim().to_owned())
}

fn signs(id: &str, name: &str) -> Vec<Sign> {
    let of = |wanted: &str| SIGNS.iter().filter(|(_, names)| names.contains(&wanted)).map(|(sign, _)| *sign).collect();
    let by_editor: Vec<Sign> = of(&id.to_lowercase());
    if !by_editor.is_empty() {
        return by_editor;
    }
    let by_name: Vec<Sign> = language(name).map(|language| of(&language.to_lowercase())).unwrap_or_default();
    match (by_name.is_empty(), kind(name)) {
        (true, Kind::Prose) => vec![("<!--", "-->"), ("", "")],
        _ => by_name,
    }
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(find(text, 0, id, name), Some((0, 0, None, "do it".to_owned())), "{text} in {name}");
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
}
