//! What is publicly known about models, from the list that comes with the program. Asks nobody, and knows no prices that it wasn't given.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{config::Price, engine::ports::Strength};

/// What the list says of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// Tokens.
    pub window: Option<u64>,
    /// Tokens.
    pub output: Option<u64>,
    pub price: Option<Price>,
    pub strength: Strength,
}

/// Looks a model up by the name that its server uses. `host` is where it is served: prices hold where they were published for.
pub fn known(host: &str, name: &str) -> Known {
    let name = plain(name);
    let whole = [name.as_str(), without_date(&name)];
    let entries = || LIST.vendors.iter().flat_map(|vendor| vendor.models.iter().map(move |model| (vendor, model)));
    let found = whole.iter().find_map(|name| entries().find(|(_, model)| model.plain == *name)).or_else(|| {
        let begins = |model: &Model| {
            model.price.is_none() && name.strip_prefix(&model.plain).is_some_and(|rest| rest.starts_with(['-', ':']))
        };
        entries().filter(|(_, model)| begins(model)).max_by_key(|(_, model)| model.plain.len())
    });
    let Some((vendor, model)) = found else { return Known::default() };
    // A variant such as `:free` has a price of its own.
    let is_sold_there = vendor.hosts.iter().any(|known| known == host);
    Known {
        window: model.window,
        output: model.output,
        price: model.price.as_deref().filter(|_| is_sold_there).and_then(price),
        strength: model.strength.into(),
    }
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let mut list: List = toml::from_str(include_str!("catalogue.toml")).expect("a test reads the same text");
    for model in list.vendors.iter_mut().flat_map(|vendor| &mut vendor.models) {
        model.plain = plain(&model.name);
    }
    list
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    vendors: Vec<Vendor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vendor {
    hosts: Vec<String>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    /// The name in the one spelling that names are compared in.
    #[serde(skip)]
    plain: String,
    window: Option<u64>,
    output: Option<u64>,
    price: Option<Vec<f64>>,
    strength: Written,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Weak,
    Strong,
}

impl From<Written> for Strength {
    fn from(written: Written) -> Self {
        match written {
            Written::Weak => Self::Weak,
            Written::Strong => Self::Strong,
        }
    }
}

fn price(numbers: &[f64]) -> Option<Price> {
    match *numbers {
        [input, cached, output] => Some(Price { input, cached: Some(cached), output }),
        [input, output] => Some(Price { input, cached: None, output }),
        _ => None,
    }
}

/// Without the vendor before it, in lower case, and with `-` for `.`: `anthropic/Claude-Sonnet-4.5` is `claude-sonnet-4-5`.
fn plain(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.trim().to_lowercase().replace('.', "-")
}

/// The name before the date of a snapshot: `-2025-08-07`, `-20250929` or `@20250929`.
fn without_date(name: &str) -> &str {
    let is_date = |text: &str| text.len() == 8 && text.starts_with("20") && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((before, date)) = name.rsplit_once(['-', '@'])
        && is_date(date)
    {
        return before;
    }
    const LONG: usize = "-2025-08-07".len();
    let Some((before, date)) = name.len().checked_sub(LONG).and_then(|at| name.split_at_checked(at)) else {
        return name;
    };
    let parts: Vec<_> = date.split('-').collect();
    match parts.as_slice() {
        ["", year, month, day] if is_date(&format!("{year}{month}{day}")) && month.len() == 2 => before,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: &str = "api.openai.com";
    const OPENROUTER: &str = "openrouter.ai";

    fn shown(host: &str, name: &str) -> String {
        let Known { window, output, price, strength } = known(host, name);
        let price =
            price.map_or("?".to_owned(), |price| format!("{} {:?} {}", price.input, price.cached, price.output));
        format!("{} {} {price} {strength:?}", window.unwrap_or(0), output.unwrap_or(0))
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let mini = "400000 128000 0.25 Some(0.025) 2 Strong";
        let sonnet = "200000 64000 3 Some(0.3) 15 Strong";
        for (host, name, expected) in [
            (OPENAI, "gpt-5-mini", mini),
            (OPENAI, "gpt-5-mini-2025-08-07", mini),
            (OPENROUTER, "openai/gpt-5-mini", mini),
            (OPENROUTER, "openai/GPT-5-mini", mini),
            ("api.anthropic.com", "claude-sonnet-4-5-20250929", sonnet),
            (OPENROUTER, "anthropic/claude-sonnet-4.5", sonnet),
            (
                "generativelanguage.googleapis.com",
                "models/gemini-2.5-flash-lite",
                "1048576 65536 0.1 Some(0.01) 0.4 Weak",
            ),
            ("api.mistral.ai", "mistral-large-2512", "262144 0 0.5 None 1.5 Strong"),
            // Who serves it asks what they like.
            ("models.example", "gpt-5-mini", "400000 128000 ? Strong"),
            (OPENROUTER, "deepseek/deepseek-v4-pro", "1000000 384000 ? Strong"),
            ("host.example", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "131072 0 ? Weak"),
            ("host.example", "Qwen/Qwen3-Coder-480B-A35B-Instruct", "262144 65536 ? Strong"),
            ("host.example", "qwen3:8b", "40960 0 ? Weak"),
            // A snapshot that has a price of its own, and names that only begin like a model with a price.
            (OPENAI, "gpt-4o-2024-05-13", "128000 4096 5 None 15 Strong"),
            (OPENAI, "gpt-4o-2024-08-06", "128000 16384 2.5 Some(1.25) 10 Strong"),
            (OPENAI, "gpt-5-mini-search", "0 0 ? Weak"),
            (OPENAI, "gpt-5-mini:free", "0 0 ? Weak"),
            (OPENAI, "gpt-4", "0 0 ? Weak"),
            (OPENAI, "gpt-5.6-sol", "400000 128000 ? Strong"),
            (OPENAI, "gpt-5-mini-2025-8-07", "0 0 ? Weak"),
            ("", "", "0 0 ? Weak"),
            ("", "é-2025-08-07", "0 0 ? Weak"),
        ] {
            assert_eq!(shown(host, name), expected, "{name} at {host}");
        }
    }

    #[test]
    fn the_list_makes_sense() {
        let mut names = std::collections::BTreeSet::new();
        for model in LIST.vendors.iter().flat_map(|vendor| &vendor.models) {
            assert!(names.insert(&model.plain), "{} twice", model.name);
            let (window, output) = (model.window.unwrap_or(u64::MAX), model.output.unwrap_or(0));
            assert!(output < window, "{}", model.name);
            let Some(numbers) = &model.price else { continue };
            let price = price(numbers).unwrap_or_else(|| panic!("{}: {numbers:?}", model.name));
            let cached = price.cached.unwrap_or(price.input);
            assert!(0.0 < cached && cached <= price.input && price.input < price.output, "{}: {price:?}", model.name);
        }
    }
}
