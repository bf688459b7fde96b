//! Which language a file or a code fence is in, and whether a file is code, prose or data.
//!
//! The list is GitHub's, as data. Detection by content is left out: names suffice here, and its regular expressions
//! would weigh megabytes. Nothing is read from a file.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use linguist::definitions::LANGUAGES;
use linguist_types::{Language, LanguageType};

/// What a file is for, as far as asking a model for it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Programs, and the markup and styles that belong to them.
    Code,
    /// Text for people.
    Prose,
    /// Settings, tables, lists.
    Data,
}

/// Markup whose files are mostly text for people; the list calls them markup or even programming.
const PROSE_MARKUP: [&str; 6] = ["TeX", "Roff", "Roff Manpage", "Typst", "MDX", "mdsvex"];

/// The usual meaning of extensions that several languages claim and none is called by.
const USUAL: [(&str, &str); 34] = [
    (".1", "Roff Manpage"),
    (".asc", "AsciiDoc"),
    (".bas", "BASIC"),
    (".bb", "BitBake"),
    (".cfg", "INI"),
    (".cgi", "Perl"),
    (".cl", "Common Lisp"),
    (".cls", "TeX"),
    (".cs", "C#"),
    (".ex", "Elixir"),
    (".f", "Fortran"),
    (".for", "Fortran"),
    (".fs", "F#"),
    (".gd", "GDScript"),
    (".gs", "JavaScript"),
    (".h", "C"),
    (".hh", "C++"),
    (".inc", "PHP"),
    (".l", "Lex"),
    (".m", "Objective-C"),
    (".ml", "OCaml"),
    (".mm", "Objective-C++"),
    (".p", "Gnuplot"),
    (".pl", "Perl"),
    (".pm", "Perl"),
    (".pp", "Puppet"),
    (".properties", "Java Properties"),
    (".s", "Assembly"),
    (".sc", "Scala"),
    (".scm", "Scheme"),
    (".sol", "Solidity"),
    (".spec", "RPM Spec"),
    (".t", "Perl"),
    (".txt", "Text"),
];

/// Tells code, prose and data apart by a file's name.
///
/// An unknown name without an extension (`NOTES`, a buffer without a file) counts as prose, any other as data.
pub fn kind(name: &str) -> Kind {
    match language_of(name) {
        Some(language) if is_prose(language) => Kind::Prose,
        Some(language) => match LANGUAGES[language].language_type {
            LanguageType::Data => Kind::Data,
            _ => Kind::Code,
        },
        None if base_name(name).contains('.') => Kind::Data,
        None => Kind::Prose,
    }
}

/// Whether a file of this name is a program, rather than markup, data or prose.
pub fn is_program(name: &str) -> bool {
    language_of(name).is_some_and(|language| LANGUAGES[language].language_type == LanguageType::Programming)
}

/// The name of the language that a file is most likely in, such as `Rust` or `C++`; `None` for an unknown name.
pub fn language(name: &str) -> Option<String> {
    language_of(name).map(str::to_owned)
}

/// The language that the info word of a code fence names: by name, alias or extension, in any case.
pub fn fence_language(word: &str) -> Option<&'static str> {
    let word = word.trim_start_matches('.').to_lowercase();
    let editors = EDITOR_IDS.iter().find(|(id, _)| *id == word).map(|(_, language)| *language);
    editors.or_else(|| INDEX.aliases.get(&word).copied()).or_else(|| usual(&format!(".{word}")))
}

/// Whether a language is one of text for people.
pub fn is_prose(language: &str) -> bool {
    let is_listed = LANGUAGES.get(language).is_some_and(|definition| definition.language_type == LanguageType::Prose);
    is_listed || PROSE_MARKUP.contains(&language)
}

/// Whether a file of this name can be in the language, counting dialects as the language they belong to.
pub fn is_in_language(name: &str, language: &str) -> bool {
    let family = family(language);
    candidates(name).iter().any(|candidate| self::family(candidate) == family)
}

/// Names that editors and models use in fences and the list doesn't have.
const EDITOR_IDS: [(&str, &str); 7] = [
    ("javascriptreact", "JavaScript"),
    ("typescriptreact", "TSX"),
    ("plaintext", "Text"),
    ("text", "Text"),
    ("txt", "Text"),
    ("golang", "Go"),
    ("shellscript", "Shell"),
];

/// Languages by what a name tells. Built on first use, in about two milliseconds.
struct Index {
    file_names: HashMap<&'static str, &'static str>,
    extensions: HashMap<&'static str, Vec<&'static str>>,
    aliases: HashMap<String, &'static str>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { file_names: HashMap::new(), extensions: HashMap::new(), aliases: HashMap::new() };
    // In alphabetical order, because the list comes in a random one.
    let mut languages: Vec<(&'static str, &'static Language)> =
        LANGUAGES.iter().map(|(name, language)| (name.as_str(), language)).collect();
    languages.sort_by_key(|(name, _)| *name);
    for (name, language) in languages {
        for file_name in language.filenames.iter().flatten() {
            index.file_names.entry(file_name).or_insert(name);
        }
        for extension in language.extensions.iter().flatten() {
            index.extensions.entry(extension).or_default().push(name);
        }
        for alias in language.aliases.iter().flatten() {
            index.aliases.entry(alias.to_lowercase()).or_insert(name);
        }
    }
    // A language's own name goes before another one's alias.
    for name in LANGUAGES.keys() {
        index.aliases.insert(name.to_lowercase().replace(' ', "-"), name);
    }
    index
});

fn language_of(name: &str) -> Option<&'static str> {
    let base = base_name(name);
    if let Some(language) = INDEX.file_names.get(base) {
        return Some(language);
    }
    extensions(base).find_map(|extension| usual(&extension))
}

/// The languages that a file's name allows.
fn candidates(name: &str) -> Vec<&'static str> {
    let base = base_name(name);
    if let Some(language) = INDEX.file_names.get(base) {
        return vec![language];
    }
    extensions(base).find_map(|extension| INDEX.extensions.get(extension.as_str()).cloned()).unwrap_or_default()
}

/// The usual one of the languages that claim an extension: the one that is called by it, rather than one that has
/// it among others.
fn usual(extension: &str) -> Option<&'static str> {
    let claimed = INDEX.extensions.get(extension)?;
    if let Some((_, language)) = USUAL.iter().find(|(usual, _)| *usual == extension) {
        return Some(language);
    }
    let called = extension.trim_start_matches('.');
    let by_name = claimed.iter().find(|language| INDEX.aliases.get(called) == Some(language));
    by_name.or_else(|| claimed.iter().find(|language| **language != "XML")).or(claimed.first()).copied()
}

/// The language whose dialect this is, or itself.
fn family(language: &str) -> &str {
    LANGUAGES.get(language).and_then(|definition| definition.group.as_deref()).unwrap_or(language)
}

/// The extensions of a file name from the longest to the shortest, in lower case after as written.
fn extensions(base: &str) -> impl Iterator<Item = String> {
    let dots: Vec<&str> = base.match_indices('.').map(|(at, _)| &base[at..]).collect();
    let mut seen = HashSet::new();
    let written = dots.iter().map(|extension| (*extension).to_owned());
    let lower = dots.iter().map(|extension| extension.to_lowercase());
    written.chain(lower).filter(|extension| seen.insert(extension.clone())).collect::<Vec<_>>().into_iter()
}

fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kind_and_language() {
        let cases = [
            ("src/main.rs", Kind::Code, Some("Rust")),
            ("a.py", Kind::Code, Some("Python")),
            ("a.ts", Kind::Code, Some("TypeScript")),
            ("a.tsx", Kind::Code, Some("TSX")),
            ("a.d.ts", Kind::Code, Some("TypeScript")),
            ("a.h", Kind::Code, Some("C")),
            ("a.hpp", Kind::Code, Some("C++")),
            ("a.cs", Kind::Code, Some("C#")),
            ("a.php", Kind::Code, Some("PHP")),
            ("a.sql", Kind::Data, Some("SQL")),
            ("a.html", Kind::Code, Some("HTML")),
            ("a.vue", Kind::Code, Some("Vue")),
            ("A.PY", Kind::Code, Some("Python")),
            ("Makefile", Kind::Code, Some("Makefile")),
            ("docker/Dockerfile", Kind::Code, Some("Dockerfile")),
            ("README.md", Kind::Prose, Some("Markdown")),
            ("README.MD", Kind::Prose, Some("Markdown")),
            ("a.rst", Kind::Prose, Some("reStructuredText")),
            ("a.tex", Kind::Prose, Some("TeX")),
            ("a.typ", Kind::Prose, Some("Typst")),
            ("LICENSE", Kind::Prose, Some("Text")),
            ("notes.txt", Kind::Prose, Some("Text")),
            ("NOTES", Kind::Prose, None),
            ("untitled:Untitled-1", Kind::Prose, None),
            ("package.json", Kind::Data, Some("JSON")),
            ("a.yml", Kind::Data, Some("YAML")),
            ("Cargo.toml", Kind::Data, Some("TOML")),
            ("some.d/a.unheardof", Kind::Data, None),
            ("", Kind::Prose, None),
        ];
        for (name, expected_kind, expected_language) in cases {
            assert_eq!((kind(name), language(name).as_deref()), (expected_kind, expected_language), "{name}");
        }
    }

    #[test]
    fn fences_name_languages_in_many_ways() {
        let cases = [
            ("rust", Some("Rust")),
            ("rs", Some("Rust")),
            ("C++", Some("C++")),
            ("cpp", Some("C++")),
            ("golang", Some("Go")),
            ("sh", Some("Shell")),
            ("console", Some("ShellSession")),
            ("js", Some("JavaScript")),
            ("jsx", Some("JavaScript")),
            ("typescriptreact", Some("TSX")),
            ("yml", Some("YAML")),
            (".py", Some("Python")),
            ("plaintext", Some("Text")),
            ("", None),
            ("unheardof", None),
        ];
        for (word, expected) in cases {
            assert_eq!(fence_language(word), expected, "{word}");
        }
    }

    #[test]
    fn a_name_admits_every_language_that_claims_it() {
        for (name, language, expected) in [
            ("a.h", "C++", true),
            ("a.tsx", "TypeScript", true),
            ("a.rs", "Rust", true),
            ("a.rs", "Python", false),
            ("tsconfig.json", "JSON", true),
            ("a.unheardof", "Rust", false),
        ] {
            assert_eq!(is_in_language(name, language), expected, "{name} {language}");
        }
    }

    #[test]
    fn the_usual_languages_exist() {
        for (extension, language) in USUAL {
            assert!(INDEX.extensions[extension].contains(&language), "{extension} {language}");
        }
        for language in PROSE_MARKUP.into_iter().chain(EDITOR_IDS.map(|(_, language)| language)) {
            assert!(LANGUAGES.contains_key(language), "{language}");
        }
    }
}
