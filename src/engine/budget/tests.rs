use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn facts(window: Option<u64>, output: Option<u64>) -> Facts {
    Facts { context_window: window, max_output: output, ..Facts::default() }
}

/// A document of so many lines of ten bytes.
fn document(name: &str, lines: usize) -> Document {
    let text: String = (1..=lines).map(|i| format!("line {i:04}\n")).collect();
    Document { name: name.to_owned(), shown: format!("<document {name}>\n{text}</document>\n") }
}

/// A model whose prompts have room for so many bytes.
fn with_room(bytes: u64) -> Facts {
    let fitting = (1..).map(|window| facts(Some(window * 10), Some(0)));
    fitting.into_iter().find(|facts| room(facts) * 3 >= bytes).expect("windows grow")
}

#[test]
fn room_is_what_the_answer_leaves() {
    let limited = |limit| Facts { output_limit: Some(limit), ..facts(Some(100_000), Some(64_000)) };
    let local = Facts { is_local: true, ..facts(None, None) };
    for (facts, expected) in [
        (facts(Some(400_000), Some(128_000)), 400_000 - 128_000 - 20_000 - 512),
        (facts(Some(100_000), Some(100_000)), 50_000 - 5_000 - 512), // an answer never takes more than half
        (facts(Some(100_000), None), 75_000 - 5_000 - 512),
        (limited(1_000), 99_000 - 5_000 - 512),
        (facts(None, None), 32_768 - 8_192 - 1_638 - 512),
        (local, 8_192 - 2_048 - 409 - 512),
        (facts(Some(600), None), 0),
        (facts(Some(0), None), 0),
    ] {
        assert_eq!(room(&facts), expected, "{facts:?}");
    }
}

#[test]
fn a_window_can_be_imagined_that_is_large_enough() {
    let limited = Facts { output_limit: Some(8_000), ..facts(None, Some(8_000)) };
    for facts in [facts(None, None), limited] {
        for needed in [0, 1, 1000, 1_000_000] {
            assert!(room(&with_room_for(needed, &facts)) >= needed + room(&facts), "{needed}");
        }
    }
}

#[test]
fn what_fits_is_shown_whole() {
    let (shared, own) = ([document("a", 10), document("b", 20)], [document("c", 5)]);
    let facts = with_room(1000);
    for side_by_side in [false, true] {
        let Fitted { shared: all, own: rest, left_out } = fit(&shared, &own, 300, &facts, side_by_side).unwrap();
        assert_eq!((all, rest), (join(&shared), join(&own)));
        assert_eq!(left_out, []);
    }
}

#[test]
fn long_documents_lose_their_middle_and_say_so() {
    let (shared, own) = ([document("long", 40), document("short", 2)], []);
    let Fitted { shared, left_out, .. } = fit(&shared, &own, 100, &with_room(400), false).unwrap();
    expect![[r#"
        <document long>
        line 0001
        line 0002
        line 0003
        line 0004
        line 0005
        line 0006
        line 0007
        [… 28 lines are left out here …]
        line 0036
        line 0037
        line 0038
        line 0039
        line 0040
        </document>
        <document short>
        line 0001
        line 0002
        </document>
    "#]]
    .assert_eq(&shared);
    assert_eq!(left_out, [LeftOut { name: "long".to_owned(), lines: 28, of: 40 }]);
}

#[test]
fn one_long_line_goes_as_a_whole() {
    let minified = Document { name: "min.js".to_owned(), shown: format!("<d>\n{}\n</d>\n", "x".repeat(5000)) };
    let Fitted { own, left_out, .. } = fit(&[], &[minified], 0, &with_room(1000), false).unwrap();
    assert_eq!(own, "<d>\n[… 1 line is left out here …]\n</d>\n");
    assert_eq!(left_out[0].lines, 1);
}

#[test]
fn what_must_be_whole_and_is_too_long_fails() {
    let facts = with_room(1000);
    let error = fit(&[], &[], 3000, &facts, false).unwrap_err();
    assert_eq!(error, TooLong { needed: 1000, room: room(&facts) });
    // As does what is left of very many documents.
    let many: Vec<_> = (0..100).map(|i| document(&i.to_string(), 10)).collect();
    assert!(fit(&many, &[], 0, &facts, false).is_err());
}

#[test]
fn requests_side_by_side_begin_alike() {
    let shared = [document("a", 300), document("b", 300)];
    let facts = with_room(4000);
    let begin = |fixed| fit(&shared, &[], fixed, &facts, true).unwrap().shared;
    assert!(begin(100) == begin(1200) && begin(100) != join(&shared), "whatever else is in them");
    // One whose own part is far longer has to begin otherwise, but still fits.
    let long = begin(2500);
    assert!(long.len() < begin(100).len() && long.len() + 2500 <= 4000, "{}", long.len());
    // One after the other, each shows what it can.
    let alone = |fixed| fit(&shared, &[], fixed, &facts, false).unwrap().shared;
    assert!(alone(100).len() <= 3900 && !alone(100).is_empty());
}

proptest! {
    #[test]
    fn a_prompt_fits_or_is_refused(
        sizes in proptest::collection::vec(0..400usize, 0..8),
        own_sizes in proptest::collection::vec(0..400usize, 0..3),
        fixed in 0..3000usize,
        bytes in 0..20_000u64,
        side_by_side: bool,
    ) {
        let documents = |sizes: &[usize]| sizes.iter().enumerate().map(|(i, n)| document(&i.to_string(), *n)).collect::<Vec<_>>();
        let (shared, own) = (documents(&sizes), documents(&own_sizes));
        let facts = with_room(bytes);
        let room = room(&facts) * 3;
        match fit(&shared, &own, fixed, &facts, side_by_side) {
            Ok(Fitted { shared: a, own: b, left_out }) => {
                prop_assert!((a.len() + b.len() + fixed) as u64 <= room);
                let whole = a == join(&shared) && b == join(&own);
                prop_assert_eq!(whole, left_out.is_empty());
                let tags = |text: &str| text.matches("</document>").count();
                prop_assert_eq!(tags(&a) + tags(&b), shared.len() + own.len(), "every document is named");
            }
            Err(TooLong { .. }) => prop_assert!((fixed + join(&shared).len() + join(&own).len()) as u64 > room),
        }
    }
}
