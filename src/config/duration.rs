//! Durations as people write them: `120s`, `2m`, `500ms`.

use std::time::Duration;

/// What is accepted: a whole number above zero and one unit, up to 99 hours.
pub const PATTERN: &str = "^([1-9][0-9]{0,7}ms|[1-9][0-9]{0,4}s|[1-9][0-9]{0,3}m|[1-9][0-9]?h)$";

/// Reads what [`PATTERN`] accepts.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        _ => None,
    }
}

/// Writes a duration the way [`parse`] reads it, in the largest unit that needs no fraction.
pub fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        whole if whole % 60_000 == 0 => format!("{}m", whole / 60_000),
        whole if whole % 1000 == 0 => format!("{}s", whole / 1000),
        whole => format!("{whole}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_and_parser_agree() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for (text, milliseconds) in [
            ("500ms", Some(500)),
            ("1s", Some(1000)),
            ("120s", Some(120_000)),
            ("2m", Some(120_000)),
            ("99h", Some(356_400_000)),
            ("", None),
            ("s", None),
            ("5", None),
            ("1.5s", None),
            ("-1s", None),
            ("1 s", None),
            ("1S", None),
            ("1d", None),
            ("٣s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse(text), milliseconds.map(Duration::from_millis), "{text}");
            assert_eq!(pattern.is_match(text), milliseconds.is_some(), "{text}");
        }
        // Zero would mean "never" to some and "at once" to others.
        assert!(!pattern.is_match("0s"));
    }

    #[test]
    fn shown_durations_read_back() {
        for text in ["500ms", "61s", "2m", "90m"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }
}
