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
