//! Tokens and prices as sums of money, and both as people read them. Pure.

use super::ports::Usage;
use crate::config::Price;

/// What these tokens cost, in USD.
pub fn cost(price: &Price, usage: &Usage) -> f64 {
    const TOKENS_PER_PRICE: f64 = 1e6;
    let Price { input, cached, output } = *price;
    let fresh = usage.input.saturating_sub(usage.cached) as f64 * input;
    let again = usage.cached.min(usage.input) as f64 * cached.unwrap_or(input);
    (fresh + again + usage.output as f64 * output) / TOKENS_PER_PRICE
}

/// As people read it: `$1.25`, `$0.0031`.
pub fn money(amount: f64) -> String {
    const SMALLEST: f64 = 0.0001;
    match amount {
        amount if amount >= 1.0 => format!("${amount:.2}"),
        amount if amount > 0.0 && amount < SMALLEST => format!("under ${SMALLEST}"),
        amount => format!("${:.4}", amount.max(0.0)),
    }
}

/// What was used, for a person: `1,204 tokens in, 310 out, $0.0012`.
pub fn receipt(usage: &Usage) -> String {
    let Usage { input, cached, output, cost } = *usage;
    let money = match cost {
        _ if input == 0 && output == 0 => money(0.0),
        Some(cost) => money(cost),
        None => "price unknown".to_owned(),
    };
    let cached = if cached > 0 { format!(" ({} cached)", grouped(cached)) } else { String::new() };
    format!("{} tokens in{cached}, {} out, {money}", grouped(input), grouped(output))
}

/// Whether somebody pays for it, as far as that is known.
pub fn is_paid(usage: &Usage) -> bool {
    usage.cost != Some(0.0) && usage.input + usage.output > 0
}

/// `1,234,567`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cost_what_the_price_says() {
        const PRICE: Price = Price { input: 1000.0, cached: Some(100.0), output: 2000.0 };
        let all = Usage { input: 1000, cached: 400, output: 50, cost: None };
        for (usage, expected) in [
            (all, 0.6 + 0.04 + 0.1),
            (Usage { cached: 2000, ..all }, 0.1 + 0.1), // a server that miscounts
            (Usage::default(), 0.0),
        ] {
            assert!((cost(&PRICE, &usage) - expected).abs() < 1e-9, "{usage:?}");
        }
        let plain = Price { cached: None, ..PRICE };
        assert!((cost(&plain, &all) - 1.1).abs() < 1e-9, "nothing cheaper is known");
    }

    #[test]
    fn money_is_told_as_people_read_it() {
        for (amount, expected) in [
            (0.0, "$0.0000"),
            (-0.1, "$0.0000"),
            (0.00001, "under $0.0001"),
            (0.0123, "$0.0123"),
            (1.0, "$1.00"),
            (12.346, "$12.35"),
        ] {
            assert_eq!(money(amount), expected);
        }
        let used = Usage { input: 1_204_000, cached: 1000, output: 310, cost: Some(0.5) };
        assert_eq!(receipt(&used), "1,204,000 tokens in (1,000 cached), 310 out, $0.5000");
        assert_eq!(receipt(&Usage { cached: 0, cost: None, ..used }), "1,204,000 tokens in, 310 out, price unknown");
        assert_eq!(receipt(&Usage::default()), "0 tokens in, 0 out, $0.0000");
    }
}
