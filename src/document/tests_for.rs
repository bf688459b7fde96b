//! Where tests for a file go.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub path: String,
    pub inline: bool,
    pub framework: Option<String>,
    pub example: Option<String>,
    pub exists: bool,
}
pub fn by_pattern(_: &str, _: &str, _: &[String]) -> Placement {
    todo!()
}
pub fn place(_: &str, _: &[String], _: &dyn Fn(&str) -> Option<String>, _: &[String], _: &str) -> Option<Placement> {
    None
}
