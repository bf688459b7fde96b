//! The text format of cases: a title, then `@@` sections: `for` a file, its `original` (`bare`: without its final line end; `empty`),
//! the `answer` (`crlf`, `bom`), and the outcome. `→` is a tab, `·` a space that nobody would see. The nonce is `k7`.

use super::*;

/// Takes an answer, as the file's content or as blocks.
pub type Take = fn(&str, &Target) -> Result<Extracted, Rejected>;

/// All cases of a file with what becomes of their answers, to be compared with the file.
pub fn play(text: &str, take: Take) -> String {
    let mut cases = text.split("\n=== ");
    let mut shown = cases.next().expect("a preamble").to_owned();
    cases.for_each(|case| shown.extend(["\n=== ", outcome(case, take).trim_end(), "\n"]));
    shown
}

/// A case with its outcome in place of the one that stands there.
fn outcome(case: &str, take: Take) -> String {
    let sections = case.trim_end().split("\n@@ ").skip(1).map(|section| {
        let (head, text) = section.split_once('\n').unwrap_or((section, ""));
        (head, text.replace('→', "\t").replace('·', " "))
    });
    let (mut name, mut original, mut answer) = ("", None, String::new());
    for (head, text) in sections {
        match head {
            "original" => original = Some(text.trim_end_matches('\n').to_owned() + "\n"),
            "original bare" => original = Some(text),
            "original empty" => original = Some(String::new()),
            "answer" => answer = text,
            "answer crlf" => answer = text.replace('\n', "\r\n"),
            "answer bom" => answer = format!("\u{feff}{text}"),
            _ => name = head.strip_prefix("for ").unwrap_or(name),
        }
    }
    let outcome = match take(&answer, &target(name, original.as_deref())) {
        Ok(Extracted { text, flags }) => {
            let flags: String = flags.iter().map(|flag| format!(" {flag:?}")).collect();
            let bare = if text.ends_with('\n') { "" } else { " bare" };
            format!("file{flags}{bare}\n{}", visible_blanks(text.trim_end_matches('\n')))
        }
        Err(rejected) => format!("rejected\n{rejected}"),
    };
    let before = case.rsplit_once("\n@@ ").map_or(case, |(before, _)| before);
    format!("{before}\n@@ {outcome}\n")
}

fn visible_blanks(text: &str) -> String {
    let line = |line: &str| {
        let content = line.trim_end_matches(' ');
        content.replace('\t', "→") + &"·".repeat(line.len() - content.len())
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
