//! What a person is told about each mistake. `mistakes.txt` has a file a paragraph, with what is told in `#>` lines below.

use expect_test::expect_file;

use super::{load, told, user};

#[test]
fn every_mistake_is_told_with_its_line() {
    let mut table = Vec::new();
    for paragraph in include_str!("mistakes.txt").split("\n\n") {
        let text: Vec<_> = paragraph.lines().filter(|line| !line.starts_with("#> ")).collect();
        let text = text.join("\n");
        let told = told(&load(&user(&text)));
        // These words stand for keys and passwords in the table, and are never repeated.
        assert!(!told.contains("canary") && !told.contains("hunter2"), "{told}");
        assert!(!told.is_empty(), "{text}");
        let told: Vec<_> = told.lines().map(|line| format!("#> {line}")).collect();
        table.push(format!("{text}\n{}", told.join("\n")));
    }
    expect_file!["mistakes.txt"].assert_eq(&(table.join("\n\n") + "\n"));
}
