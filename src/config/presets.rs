//! The built-in presets: the lowest layer of the list that users add to.

use std::sync::LazyLock;

use super::{
    Preset, PresetOffer,
    options::{Options, PresetOfferName, PresetOptions},
};

const TEXT: &str = include_str!("presets.toml");

pub static BUILT_IN: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    // A test reads it, so that it can't be wrong here.
    let options: Options = toml::from_str(TEXT).unwrap_or_default();
    options.presets.into_iter().map(|written| preset(written, true)).collect()
});

pub fn preset(written: PresetOptions, is_built_in: bool) -> Preset {
    let offer = match written.offer {
        PresetOfferName::File => PresetOffer::File,
        PresetOfferName::Lines => PresetOffer::Lines,
        PresetOfferName::Comment => PresetOffer::Comment,
        PresetOfferName::Diagnostics => PresetOffer::Diagnostics,
    };
    let PresetOptions { id, title, workflow, instruction, .. } = written;
    Preset { id, title, workflow, instruction, offer, is_built_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_presets_are_good() {
        let options: Options = toml::from_str(TEXT).unwrap();
        let ids: Vec<_> = options.presets.iter().map(|preset| preset.id.as_str()).collect();
        assert_eq!(ids, ["explain", "simplify", "document", "review", "translate-comments", "fix-diagnostics"]);
        assert_eq!(BUILT_IN.len(), ids.len());
    }
}
