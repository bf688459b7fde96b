//! Where in a TOML text a cursor is, by its lines: works on texts that aren't finished. Knows no keys.

/// What a cursor is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The names of the table that the line belongs to, without those of a header that the cursor is in.
    pub table: Vec<String>,
    pub at: At,
    /// The piece that the cursor is in, as bytes of its line.
    pub start: usize,
    pub end: usize,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// A `[header]`; the piece is the whole line.
    Header,
    Key,
    /// Of this key.
    Value(String),
}

/// `None` in comments, and in texts and lists that go over several lines.
pub fn place(lines: &[&str], line: usize, byte: usize) -> Option<Place> {
    let text = *lines.get(line)?;
    let byte = (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at))?;
    let above = lines.get(..line)?;
    if is_inside_text(above) || text.get(..byte)?.trim_start().starts_with('#') {
        return None;
    }
    let trimmed = text.trim();
    let piece = |at, table: Vec<String>, start: usize, end: usize| {
        let text = text.get(start..end).unwrap_or_default().to_owned();
        Some(Place { table, at, start, end, text })
    };
    let start = text.len() - text.trim_start().len();
    if trimmed.starts_with('[') {
        return piece(At::Header, Vec::new(), start, start + trimmed.len());
    }
    let table = above.iter().rev().find_map(|line| header(line)).unwrap_or_default();
    let Some(equals) = text.find('=') else {
        return piece(At::Key, table, start, start + trimmed.len());
    };
    let key = text[..equals].trim();
    if byte <= equals {
        return piece(At::Key, table, start, start + key.len());
    }
    let value = text[equals + 1..].trim();
    let from = match value.is_empty() {
        true => byte,
        false => text.len() - text[equals + 1..].trim_start().len(),
    };
    let last = key.rsplit('.').next().unwrap_or(key).trim_matches('"').to_owned();
    let table = table.into_iter().chain(names(key).into_iter().rev().skip(1).rev()).collect();
    piece(At::Value(last), table, from, from + value.len())
}

/// The names in a `[header]` or `[[header]]`.
pub fn header(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let inside = line.strip_prefix('[')?;
    let inside = inside.strip_prefix('[').unwrap_or(inside);
    let end = inside.rfind(']').unwrap_or(inside.len());
    // `["a", "b"]` on a line of its own goes on a list.
    if inside.starts_with(['"', '\'']) && inside.contains(',') {
        return None;
    }
    Some(names(inside[..end].trim_end_matches(']')))
}

/// `models."a/b.c".price` → its three names.
fn names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quote = None;
    for c in path.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '.') => names.push(String::new()),
            (_, c) => names.last_mut().into_iter().for_each(|name| name.push(c)),
        }
    }
    names.into_iter().map(|name| name.trim().to_owned()).collect()
}

/// Whether a text of several lines began above and goes on.
fn is_inside_text(above: &[&str]) -> bool {
    let signs = |sign: &str| above.iter().map(|line| line.matches(sign).count()).sum::<usize>();
    signs("\"\"\"") % 2 == 1 || signs("'''") % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        let cursor = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let line = text[..cursor].matches('\n').count();
        let byte = cursor - text[..cursor].rfind('\n').map_or(0, |at| at + 1);
        let lines: Vec<&str> = text.lines().collect();
        match place(&lines, line, byte) {
            None => "nothing".to_owned(),
            Some(Place { table, at, text, .. }) => format!("{at:?} `{text}` in {}", table.join(" > ")),
        }
    }

    #[test]
    fn places() {
        for (text, expected) in [
            ("sum|", "Key `sum` in "),
            ("[limits]\ncon|currency = 4", "Key `concurrency` in limits"),
            ("[limits]\nunknown-price = \"|\"", "Value(\"unknown-price\") `\"\"` in limits"),
            ("[roles]\nmain =|", "Value(\"main\") `` in roles"),
            ("[models.\"a/b.c\"]\nprice.in|", "Key `price.in` in models > a/b.c"),
            ("check.timeout = |", "Value(\"timeout\") `` in check"),
            ("[[steps]]\n  [[steps.steps]]\n  do = \"s|\"", "Value(\"do\") `\"s\"` in steps > steps"),
            ("[lim|", "Header `[lim` in "),
            ("# sum|", "nothing"),
            ("prompt = \"\"\"\nsum|\n\"\"\"", "nothing"),
            ("[roles]\n\n|", "nothing"),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[a-z\\[\\]\"'=.#é\n]{0,60}", line in 0usize..6, byte in 0usize..70) {
            let lines: Vec<&str> = text.split('\n').collect();
            place(&lines, line, byte);
        }
    }
}
