use futures::FutureExt;

use super::*;
use crate::engine::ports::Facts;

/// A dollar for a thousand tokens of prompt, two for a thousand of answer.
const PRICE: Price = Price { input: 1000.0, cached: Some(100.0), output: 2000.0 };

fn facts(price: Option<Price>) -> Facts {
    Facts { name: "far/model".to_owned(), price, ..Facts::default() }
}

fn purse(per_run: Option<f64>, per_day: Option<f64>, day: &Arc<Day>) -> Purse {
    let caps = Caps { per_run, per_day, ..Caps::default() };
    Purse::new(Spending { caps, day: day.clone() }, 0.0)
}

/// Nothing that a test awaits waits for anybody.
fn hold(purse: &Purse, input: u64, needed: u64, wanted: u64) -> Result<Held<'_>, String> {
    purse.hold(facts(Some(PRICE)), input, needed, wanted).now_or_never().expect("it doesn't wait")
}

fn usage(input: u64, output: u64, cost: Option<f64>) -> Usage {
    Usage { input, cached: 0, output, cost }
}

#[test]
fn a_request_that_could_pass_the_cap_is_not_sent() {
    let day = Arc::default();
    let purse = purse(Some(1.0), None, &day);
    // Half a dollar of prompt and half a dollar of answer.
    drop(hold(&purse, 500, 250, 250).expect("it just fits"));
    assert_eq!(
        hold(&purse, 500, 251, 251).err().unwrap(),
        "`max-cost-per-run` allows $1.00, of which $0.0000 is spent, and the next request could cost more than the rest; raise `max-cost-per-run` in `[limits]` of your configuration file, or choose a cheaper model"
    );
    let held = hold(&purse, 500, 250, 250).expect("nothing is spent so far");
    held.settle(usage(500, 100, Some(0.7)));
    drop(held);
    assert_eq!(purse.left(), [Some(1.0 - 0.7), None]);
    let error = hold(&purse, 200, 100, 100).err().unwrap();
    assert!(error.contains("of which $0.7000 is spent"), "{error}");
    drop(hold(&purse, 100, 100, 100).expect("what is left is enough"));
}

#[test]
fn the_day_counts_all_runs() {
    let day = Arc::default();
    let [first, second] = [0, 1].map(|_| purse(None, Some(1.0), &day));
    let held = hold(&first, 400, 100, 100).expect("it fits");
    held.settle(usage(400, 100, Some(0.6)));
    drop(held);
    let error = hold(&second, 400, 100, 100).err().unwrap();
    assert!(error.contains("`max-cost-per-day` allows $1.00, of which $0.6000 was spent today"), "{error}");
    assert_eq!(second.left(), [None, Some(0.4)]);
}

#[test]
fn requests_side_by_side_cannot_pass_a_cap_together() {
    let day = Arc::default();
    let purse = purse(Some(1.0), None, &day);
    let first = hold(&purse, 100, 250, 250).expect("it fits");
    // Alone it would fit, so that it is worth waiting for the first to be cheaper than feared.
    let mut second = Box::pin(purse.hold(facts(Some(PRICE)), 100, 250, 250));
    assert!((&mut second).now_or_never().is_none());
    first.settle(usage(100, 10, Some(0.12)));
    drop(first);
    let second = (&mut second).now_or_never().expect("the money is there").expect("and enough");
    second.settle(usage(100, 250, Some(0.6)));
    drop(second);
    assert!(hold(&purse, 100, 250, 250).is_err(), "0.72 is spent");
}

#[test]
fn an_answer_gets_what_the_cap_allows_for() {
    let day = Arc::default();
    let limit = |per_run, needed, wanted| {
        let purse = purse(per_run, None, &day);
        let limit = hold(&purse, 100, needed, wanted).map(|held| held.limit);
        limit.map_err(drop)
    };
    assert_eq!(limit(None, 10, 500), Ok(None), "without a cap nothing is limited");
    assert_eq!(limit(Some(10.0), 10, 500), Ok(Some(500)));
    assert_eq!(limit(Some(0.3), 10, 500), Ok(Some(100)), "a tenth for the prompt leaves two for the answer");
    assert_eq!(limit(Some(0.3), 100, 500), Ok(Some(100)));
    assert_eq!(limit(Some(0.3), 101, 500), Err(()));
}

#[test]
fn what_is_free_or_unknown_needs_no_money() {
    let day = Arc::default();
    let purse = purse(Some(0.0), Some(0.0), &day);
    let free = Price { input: 0.0, cached: None, output: 0.0 };
    for price in [Some(free), None] {
        let held = purse.hold(facts(price), 1_000_000, 1000, 1000).now_or_never().expect("it doesn't wait");
        assert!(held.is_ok(), "{price:?}");
    }
    assert!(hold(&purse, 1, 0, 0).is_err());
}

#[test]
fn what_is_broken_off_is_paid_for_as_far_as_it_came() {
    let day = Arc::default();
    let purse = purse(Some(10.0), None, &day);
    drop(hold(&purse, 1000, 100, 100).expect("it fits"));
    assert_eq!(purse.left(), [Some(10.0), None], "nothing came");
    let held = hold(&purse, 1000, 100, 100).expect("it fits");
    held.receive(&"abc".repeat(50));
    drop(held);
    let left = purse.left()[0].expect("a cap");
    assert!((left - (10.0 - 1.0 - 0.1)).abs() < ROUNDING, "{left}");
}

#[test]
fn who_does_not_count_gets_an_estimate() {
    let day = Arc::default();
    let purse = purse(None, None, &day);
    let held = hold(&purse, 1000, 100, 100).expect("no cap");
    held.receive(&"abc".repeat(50));
    assert_eq!(held.settle(Usage::default()), usage(1000, 50, Some(1.1)));
    assert_eq!(held.settle(usage(7, 0, None)), usage(7, 0, None), "what is counted stands");
}
