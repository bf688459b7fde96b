use super::*;

#[test]
fn inline_tests_never_touch_the_code() {
    let take = |answer: &str, source: &str| {
        let target = Target { name: "src/a.rs", original: Some(source), nonce: "7" };
        with_inline_tests(answer, &target).map(|extracted| extracted.text)
    };
    let new = "#[cfg(test)]\nmod tests {}";
    let answer = format!("```rust\nfn a() {{ /* changed */ }}\n\n{new}\n```");
    let old = "#[cfg(test)]\nmod tests { old }";
    for (source, expected) in [
        ("fn a() {}\n".to_owned(), format!("fn a() {{}}\n\n{new}\n")),
        ("fn a() {}".to_owned(), format!("fn a() {{}}\n\n{new}\n")),
        (format!("fn a() {{}} \n{old}"), format!("fn a() {{}} \n{new}")),
        (format!("fn a() {{}}\n\n{old}\n\nfn b() {{}}\n"), format!("fn a() {{}}\n\n{new}\n\nfn b() {{}}\n")),
        (format!("#[cfg(test)]\nuse x;\nfn a() {{}}\n{old}\n"), format!("#[cfg(test)]\nuse x;\nfn a() {{}}\n{new}\n")),
        (String::new(), format!("{new}\n")),
    ] {
        assert_eq!(take(&answer, &source).unwrap(), expected);
    }
    assert_eq!(take("```rust\nfn a() {}\n```", "fn a() {}\n"), Err(Rejected::NoTestModule));
}

#[test]
fn the_form_follows_from_size_strength_and_window() {
    use EditFormat::{Refuse, SearchReplace, WholeFile};
    use Strength::{Strong, Weak};
    const K: usize = 1000;
    for (task, lines, tokens, strength, window, expected) in [
        // Small files are written anew by anybody.
        (Task::Rewrite, 0, 0, Weak, Some(8192), WholeFile),
        (Task::Rewrite, 300, 5 * K, Strong, None, WholeFile),
        (Task::Rewrite, 900, 4 * K, Strong, None, WholeFile),
        // Large ones in blocks by strong models, else as a whole where that fits.
        (Task::Rewrite, 301, 4001, Strong, Some(128_000), SearchReplace),
        (Task::Rewrite, 301, 4001, Weak, Some(128_000), WholeFile),
        (Task::Rewrite, 301, 4001, Weak, None, WholeFile),
        (Task::Rewrite, 5 * K, 50 * K, Strong, Some(64_000), SearchReplace),
        (Task::Rewrite, 5 * K, 50 * K, Weak, Some(64_000), Refuse),
        (Task::Rewrite, 5 * K, 50 * K, Weak, Some(111_064), Refuse),
        (Task::Rewrite, 5 * K, 50 * K, Weak, Some(111_065), WholeFile),
        (Task::Rewrite, 5 * K, 50 * K, Weak, None, WholeFile),
        // A few lines can be long.
        (Task::Rewrite, 3, 300 * K, Strong, Some(128_000), Refuse),
        (Task::Rewrite, 3, 100 * K, Strong, Some(128_000), SearchReplace),
        (Task::Rewrite, 100, 4 * K, Weak, Some(8192), Refuse),
        // What is added to others is little, whatever their size.
        (Task::Extend, 20, 300, Strong, None, SearchReplace),
        (Task::Extend, 20, 300, Weak, None, WholeFile),
        (Task::Extend, 900, 10 * K, Weak, Some(8192), Refuse),
        (Task::Extend, usize::MAX, usize::MAX, Strong, Some(u64::MAX), Refuse),
        (Task::Rewrite, 0, 0, Strong, Some(0), Refuse),
    ] {
        let found = edit_format(task, lines, tokens, strength, window);
        assert_eq!(found, expected, "{task:?} {lines} {tokens} {strength:?} {window:?}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    assert_eq!(
        too_large("a.py", 4000, 52_000, Strength::Weak, Some(32_768)),
        "failed to rewrite `a.py`: its 4000 lines, about 52000 tokens, are too much for the model's context window of 32768 tokens; \
         choose a model with a larger one, or, if this one is good at edits, set `strength = \"strong\"` for it in `[models]`, or \
         split the file"
    );
    assert!(!too_large("a.py", 1, 1, Strength::Strong, None).contains("strength"));
}
