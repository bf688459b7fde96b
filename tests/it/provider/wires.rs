//! Every way in which a provider misbehaves, on every wire: what comes of it, and how often it was asked. `cargo test --test it
//! provider::wires -- --nocapture` prints the table.

use stepwright::{
    config::Settings,
    engine::ports::{Finish, ModelErrorKind as Kind},
    model::{self, Tuning, retry::Patience},
};

mod cases;

use cases::cases;

use super::{Outcome, drain, environment, patience, request};
use crate::support::{
    provider::{Act, KEY, Provider},
    wire::{WIRES, Wire},
};

/// Of the list in `safety`.
const LAST_CASE: usize = 23;

/// One case of the list in `safety`, for all wires alike.
struct Case {
    id: &'static str,
    what: &'static str,
    place: Place,
    /// How many requests are made, one after the other. What is expected is expected of the last one.
    requests: usize,
    change: fn(&mut Settings, &mut Patience),
    expected: Expected,
    posts: usize,
}

enum Place {
    /// A fake that answers the n-th POST with the n-th script.
    Scripts(fn(Wire) -> Vec<Vec<Act>>),
    Address(fn() -> String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Whole(&'static str),
    CutOff(&'static str),
    Blocked,
    Unexpected,
    Error(Kind),
}

impl Expected {
    fn of(outcome: &Outcome, text: &'static str) -> Expected {
        match (outcome.finish(), outcome.kind()) {
            (Some(Finish::Stop), _) if outcome.text == text => Expected::Whole(text),
            (Some(Finish::Length), _) if outcome.text == text => Expected::CutOff(text),
            (Some(Finish::Blocked(_)), _) => Expected::Blocked,
            (Some(Finish::Unexpected(_)), _) => Expected::Unexpected,
            (_, Some(kind)) => Expected::Error(kind),
            (finish, None) => panic!("{finish:?} with {:?}", outcome.text),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Expected::Whole(text) | Expected::CutOff(text) => text,
            Expected::Blocked | Expected::Unexpected | Expected::Error(_) => "",
        }
    }
}

/// What came of a case on a wire, and how often the provider was asked.
async fn play(case: &Case, wire: Wire) -> (Outcome, usize) {
    let provider = match case.place {
        Place::Scripts(scripts) => Some(Provider::start(scripts(wire))),
        Place::Address(_) => None,
    };
    let address = match (&case.place, &provider) {
        (Place::Address(address), _) => address(),
        (_, Some(provider)) => format!("http://{}", provider.address),
        (_, None) => unreachable!("scripts have a provider"),
    };
    let (mut settings, mut patience) = (wire.settings(&address), patience());
    (case.change)(&mut settings, &mut patience);
    let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
    let mut outcome = drain(model.answer(request())).await;
    for _ in 1..case.requests {
        outcome = drain(model.answer(request())).await;
    }
    (outcome, provider.map_or(0, |provider| provider.posts().len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_alike_on_every_wire() {
    let mut table = format!("{:5}{:34}", "case", "what the provider does");
    WIRES.iter().for_each(|wire| table.push_str(&format!("{:26}", wire.name())));
    let mut faults = Vec::new();
    for case in cases() {
        table.push_str(&format!("\n{:5}{:34}", case.id, case.what));
        for wire in WIRES {
            let (outcome, posts) = play(&case, wire).await;
            let shown = format!("{outcome:?}");
            let got = Expected::of(&outcome, case.expected.text());
            table.push_str(&format!("{:26}", format!("{got:?} ×{posts}")));
            if (got, posts) != (case.expected, case.posts) {
                let expected = (case.expected, case.posts);
                faults.push(format!(
                    "{} {} on {}: {expected:?}, not {shown}, {posts}",
                    case.id,
                    case.what,
                    wire.name()
                ));
            }
            if shown.contains(KEY) || shown.contains("launch_the_missiles") {
                faults.push(format!("{} {} on {}: quotes too much: {shown}", case.id, case.what, wire.name()));
            }
            if let Err(error) = &outcome.end
                && !(error.message.contains("`fake/model`") && error.message.contains("; "))
            {
                faults.push(format!("{} {} on {}: {}", case.id, case.what, wire.name(), error.message));
            }
        }
    }
    println!("{table}");
    // All that `safety` lists.
    for number in 1..=LAST_CASE {
        assert!(table.contains(&format!("\nN{number} ")), "N{number} is missing");
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// N13: over a real connection, so that nothing between the socket and the decoder takes a part for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_at_any_byte_is_never_taken_for_whole() {
    for wire in WIRES {
        let parts = [wire.head(), wire.start(), wire.text("é𐐀"), wire.text("hi")].concat();
        let reason = wire.finish(wire.reasons()[0]);
        let whole = [&*parts, &*reason, &*wire.end()].concat();
        let cuts: Vec<usize> = (0..whole.len()).collect();
        let scripts = cuts.iter().map(|cut| vec![Act::Send(whole[..*cut].to_vec())]).collect();
        let provider = Provider::start(scripts);
        let settings = wire.settings(&format!("http://{}", provider.address));
        let patience = Patience { attempts: 1, ..patience() };
        let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
        for cut in cuts {
            let outcome = drain(model.answer(request())).await;
            let is_whole = cut >= parts.len() + reason.len();
            assert_eq!(outcome.finish().is_some(), is_whole, "{wire:?} cut at {cut}: {outcome:?}");
            assert!("é𐐀hi".starts_with(&outcome.text), "{wire:?} cut at {cut}: {outcome:?}");
        }
        assert_eq!(provider.posts().len(), whole.len(), "one request each");
    }
}
