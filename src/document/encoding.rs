//! Which characters a file's bytes stand for. A text is taken from bytes only if exactly these bytes come back from it.
//!
//! Knows no line ends and no disk; a byte order mark stays in the text.

use thiserror::Error;

/// How a file writes its characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    #[default]
    Utf8,
    /// With a byte order mark.
    Utf16Le,
    /// With a byte order mark.
    Utf16Be,
    /// ISO 8859-1 without its control characters, which other encodings use for letters.
    Latin1,
}

/// Why bytes are not text that can be edited. Reads as the cause in "failed to read `file`: …".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotText {
    #[error("it is {encoding}, which can't be edited; convert it to UTF-8 first")]
    OtherEncoding { encoding: &'static str },
    #[error("it is a binary file (NUL at byte {at})")]
    Binary { at: usize },
    #[error("it is broken UTF-16 (at byte {at}); mend or convert it first")]
    BrokenUtf16 { at: usize },
    #[error("it is not UTF-8 (byte {at}), perhaps Windows-1252 or a multi-byte encoding; convert it to UTF-8 first")]
    NotUtf8 { at: usize },
}

/// A character that the file's encoding lacks. Reads as the reason of "…, because …".
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line} has `{character}`, which {charset} lacks; convert the file to UTF-8 first", charset = charset.name())]
pub struct Unencodable {
    pub character: char,
    /// From 1.
    pub line: usize,
    pub charset: Charset,
}

impl Charset {
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Latin1 => "Latin-1",
        }
    }
}

/// Takes a file's bytes for text, exactly as they are: byte order mark and line ends stay.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Charset), NotText> {
    // UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
    if bytes.starts_with(b"\xff\xfe\0\0") || bytes.starts_with(b"\0\0\xfe\xff") {
        return Err(NotText::OtherEncoding { encoding: "UTF-32" });
    }
    if bytes.starts_with(b"\xff\xfe") {
        return utf16(&bytes, u16::from_le_bytes).map(|text| (text, Charset::Utf16Le));
    }
    if bytes.starts_with(b"\xfe\xff") {
        return utf16(&bytes, u16::from_be_bytes).map(|text| (text, Charset::Utf16Be));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(NotText::Binary { at });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, Charset::Utf8)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            if bytes.iter().any(|&byte| !is_latin1(byte)) {
                return Err(NotText::NotUtf8 { at });
            }
            Ok((bytes.into_iter().map(char::from).collect(), Charset::Latin1))
        }
    }
}

/// Writes a text as the file's encoding has it.
pub fn encode(text: &str, charset: Charset) -> Result<Vec<u8>, Unencodable> {
    match charset {
        Charset::Utf8 => Ok(text.as_bytes().to_vec()),
        Charset::Utf16Le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Charset::Utf16Be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Charset::Latin1 => {
            let mut line = 1;
            text.chars()
                .map(|character| {
                    line += usize::from(character == '\n');
                    let byte = u8::try_from(u32::from(character)).ok().filter(|&byte| is_latin1(byte));
                    byte.ok_or(Unencodable { character, line, charset })
                })
                .collect()
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotText::BrokenUtf16 { at: bytes.len() - 1 });
    }
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok('\0') => return Err(NotText::Binary { at }),
            Ok(character) => {
                text.push(character);
                at += 2 * character.len_utf16();
            }
            Err(_) => return Err(NotText::BrokenUtf16 { at }),
        }
    }
    Ok(text)
}

fn is_latin1(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' '..=b'~' | 0xa0..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_text_or_refused_with_the_reason() {
        type Expected = Result<(&'static str, Charset), &'static str>;
        let cases: [(&[u8], Expected); 11] = [
            ("\u{feff}é\r\n".as_bytes(), Ok(("\u{feff}é\r\n", Charset::Utf8))),
            (b"\xff\xfea\0\n\0", Ok(("\u{feff}a\n", Charset::Utf16Le))),
            (b"\xfe\xff\0a\xd8\x01\xdc\x37", Ok(("\u{feff}a𐐷", Charset::Utf16Be))),
            (b"caf\xe9\n", Ok(("café\n", Charset::Latin1))),
            (b"\xff\xfea\0b", Err("it is broken UTF-16 (at byte 4); mend or convert it first")),
            (b"\xff\xfea\0\x01\xd8", Err("it is broken UTF-16 (at byte 4); mend or convert it first")),
            (b"\xff\xfea\0\0\0", Err("it is a binary file (NUL at byte 4)")),
            (b"\xff\xfe\0\0a\0\0\0", Err("it is UTF-32, which can't be edited; convert it to UTF-8 first")),
            (b"ELF\0", Err("it is a binary file (NUL at byte 3)")),
            (
                b"it\x92s\n",
                Err(
                    "it is not UTF-8 (byte 2), perhaps Windows-1252 or a multi-byte encoding; convert it to UTF-8 first",
                ),
            ),
            (
                b"\x1b\xe9",
                Err(
                    "it is not UTF-8 (byte 1), perhaps Windows-1252 or a multi-byte encoding; convert it to UTF-8 first",
                ),
            ),
        ];
        for (bytes, expected) in cases {
            let found = decode(bytes.to_vec()).map_err(|error| error.to_string());
            let expected = expected.map(|(text, charset)| (text.to_owned(), charset)).map_err(str::to_owned);
            assert_eq!(found, expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_an_encoding_lacks_is_named() {
        let error = encode("é\nπ", Charset::Latin1).unwrap_err();
        assert_eq!(error.to_string(), "line 2 has `π`, which Latin-1 lacks; convert the file to UTF-8 first");
        assert_eq!(encode("é\r\n", Charset::Latin1), Ok(b"\xe9\r\n".to_vec()));
    }

    proptest! {
        #[test]
        fn text_gives_its_bytes_back(bytes in prop::collection::vec(any::<u8>(), 0..40), mark in 0..3_usize) {
            let mut bytes = bytes;
            bytes.splice(0..0, [&b""[..], b"\xff\xfe", b"\xfe\xff"][mark].iter().copied());
            if let Ok((text, charset)) = decode(bytes.clone()) {
                prop_assert_eq!(encode(&text, charset), Ok(bytes));
            }
        }

        #[test]
        fn latin1_text_gives_its_bytes_back(bytes in "[\\x20-\\x7e\\xa0-\\xff\n]{0,40}") {
            let bytes: Vec<u8> = bytes.chars().map(|c| c as u8).collect();
            let (text, charset) = decode(bytes.clone()).expect("all of it is Latin-1");
            prop_assert_eq!(encode(&text, charset), Ok(bytes));
        }
    }
}
