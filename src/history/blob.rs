//! Texts of any length, each kept once and compressed.

use std::{collections::HashMap, sync::Arc};

use ring::digest::{SHA256, digest};
use rusqlite::{OptionalExtension, params};

use super::{database::Database, failure::Failure};

/// Shorter texts gain nothing.
const MIN_COMPRESSED_BYTES: usize = 128;
/// No text that we keep is near it; a damaged length mustn't take all memory.
const MAX_TEXT_BYTES: usize = 512 * 1024 * 1024;

/// How the bytes of a text are kept: the first byte of what is stored.
const PLAIN: u8 = 0;
const LZ4: u8 = 1;

pub fn pack(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    if bytes.len() >= MIN_COMPRESSED_BYTES {
        let mut packed = vec![LZ4];
        packed.extend(lz4_flex::compress_prepend_size(bytes));
        if packed.len() < bytes.len() {
            return packed;
        }
    }
    let mut plain = Vec::with_capacity(bytes.len() + 1);
    plain.push(PLAIN);
    plain.extend(bytes);
    plain
}

/// The text, unless the bytes are damaged.
pub fn unpack(data: &[u8]) -> Option<String> {
    let bytes = match data.split_first()? {
        (&PLAIN, bytes) => bytes.to_vec(),
        (&LZ4, bytes) => {
            let (length, packed) = lz4_flex::block::uncompressed_size(bytes).ok()?;
            if length > MAX_TEXT_BYTES {
                return None;
            }
            lz4_flex::decompress(packed, length).ok()?
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// Texts that were read, so that what is shared stays shared in memory.
#[derive(Default)]
pub struct Texts(HashMap<i64, Arc<str>>);

impl Database {
    /// Keeps a text for a run. Returns what it is found by.
    pub fn keep_text(&self, run: i64, text: &str) -> Result<i64, Failure> {
        let hash = digest(&SHA256, text.as_bytes());
        let connection = self.connection();
        let known = connection
            .prepare_cached("SELECT id FROM blobs WHERE sha256 = ?1")?
            .query_row([hash.as_ref()], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                let mut insert = connection.prepare_cached("INSERT INTO blobs (sha256, data) VALUES (?1, ?2)")?;
                insert.insert(params![hash.as_ref(), pack(text)])?
            }
        };
        connection.prepare_cached("INSERT OR IGNORE INTO uses (run, blob) VALUES (?1, ?2)")?.execute([run, id])?;
        Ok(id)
    }

    /// `None` where the text was removed.
    pub fn text(&self, id: Option<i64>) -> Result<Option<String>, Failure> {
        let Some(id) = id else { return Ok(None) };
        let data: Option<Vec<u8>> = self
            .connection()
            .prepare_cached("SELECT data FROM blobs WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        data.map(|data| unpack(&data).ok_or_else(|| unreadable(id))).transpose()
    }

    /// As [`Self::text`], read once.
    pub fn shared_text(&self, texts: &mut Texts, id: Option<i64>) -> Result<Arc<str>, Failure> {
        let Some(id) = id else { return Ok(Arc::from("")) };
        if let Some(known) = texts.0.get(&id) {
            return Ok(known.clone());
        }
        let text: Arc<str> = Arc::from(self.text(Some(id))?.unwrap_or_default());
        texts.0.insert(id, text.clone());
        Ok(text)
    }
}

fn unreadable(id: i64) -> Failure {
    Failure::Said(format!("text {id} of the history is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_damage_is_noticed() {
        let long = "All work and no play. ".repeat(500);
        for text in ["", "a", "雪\u{0}", &long] {
            assert_eq!(unpack(&pack(text)).as_deref(), Some(text));
        }
        assert!(pack(&long).len() < long.len() / 10);
        let packed = pack(&long);
        for damaged in [&[][..], &[7, 1], &[PLAIN, 0xff], &[LZ4], &[LZ4, 0xff, 0xff, 0xff, 0xff, 0], &packed[..40]] {
            assert_eq!(unpack(damaged), None, "{damaged:?}");
        }
    }
}
