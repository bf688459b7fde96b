//! Where the tests inside a Rust file are. Reads as much of the language as it takes not to be misled by strings and comments.

use std::ops::Range;

const ATTRIBUTE: &str = "#[cfg(test)]";

/// The bytes of the last `#[cfg(test)] mod … { … }` at the top level; one that isn't closed goes to the end.
pub fn find(source: &str) -> Option<Range<usize>> {
    let bytes = source.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    let (mut begun, mut found) = (None, None);
    while at < bytes.len() {
        let next = token_end(source, at);
        match bytes[at] {
            b'#' if depth == 0 && bytes[at..].starts_with(ATTRIBUTE.as_bytes()) => {
                if is_module(source, at + ATTRIBUTE.len()) {
                    begun = Some(at);
                }
                at += ATTRIBUTE.len();
                continue;
            }
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && bytes[at] == b'}' {
                    found = begun.take().map(|start| start..next).or(found);
                }
            }
            _ => {}
        }
        at = next;
    }
    begun.map(|start| start..bytes.len()).or(found)
}

/// Whether a module with a body follows, after other attributes and comments.
fn is_module(source: &str, mut at: usize) -> bool {
    let bytes = source.as_bytes();
    let mut words = String::new();
    let mut depth = 0_usize;
    while at < bytes.len() {
        let next = token_end(source, at);
        match bytes[at] {
            // The rest of an attribute, or of `pub(crate)`.
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            b'{' | b';' if depth == 0 => {
                let is_mod = words.split_whitespace().find(|word| *word != "pub") == Some("mod");
                return is_mod && bytes[at] == b'{';
            }
            b'/' if next > at + 1 => words.push(' '),
            b'#' => {}
            byte if depth == 0 => words.push(char::from(byte)),
            _ => {}
        }
        at = next;
    }
    false
}

/// Where the comment, string or character at `at` ends; anything else ends after one byte.
fn token_end(source: &str, at: usize) -> usize {
    let bytes = source.as_bytes();
    let rest = &bytes[at..];
    let length = match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n'),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest),
        [b'r', b'"' | b'#', ..] if !is_inside_word(&bytes[..at]) => raw_string(rest),
        [b'\'', b'\\', ..] => rest.iter().skip(3).position(|byte| *byte == b'\'').map(|end| end + 4),
        [b'\'', ..] => {
            // Else it is a lifetime.
            let mut characters = source[at + 1..].char_indices();
            let (_, after) = (characters.next(), characters.next());
            Some(after.filter(|(_, character)| *character == '\'').map_or(1, |(length, _)| length + 2))
        }
        _ => Some(1),
    };
    at + length.unwrap_or(rest.len()).min(rest.len())
}

fn block_comment(rest: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] if depth == 1 => return Some(at + 2),
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    None
}

fn quoted(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match rest.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// `r"…"`, `r#"…"#` and so on; a raw name such as `r#type` is none.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    let start = 1 + hashes;
    if rest.get(start) != Some(&b'"') {
        return Some(1);
    }
    let is_end =
        |at: usize| rest[at] == b'"' && rest[at + 1..].iter().take_while(|byte| **byte == b'#').count() >= hashes;
    (start + 1..rest.len()).find(|at| is_end(*at)).map(|at| at + 1 + hashes)
}

/// `b` and `c` may stand before a raw string; in `for"` the `r` is none's beginning.
fn is_inside_word(before: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    match before {
        [.., first, b'b' | b'c'] => is_word(first),
        [b'b' | b'c'] => false,
        [.., last] => is_word(last),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_module_is_found_whatever_is_around_and_inside() {
        // The module stands between « and ».
        for marked in [
            "fn a() {}",
            "fn a() {}\n\n«#[cfg(test)]\nmod tests {\n}»\n",
            "«#[cfg(test)] mod tests {}»\nfn after() {}\n",
            "#[cfg(test)]\nuse x;\n#[cfg(test)]\nfn helper() {}\n«#[cfg(test)]\n#[allow(dead_code)]\n/// Text {\npub(crate) mod t {}»",
            "#[cfg(test)]\nmod tests;\n",
            "«#[cfg(test)]\nmod tests {\n    const A: &str = r#\"\n}\n\"#; // }\n    /* } /* } */ } */ const B: char = '}'; const C: u8 = b'\\'';\n}»\n",
            "«#[cfg(test)]\nmod tests { fn a<'a>(x: &'a str) { let r#type = \"\\\"}\"; let c = '\"'; let b = br\"}\"; } }»\nfn b() {}",
            "/* #[cfg(test)]\nmod tests {} */ const A: &str = \"\n#[cfg(test)]\nmod tests {}\";",
            "mod inner {\n#[cfg(test)]\nmod tests {}\n}\n",
            "#[cfg(test)]\nmod a {}\n«#[cfg(test)]\nmod b {}»\n",
            "fn a() {}\n«#[cfg(test)]\nmod tests { // not closed",
            "const E: char = '雪'; fn b<'雪>() {}\n«#[cfg(test)]\nmod tests {}»",
        ] {
            let source = marked.replace(['«', '»'], "");
            let start = marked.find('«');
            let expected = start.map(|start| start..marked.find('»').map_or(source.len(), |end| end - '«'.len_utf8()));
            assert_eq!(find(&source), expected, "{marked}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(source in r##"(#\[cfg\(test\)\]|mod a|\{|\}|"|r#|'|\\|//|/\*|\*/|雪|\n|\PC){0,60}"##) {
            if let Some(range) = find(&source) {
                prop_assert!(source[range].starts_with(ATTRIBUTE));
            }
        }
    }
}
