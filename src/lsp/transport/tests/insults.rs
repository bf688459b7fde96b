//! What no client should send: each is survived, and most are answered.

use serde_json::{Value, json};

use super::{
    super::frame::{MAX_BODY_BYTES, MAX_HEADER_BYTES},
    peer::{Peer, change, frame, frame_text},
};

/// Ids and error codes of the answers, in order.
fn described(answers: &[Value]) -> Vec<String> {
    let describe = |answer: &Value| match &answer["error"] {
        Value::Null => format!("{} {}", answer["id"], answer["result"]),
        error => format!("{} {}", answer["id"], error["code"]),
    };
    answers.iter().map(describe).collect()
}

const INVALID: &[&str] = &["null -32600"];
const UNREADABLE: &[&str] = &["null -32700"];
const ECHO: &str = r#"{"id":7,"method":"workspace/executeCommand","params":{"command":"echo","arguments":[1]}}"#;

#[test]
fn after_each_insult_a_probe_is_answered() {
    let echoed = &["7 [1]"][..];
    let header = |value: &str| format!("Content-Length: {value}\r\n\r\n{ECHO}").into_bytes();
    let length = |delta: isize| header(&ECHO.len().checked_add_signed(delta).unwrap().to_string());
    let with = |params: &str| frame_text(format!(r#"{{"id":7,"method":"textDocument/hover","params":{params}}}"#));
    let nested = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("P1 no JSON", frame_text("{nonsense"), UNREADABLE),
        ("P1 an empty batch", frame_text("[]"), INVALID),
        ("P1 null", frame_text("null"), INVALID),
        ("P1 a number", frame_text("42"), INVALID),
        ("P1 neither method nor id", frame_text("{}"), INVALID),
        ("P1 no method", frame_text(r#"{"id":7}"#), INVALID),
        ("P1 a method that is none", frame_text(r#"{"id":7,"method":42}"#), &["7 -32600"]),
        ("P1 an id that is none", frame_text(r#"{"id":[],"method":"a"}"#), INVALID),
        ("P1 parameters that are none", with("42"), &["7 -32602"]),
        ("P1 garbage between frames", b"lorem ipsum\r\n\r\ndolor".to_vec(), &[]),
        ("P1 an unknown method", frame_text(r#"{"id":7,"method":"a/b"}"#), &["7 -32601"]),
        ("P1 an unknown notification", frame_text(r#"{"method":"a/b"}"#), &[]),
        ("P2 a batch", frame_text(format!("[1,{ECHO},{ECHO}]")), &["null -32600", "7 [1]", "7 [1]"]),
        ("P3 bad UTF-8", frame_text(b"{\"id\":7,\"method\":\"\xff\xfe\"}"), &["7 -32601"]),
        ("P3 nothing but bad UTF-8", frame_text([0xff; 100]), UNREADABLE),
        ("P3 a NUL", frame_text("\0"), UNREADABLE),
        ("P4 a lone surrogate", frame_text(ECHO.replace("[1]", r#"["a\ud800"]"#)), &["7 [\"a\u{fffd}\"]"]),
        ("P5 no length", format!("Content-Type: a\r\n\r\n{ECHO}").into_bytes(), &[]),
        ("P5 a length that is no number", header("abc"), INVALID),
        ("P5 a negative length", header("-5"), INVALID),
        ("P5 a length beyond all bounds", header("1e30"), INVALID),
        ("P5 a length of 0", header("0"), UNREADABLE),
        ("P5 two lengths", format!("Content-Length: 9\r\n{}", str::from_utf8(&length(0)).unwrap()).into(), echoed),
        ("P6 too short by one", length(-1), UNREADABLE),
        ("P6 too long by one", length(1), echoed),
        ("P6 too long by a million", length(1_000_000), echoed),
        ("P7 a lower-case header", length(0).to_ascii_lowercase(), &["7 -32601"]),
        ("P7 a third header", [b"X-A: b\r\nContent-Type: x; charset=koi8\r\n".to_vec(), length(0)].concat(), echoed),
        ("P7 line feeds only", format!("Content-Length:{}\n\n{ECHO}", ECHO.len()).into(), echoed),
        ("P7 a byte order mark", frame_text(format!("\u{feff}{ECHO}")), echoed),
        ("P8 64 MiB and 1", frame_text(vec![b'x'; MAX_BODY_BYTES as usize + 1]), INVALID),
        ("P8 a claimed 4 GB", header("4294967296"), INVALID),
        ("P9 a header of 20 MB", vec![b'x'; 20_000_000], &[]),
        ("P9 a header line of 8 KiB", [vec![b'x'; MAX_HEADER_BYTES as usize], length(0)].concat(), echoed),
        ("P9 20 MB of header lines", "X-Pad: 1\r\n".repeat(2_000_000).into_bytes(), &[]),
        ("P10 nesting", with(&nested), &["7 -32700"]),
        ("P10 nesting that doesn't end", frame_text("[".repeat(200_000)), UNREADABLE),
        ("P10 a number beyond all bounds", with("1e400"), &["7 -32700"]),
        ("P13 a response with an unknown id", frame_text(r#"{"id":999,"result":null}"#), &[]),
        ("P13 a response without id", frame_text(r#"{"id":null,"result":null}"#), &[]),
        ("P13 a request with id null", frame_text(ECHO.replace(":7", ":null")), &["null [1]"]),
        ("P13 the same id twice", [length(0), length(0)].concat(), &["7 [1]", "7 [1]"]),
        ("P13 a cancel for nothing", frame_text(r#"{"method":"$/cancelRequest","params":{"id":5}}"#), &[]),
        ("P15 an older version", frame(&change("file:///a", -1, "x")), &[]),
        ("P15 a change without content", frame_text(r#"{"method":"textDocument/didChange","params":{}}"#), &[]),
    ];
    let mut peer = Peer::initialized();
    for (name, insult, expected) in cases {
        peer.send_bytes(&insult);
        assert_eq!(described(&peer.probe(name)), expected, "{name}");
    }
}

/// A small generator with a fixed seed (xorshift64): the same frames in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn after_mutated_frames_a_probe_is_answered() {
    const FRAMES: usize = 2000;
    let originals = [
        frame_text(ECHO),
        frame(&change("file:///a", 1, "a\u{10400}\r\n")),
        frame(&json!([{"id": 1, "result": [1.5e3, null]}, {"id": "x", "error": {"code": 1, "message": "\u{7f}"}}])),
        frame(&json!({"method": "$/cancelRequest", "params": {"id": 7}})),
    ];
    let mut random = Random(0x5eed);
    let mut peer = Peer::initialized();
    for index in 0..FRAMES {
        let mut bytes = originals[random.below(originals.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(6) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = b"\"\\{}[]:,\r\n0129\0\xff"[random.below(16)],
                2 => bytes.insert(at, b"\"\\{}[]:,\r\n0129\0\xff"[random.below(16)]),
                3 if bytes.len() > 1 => drop(bytes.remove(at)),
                4 => bytes.truncate(at.max(1)),
                _ => bytes.extend_from_within(at..),
            }
        }
        peer.send_bytes(&bytes);
        if index % 10 == 9 {
            peer.probe(&format!("after frame {index}: {:?}", String::from_utf8_lossy(&bytes)));
        }
    }
}
