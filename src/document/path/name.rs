//! Which names are well-formed on every system that a workspace may travel to. Knows no folder and no rule about content.

use unicode_normalization::UnicodeNormalization;

/// Longest name of a file on common file systems.
const MAX_PART_BYTES: usize = 255;

/// Longest path on Linux, in bytes, less room for the root.
const MAX_PATH_BYTES: usize = 3072;

/// Device names of Windows, which take any extension: `nul.txt` is the null device too.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// Devices that are numbered, also with the superscript digits of Latin-1.
const NUMBERED_DEVICES: &[&str] = &["com", "lpt"];

/// What two names have in common that a file system may take for one: canonical composition and case.
///
/// Lower case of upper case also joins letters that only upper case joins, such as the long `ſ` and `s`.
pub fn fold(name: &str) -> String {
    name.nfc().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

/// Whether a character turns the direction of text around or is an invisible tag; in content it calls for a review.
pub fn is_bidi_or_tag(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
        | '\u{e0000}'..='\u{e007f}' // tags
    )
}

/// Checks what concerns the path as a whole.
pub fn check_path(path: &str) -> Result<(), String> {
    if let Some(character) = path.chars().find(|character| is_invisible(*character)) {
        return Err(format!("it contains the invisible character U+{:04X}", u32::from(character)));
    }
    if path.contains(':') {
        return Err("it contains `:` (a drive, a URI or a hidden stream)".into());
    }
    if path.contains('\\') {
        return Err("it contains a backslash; folders are separated by `/`".into());
    }
    if path.starts_with('/') {
        return Err("it is absolute; paths are relative to the workspace".into());
    }
    if path.starts_with('~') {
        return Err("it begins with `~`; paths are relative to the workspace".into());
    }
    if has_variable(path) {
        return Err("it contains a variable, which isn't expanded".into());
    }
    if path.split('/').any(|part| part == "..") {
        return Err("it contains `..`".into());
    }
    if path.len() > MAX_PATH_BYTES {
        return Err("it is too long".into());
    }
    Ok(())
}

/// Checks one part of a path, existing or not.
pub fn check_part(part: &str) -> Result<(), String> {
    if part.len() > MAX_PART_BYTES {
        return Err("a name in it is too long".into());
    }
    if part.ends_with(|last: char| last == '.' || last.is_whitespace()) {
        return Err(format!("`{part}` ends with a dot or a space, which some systems drop"));
    }
    if is_device(part) {
        return Err(format!("`{part}` is a name reserved on Windows"));
    }
    if is_short_name(part) {
        return Err(format!("`{part}` looks like the short name of another file"));
    }
    Ok(())
}

/// Checks one part of a path that is about to come into being; what exists has proven that it can.
pub fn may_be_created(part: &str) -> Result<(), String> {
    match part.chars().find(|character| "<>\"|?*".contains(*character)) {
        Some(character) => Err(format!("`{character}` can't be part of a name on Windows")),
        None => Ok(()),
    }
}

/// Characters that can't be seen, and so can make two names look alike or hide what a name is.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || is_bidi_or_tag(character)
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0080}'..='\u{e0fff}')
}

/// `$HOME/x`, `${X}`, `$(x)`, `` `x` ``, `%TEMP%`. A `$` within a name is none: `Outer$Inner.java`, `$id.tsx`.
fn has_variable(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let is_name = |text: &str| text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let is_variable = first.strip_prefix('$').is_some_and(|name| !name.is_empty() && is_name(name));
    let is_percent = path.split('/').any(|part| {
        let mut pieces = part.split('%').skip(1);
        pieces.next().is_some_and(|name| !name.is_empty() && is_name(name)) && pieces.next().is_some()
    });
    is_variable || is_percent || ["${", "$(", "`"].iter().any(|mark| path.contains(mark))
}

fn is_device(part: &str) -> bool {
    let stem = fold(part.split('.').next().unwrap_or_default().trim());
    let is_numbered = |device: &&str| {
        let mut rest = stem.strip_prefix(*device).unwrap_or_default().chars();
        matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(is_numbered)
}

/// `GIT~1`, `PROGRA~1.TXT`: at most eight characters that end with `~` and digits, and an extension of at most three.
fn is_short_name(part: &str) -> bool {
    let (stem, extension) = part.rsplit_once('.').unwrap_or((part, ""));
    let Some((start, digits)) = stem.rsplit_once('~') else { return false };
    !digits.is_empty()
        && digits.chars().all(|digit| digit.is_ascii_digit())
        && !start.is_empty()
        && stem.chars().count() <= 8
        && extension.chars().count() <= 3
}
