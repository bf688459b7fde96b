//! `file:` URIs to paths and back. Knows no disk; other schemes are refused, but for buffers that were never saved.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{ReferenceError, Roots, file_ref};
use crate::document::{FileRef, Place};

/// What a path in a URI may hold as it is: RFC 3986's `unreserved` and the separator. Editors decode anything, but
/// compare what they encoded themselves, most of them this way.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The file of a `file:` URI, or the buffer of an `untitled:` one.
pub fn from_uri(roots: &Roots, uri: &str) -> Result<FileRef, ReferenceError> {
    let refuse = |reason: String| ReferenceError::Uri { uri: uri.into(), reason };
    match scheme(uri).unwrap_or_default().to_ascii_lowercase().as_str() {
        "file" => {
            let path = path_of(uri, cfg!(windows)).map_err(refuse)?;
            Ok(file_ref(roots, &PathBuf::from(path)))
        }
        "untitled" if uri.len() > "untitled:".len() => {
            Ok(FileRef { name: uri.into(), place: Place::Buffer(uri.into()) })
        }
        "untitled" => Err(refuse("it names no buffer".into())),
        "" => Err(refuse("it isn't a URI".into())),
        scheme => Err(refuse(format!("only files and unsaved buffers can be used, not `{scheme}:`"))),
    }
}

/// The `file:` URI of an absolute path, encoded as editors do.
pub fn to_uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    // `C:/x` lacks the slash that begins the path of a URI.
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", utf8_percent_encode(&text, ENCODED))
}

/// The scheme of a URI. One letter is a Windows drive, not a scheme.
pub fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut characters = scheme.chars();
    let is_scheme = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || "+.-".contains(character));
    (is_scheme && scheme.len() > 1).then_some(scheme)
}

/// The absolute path of a `file:` URI, or the reason why it has none.
fn path_of(uri: &str, windows: bool) -> Result<String, String> {
    let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
    // A fragment or a query points into the file, which is all that is wanted here.
    let rest = rest.split(['#', '?']).next().unwrap_or_default();
    let path = match rest.strip_prefix("//") {
        Some(authority) => {
            let (host, _) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                return Err(format!("files on another machine (`{host}`) can't be used"));
            }
            &authority[host.len()..]
        }
        None => rest,
    };
    if path.to_ascii_lowercase().contains("%2f") {
        return Err("it contains an encoded `/`".into());
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| "its name isn't UTF-8")?;
    if decoded.contains('\0') {
        return Err("it contains a NUL".into());
    }
    let path = if windows { drive(&decoded) } else { &decoded };
    if path.trim_matches('/').is_empty() {
        return Err("it names no file".into());
    }
    if !path.starts_with('/') && !windows {
        return Err("its path isn't absolute".into());
    }
    Ok(path.into())
}

/// `/c:/x` is `c:/x` on Windows.
fn drive(path: &str) -> &str {
    let bytes = path.as_bytes();
    match bytes {
        [b'/', letter, b':', ..] if letter.is_ascii_alphabetic() => &path[1..],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn uris_lead_to_paths() {
        for (uri, expected) in [
            ("file:///w/a.rs", "/w/a.rs"),
            ("file://localhost/w/a.rs", "/w/a.rs"),
            ("FILE://LOCALHOST/w/a.rs", "/w/a.rs"),
            ("file:/w/a.rs", "/w/a.rs"),
            ("file:///w/%E9%9B%AA.md", "/w/雪.md"),
            ("file:///w/雪.md", "/w/雪.md"),
            ("file:///w/a%20b%23c%25.rs", "/w/a b#c%.rs"),
            ("file:///w/a.rs#L10", "/w/a.rs"),
            ("file:///w/a.rs?x=1", "/w/a.rs"),
            ("file:///w/100%.md", "/w/100%.md"),
            ("file:///c%3A/x.rs", "/c:/x.rs"),
            ("file:///w/a%5Cb", "/w/a\\b"),
            ("file:///w/%00", "error: it contains a NUL"),
            ("file:///w/..%2f..%2Fetc", "error: it contains an encoded `/`"),
            ("file:///w/%ff", "error: its name isn't UTF-8"),
            ("file://server/share/x", "error: files on another machine (`server`) can't be used"),
            ("file://", "error: it names no file"),
            ("file:", "error: it names no file"),
            ("file:///", "error: it names no file"),
            ("file:a.rs", "error: its path isn't absolute"),
        ] {
            let found = path_of(uri, false).unwrap_or_else(|reason| format!("error: {reason}"));
            assert_eq!(found, expected, "{uri}");
        }
        for (uri, expected) in
            [("file:///c%3A/x%20y.rs", "c:/x y.rs"), ("file:///C:/x.rs", "C:/x.rs"), ("file:///x/y", "/x/y")]
        {
            assert_eq!(path_of(uri, true).unwrap(), expected, "{uri}");
        }
    }

    #[test]
    fn schemes_other_than_file_have_no_path() {
        let roots = Roots::new([PathBuf::from("/w")]);
        let file = from_uri(&roots, "file:///w/src/../a.rs").unwrap();
        assert_eq!((file.name.as_str(), file.place), ("a.rs", Place::Disk("/w/a.rs".into())));
        let buffer = from_uri(&roots, "untitled:Untitled-1").unwrap();
        assert_eq!(buffer.place, Place::Buffer("untitled:Untitled-1".into()));
        for (uri, expected) in [
            ("git:/w/a.rs?x", "failed to use `git:/w/a.rs?x`: only files and unsaved buffers can be used, not `git:`"),
            ("https://x/y", "failed to use `https://x/y`: only files and unsaved buffers can be used, not `https:`"),
            ("untitled:", "failed to use `untitled:`: it names no buffer"),
            ("C:/x", "failed to use `C:/x`: it isn't a URI"),
            ("", "failed to use ``: it isn't a URI"),
        ] {
            assert_eq!(from_uri(&roots, uri).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn paths_become_uris() {
        for (path, uri) in [
            ("/w/a.rs", "file:///w/a.rs"),
            ("/w/a b#c%?.rs", "file:///w/a%20b%23c%25%3F.rs"),
            ("/w/雪.md", "file:///w/%E9%9B%AA.md"),
            ("/w/[id]/(x).tsx", "file:///w/%5Bid%5D/%28x%29.tsx"),
            ("C:/x.rs", "file:///C%3A/x.rs"),
        ] {
            assert_eq!(to_uri(Path::new(path)), uri);
        }
    }

    proptest! {
        #[test]
        fn a_path_survives_its_uri(name in "[^/\0]{1,20}") {
            let path = format!("/w/{name}");
            prop_assert_eq!(path_of(&to_uri(Path::new(&path)), false).unwrap(), path);
        }

        #[test]
        fn any_uri_gets_an_answer(uri in prop_oneof![any::<String>(), "file:/{0,3}[a%0-9f/#?.:]{0,20}"]) {
            from_uri(&Roots::default(), &uri).ok();
        }
    }
}
