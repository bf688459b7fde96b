//! temporary
use super::{RunReport, RunSummary};
pub fn fenced(lang: &str, text: &str) -> String {
    format!("```{lang}\n{text}```\n")
}
pub fn escaped(text: &str) -> String {
    text.to_owned()
}
pub fn run_markdown(report: &RunReport) -> String {
    format!("{report:?}")
}
pub fn runs_markdown(runs: &[RunSummary]) -> String {
    format!("{runs:?}")
}
pub fn runs_json(runs: &[RunSummary]) -> String {
    format!("{runs:?}")
}
pub fn runs_text(runs: &[RunSummary]) -> String {
    format!("{runs:?}")
}
pub fn run_json(report: &RunReport) -> String {
    format!("{report:?}")
}
