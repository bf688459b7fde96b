//! In which form file contents are asked for: whole files, or search/replace blocks where a strong model edits a large one.

use serde_json::{Value, json};

use crate::support::sandbox::{Ran, Sandbox};

const BIG_LINES: usize = 1200;
const BLOCKS: &str = "search/replace blocks for";
const AGAIN: &str = "An earlier answer could not be used";
const WHOLE: &str = "Answer with the complete content of";

/// A file that no model is asked to write anew when it can do better.
fn big() -> String {
    (1..=BIG_LINES).map(|number| format!("value_{number} = {number}\n")).collect()
}

/// A sandbox with a large file, and the model's answers by the parts of prompts that they are for, the most special first.
fn sandbox(facts: &str, replies: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("big.py", big());
    let entries = replies.iter().map(|(part, reply)| json!({ "match": part, "reply": reply }));
    sandbox.put("replay.json", Value::from_iter(entries).to_string());
    sandbox.config(&format!(
        "summary = false\n[roles]\nmain = \"replay/model\"\n[providers.replay]\nwire = \"replay\"\npath = \"replay.json\"\n\
         [models.\"replay/model\"]\n{facts}\n"
    ));
    sandbox
}

fn auto(sandbox: &Sandbox) -> Ran {
    sandbox.run(&["run", "auto", "--file", "big.py", "Make value_700 a text."])
}

fn block(search: &str, replace: &str) -> String {
    format!("<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n")
}

fn edits(blocks: &[String]) -> String {
    format!("<edit-NONCE>\n{}</edit-NONCE>\n", blocks.concat())
}

#[test]
fn a_strong_model_edits_a_large_file_by_blocks() {
    let good = block("value_700 = 700", "value_700 = \"700\"");
    let answer = edits(&[good]);
    let sandbox = sandbox("strength = \"strong\"", &[(WHOLE, "never"), (AGAIN, "never"), (BLOCKS, &answer)]);
    let ran = auto(&sandbox);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(sandbox.read("big.py"), Some(big().replace("= 700\n", "= \"700\"\n")));
}

#[test]
fn windows_line_ends_stay() {
    let answer = edits(&[block("value_700 = 700", "value_700 = 7\nvalue_701b = 7")]);
    let sandbox = sandbox("strength = \"strong\"", &[(BLOCKS, &answer)]);
    sandbox.write("big.py", big().replace('\n', "\r\n"));
    assert_eq!(auto(&sandbox).code, 0);
    let expected = big().replace("= 700\n", "= 7\nvalue_701b = 7\n").replace('\n', "\r\n");
    assert_eq!(sandbox.read("big.py"), Some(expected));
}

#[test]
fn a_block_that_fails_is_asked_for_once_more_with_the_real_lines() {
    let first = edits(&[block("value_1 = 1", "value_1 = 0"), block("value_700 = 7OO", "value_700 = 7")]);
    let second = edits(&[block("value_700 = 700", "value_700 = 7")]);
    let nearest = "kind=\"lines of the file\">\nvalue_697 = 697\nvalue_698 = 698\nvalue_699 = 699\nvalue_700 = 700\nvalue_701 = 701\n";
    let sandbox = sandbox("strength = \"strong\"", &[(nearest, &second), (BLOCKS, &first)]);
    let ran = auto(&sandbox);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Nothing of the first answer was applied.
    assert_eq!(sandbox.read("big.py"), Some(big().replace("= 700\n", "= 7\n")));
}

#[test]
fn a_diff_is_asked_for_again_and_then_the_whole_file() {
    let diff = "```diff\n--- a/big.py\n+++ b/big.py\n@@ -700 +700 @@\n-value_700 = 700\n+value_700 = 7\n```\n";
    let whole = format!("<file-NONCE>\n{}</file-NONCE>\n", big().replace("= 700\n", "= 7\n"));
    let replies = [(AGAIN, "```\nnothing of use\n```"), (BLOCKS, diff), (WHOLE, &whole)];
    let sandbox = sandbox("strength = \"strong\"", &replies);
    let ran = auto(&sandbox);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(sandbox.read("big.py"), Some(big().replace("= 700\n", "= 7\n")));
}

#[test]
fn without_room_for_the_whole_file_the_last_fault_is_told() {
    let wrong = edits(&[block("value_9999 = 1", "value_9999 = 2")]);
    let facts = "strength = \"strong\"\ncontext-window = 14000";
    let sandbox = sandbox(facts, &[(BLOCKS, &wrong), (WHOLE, "never")]);
    let ran = auto(&sandbox);
    assert_eq!(ran.code, 1, "{ran:?}");
    let cause = "block 1 of the answer can't be applied: the file has no such lines";
    assert!(ran.out.contains(cause), "{}", ran.out);
    assert_eq!(sandbox.read("big.py"), Some(big()));
}

#[test]
fn a_refusal_is_not_asked_again() {
    let sandbox =
        sandbox("strength = \"strong\"", &[(AGAIN, "never"), (BLOCKS, "I'm sorry, but I can't help with that.")]);
    let ran = auto(&sandbox);
    assert!(ran.out.contains("the model declined"), "{ran:?}");
    assert_eq!(sandbox.read("big.py"), Some(big()));
}

#[test]
fn a_whole_file_is_taken_where_blocks_were_asked_for() {
    let whole = format!("```python\n{}```\n", big().replace("= 700\n", "= 7\n"));
    let sandbox = sandbox("strength = \"strong\"", &[(AGAIN, "never"), (BLOCKS, &whole)]);
    assert_eq!(auto(&sandbox).code, 0);
    assert_eq!(sandbox.read("big.py"), Some(big().replace("= 700\n", "= 7\n")));
}

#[test]
fn other_models_write_a_large_file_anew_if_it_fits() {
    let whole = format!("<file-NONCE>\n{}</file-NONCE>\n", big().replace("= 700\n", "= 7\n"));
    for facts in ["", "strength = \"weak\"", "context-window = 128000"] {
        let sandbox = sandbox(facts, &[(BLOCKS, "never"), (WHOLE, &whole)]);
        assert_eq!(auto(&sandbox).code, 0, "{facts}");
        assert_eq!(sandbox.read("big.py"), Some(big().replace("= 700\n", "= 7\n")));
    }
    let sandbox = sandbox("context-window = 8192", &[("", "never")]);
    let ran = auto(&sandbox);
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = "failed to rewrite `big.py`: its 1200 lines, about 6462 tokens, are too much for the model's context window of 8192 \
                tokens; choose a model with a larger one, or, if this one is good at edits, set `strength = \"strong\"` for it in \
                `[models]`, or split the file";
    assert!(ran.out.contains(told), "{}", ran.out);
    assert!(ran.out.contains("  0 tokens in, 0 out"), "{}", ran.out);
}

#[test]
fn small_and_new_files_are_written_whole_by_strong_models_too() {
    let sandbox = sandbox("strength = \"strong\"", &[(BLOCKS, "never"), (WHOLE, "```python\na = 2\n```")]);
    sandbox.write("a.py", "a = 1\n");
    assert_eq!(sandbox.run(&["run", "auto", "--file", "a.py", "Two."]).code, 0);
    assert_eq!(sandbox.read("a.py").as_deref(), Some("a = 2\n"));
}

#[test]
fn tests_are_added_to_existing_ones_by_blocks() {
    const TESTS: &str = "from store import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n";
    let new = "\n\n\ndef test_add_negative():\n    assert add(-1, 1) == 0";
    let added = edits(&[block("    assert add(1, 2) == 3", &format!("    assert add(1, 2) == 3{new}"))]);
    let whole = format!("```python\n{}{new}\n```", TESTS.trim_end());
    for (facts, replies) in [
        ("strength = \"strong\"", [(BLOCKS, added.as_str()), (WHOLE, "never"), ("", "A plan.")]),
        ("", [(BLOCKS, "never"), (WHOLE, whole.as_str()), ("", "A plan.")]),
    ] {
        let sandbox = sandbox(facts, &replies);
        sandbox.write("store.py", "def add(a, b):\n    return a + b\n");
        sandbox.write("tests/test_store.py", TESTS);
        let ran = sandbox.run(&["run", "write-tests", "--file", "store.py"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(sandbox.read("tests/test_store.py"), Some(format!("{}{new}\n", TESTS.trim_end())), "{facts}");
    }
}
