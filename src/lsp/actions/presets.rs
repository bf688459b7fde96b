//! Presets in the menu: those of the user always, the built-in ones where they fit and as far as there is room.

use tower_lsp::lsp_types::Diagnostic;

use super::{Menu, Spot, short_name};
use crate::{
    config::{Preset, PresetOffer},
    document::language::{Kind, kind},
    lsp::{
        command::{self, RunArguments, selected_lines},
        outbox::one_line,
    },
};

/// Diagnostics that join an instruction.
const MAX_DIAGNOSTICS: usize = 20;

impl Menu<'_> {
    /// `room`: how many more actions the menu takes.
    pub(super) fn presets(&mut self, spot: &Spot, room: usize) {
        let state = self.state;
        let is_code = kind(&self.file.name) == Kind::Code;
        let fits = |preset: &&Preset| match preset.offer {
            PresetOffer::Diagnostics => false,
            PresetOffer::Comment => spot.on_comment,
            PresetOffer::File | PresetOffer::Lines => !preset.is_built_in || is_code,
        };
        let is_hidden = |preset: &&Preset| state.settings.hidden.contains(&preset.id);
        let offered = state.settings.all_presets().filter(|preset| fits(preset) && !is_hidden(preset));
        let (own, mut built_in): (Vec<_>, Vec<_>) = offered.partition(|preset| !preset.is_built_in);
        built_in.sort_by_key(|preset| match preset.offer {
            PresetOffer::Comment => 0,
            PresetOffer::Lines if spot.is_selected() => 1,
            PresetOffer::File => 2,
            _ => 3,
        });
        built_in.truncate(room.saturating_sub(own.len()));
        for preset in own.into_iter().chain(built_in) {
            self.preset(preset, spot);
        }
    }

    /// What the editor marks here can be mended.
    pub(super) fn diagnostics(&mut self, spot: &Spot, diagnostics: &[Diagnostic]) {
        let theirs: Vec<&Diagnostic> =
            diagnostics.iter().filter(|diagnostic| diagnostic.source.as_deref() != Some("stepwright")).collect();
        if theirs.is_empty() {
            return;
        }
        let list = theirs.iter().take(MAX_DIAGNOSTICS).map(|diagnostic| describe(diagnostic)).collect::<String>();
        let state = self.state;
        for preset in state.settings.all_presets().filter(|preset| preset.offer == PresetOffer::Diagnostics) {
            let arguments = RunArguments {
                instruction: Some(format!("{}\n\n{list}", preset.instruction.trim_end())),
                ..self.preset_arguments(preset)
            };
            let title = title(preset, &self.what(spot));
            self.add_fix(&format!("preset.{}", preset.id), title, command::RUN, &arguments, None);
        }
    }

    fn preset(&mut self, preset: &Preset, spot: &Spot) {
        let mut arguments = self.preset_arguments(preset);
        if preset.title.contains(FILE)
            && let Some(range) = spot.selected
            && let Ok((_, workflow)) = self.state.catalog.get(&preset.workflow)
        {
            if workflow.mentions("selection") {
                arguments.range = Some(range);
            } else {
                let (first, last) = selected_lines(range);
                let lines = format!("This is about lines {first} to {last} of it; leave the others as they are.");
                arguments.instruction = Some(format!("{}\n\n{lines}", preset.instruction.trim_end()));
            }
        }
        let title = title(preset, &self.what(spot));
        self.add(&format!("preset.{}", preset.id), title, command::RUN, &arguments);
    }

    fn preset_arguments(&self, preset: &Preset) -> RunArguments {
        let uri = self.uri.to_string();
        // A title that names the file means that one, whatever else is selected.
        let is_about_file = preset.is_built_in || preset.title.contains(FILE);
        let files = is_about_file.then(|| vec![uri.clone()]);
        RunArguments { preset: Some(preset.id.clone()), uri: Some(uri), files, ..RunArguments::default() }
    }

    /// The file or the lines, as a title names them.
    pub(super) fn what(&self, spot: &Spot) -> String {
        spot.selected.map_or_else(|| short_name(&self.file), super::lines)
    }
}

const FILE: &str = "{{file}}";

fn title(preset: &Preset, what: &str) -> String {
    preset.title.replace(FILE, what)
}

/// `line 12: cannot find value (rustc E0425)`
fn describe(diagnostic: &Diagnostic) -> String {
    let code = diagnostic.code.as_ref().map(|code| match code {
        tower_lsp::lsp_types::NumberOrString::Number(number) => number.to_string(),
        tower_lsp::lsp_types::NumberOrString::String(text) => text.clone(),
    });
    let origin: Vec<String> = diagnostic.source.iter().cloned().chain(code).collect();
    let origin = if origin.is_empty() { String::new() } else { format!(" ({})", one_line(&origin.join(" "))) };
    let line = diagnostic.range.start.line.saturating_add(1);
    format!("- line {line}: {}{origin}\n", one_line(&diagnostic.message))
}
