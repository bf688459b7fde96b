//! Reads a workflow file and says what is wrong in it, with line numbers.

use std::collections::BTreeSet;

use super::{ForEach, Mode, Save, Step, TagKind, Template, Workflow};
use crate::config::Problem;

/// Variables that every step sees.
pub const GIVEN: &[&str] = &["instruction", "files", "targets", "file", "messages", "selection", "results"];
/// Tags that every workflow takes, declared or not.
pub const COMMON_TAGS: &[&str] = &["model", "workflow"];
/// What each iteration adds to its item, after a dot.
pub const ITEM_FIELDS: &[&str] = &["number", "count", "purpose"];
/// What a test-file step knows besides the path.
pub const TEST_FILE_FIELDS: &[&str] = &["notes", "example"];

/// The largest number of answers or rounds of one step.
const MAX_REPEATS: u32 = 5;
/// Beyond it, two words aren't taken for each other.
const MIN_SIMILARITY: f64 = 0.6;

impl Workflow {
    /// The workflow, unless the text is no workflow at all, and everything that is wrong with it.
    pub fn parse(text: &str) -> (Option<Self>, Vec<Problem>) {
        let mut workflow: Self = match toml::from_str(text) {
            Ok(workflow) => workflow,
            Err(error) => return (None, vec![syntax_problem(text, &error)]),
        };
        let mut checker = Checker { text, problems: Vec::new() };
        checker.workflow(&workflow);
        let problems = checker.problems;
        workflow.fingerprint = fingerprint(text);
        (problems.is_empty().then_some(workflow), problems)
    }
}

/// The same for the same text, in any process of this version of the program.
fn fingerprint(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

struct Checker<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

/// The variables in sight, and which of them are lists.
#[derive(Clone)]
struct Scope {
    names: BTreeSet<String>,
    lists: BTreeSet<String>,
}

impl Checker<'_> {
    fn workflow(&mut self, workflow: &Workflow) {
        let mut scope = Scope {
            names: GIVEN.iter().map(|name| (*name).to_owned()).collect(),
            lists: ["files", "targets"].map(str::to_owned).into(),
        };
        for tag in &workflow.tags {
            scope.names.insert(format!("tag.{}", tag.name));
            if tag.kind == TagKind::Number
                && tag.default.as_ref().is_some_and(|default| default.parse::<u32>().is_err())
            {
                self.problem(&tag.name, format!("the default of tag `{}` isn't a whole number", tag.name));
            }
        }
        scope.names.extend(COMMON_TAGS.iter().map(|name| format!("tag.{name}")));
        if workflow.steps.is_empty() {
            self.problem("steps", "a workflow needs at least one step; add a `[[steps]]` table".to_owned());
        }
        let title_scope = Scope { names: ["file".to_owned()].into(), lists: BTreeSet::new() };
        self.template(&workflow.title, &title_scope);
        self.template(&workflow.system, &scope);
        self.steps(&workflow.steps, &mut scope, workflow);
    }

    fn steps(&mut self, steps: &[Step], scope: &mut Scope, workflow: &Workflow) {
        for step in steps {
            if let Some((module, description)) = step.heading() {
                self.templates(&[module, description], scope);
            }
            match step {
                Step::Chat(step) => {
                    self.template(&step.prompt, scope);
                    if let Some(name) = &step.into {
                        self.new_name("into", name, scope);
                        scope.names.insert(name.clone());
                    }
                }
                Step::Ask(step) => {
                    self.template(&step.prompt, scope);
                    self.templates(&step.count.iter().collect::<Vec<_>>(), scope);
                    if let Some(tag) = step.from_tag.as_ref().filter(|tag| workflow.tag(tag).is_none()) {
                        self.problem(
                            tag,
                            format!("`from-tag` names the tag `{tag}`, which isn't declared; add a `[[tags]]` table"),
                        );
                    }
                    self.new_name("into", &step.into, scope);
                    scope.names.insert(step.into.clone());
                    if matches!(step.expect, super::Expect::List | super::Expect::Files) && step.at_most != Some(1) {
                        scope.lists.insert(step.into.clone());
                    }
                }
                Step::Save(step) => self.save(step, scope),
                Step::TestFile(step) => {
                    self.templates(&[&step.source, &step.prompt], scope);
                    self.new_name("into", &step.into, scope);
                    scope.names.insert(step.into.clone());
                    scope.names.extend(TEST_FILE_FIELDS.iter().map(|field| format!("{}.{field}", step.into)));
                }
                Step::Check(step) => {
                    self.template(&step.file, scope);
                    let mut with_output = scope.clone();
                    with_output.names.insert("output".to_owned());
                    self.template(&step.prompt, &with_output);
                }
                Step::ForEach(step) => self.for_each(step, scope, workflow),
            }
        }
    }

    fn save(&mut self, step: &Save, scope: &Scope) {
        self.templates(&[&step.file, &step.prompt], scope);
        self.templates(&step.existing.iter().collect::<Vec<_>>(), scope);
        for (key, value) in [("best-of", step.best_of), ("loops", step.loops)] {
            if !(1..=MAX_REPEATS).contains(&value) {
                self.problem(key, format!("`{key}` takes a whole number from 1 to {MAX_REPEATS}, not {value}"));
            }
        }
        if step.existing.is_some() && step.mode == Mode::Replace {
            self.problem("existing", "`existing` belongs to `mode = \"append\"`".to_owned());
        }
    }

    fn for_each(&mut self, step: &ForEach, scope: &Scope, workflow: &Workflow) {
        if !scope.lists.contains(&step.items) {
            let known: Vec<_> = scope.lists.iter().map(String::as_str).collect();
            let message =
                format!("`items` names `{}`, which is no list here; lists are: {}", step.items, known.join(", "));
            self.problem(&format!("items = \"{}\"", step.items), message);
        }
        if step.steps.is_empty() {
            self.problem("for-each", "a for-each needs at least one step; add a `[[steps.steps]]` table".to_owned());
        }
        self.new_name("as", &step.name, scope);
        let mut inner = scope.clone();
        inner.names.insert(step.name.clone());
        inner.names.extend(ITEM_FIELDS.iter().map(|field| format!("{}.{field}", step.name)));
        self.steps(&step.steps, &mut inner, workflow);
    }

    /// What every step sees keeps its meaning, and a list its items: a for-each over it is laid out as soon as it is known.
    fn new_name(&mut self, key: &str, name: &str, scope: &Scope) {
        if GIVEN.contains(&name) || scope.lists.contains(name) {
            let message = format!("`{key}` names `{name}`, which already is something else here; choose another name");
            self.problem(&format!("{key} = \"{name}\""), message);
        }
    }

    fn templates(&mut self, templates: &[&Template], scope: &Scope) {
        for template in templates {
            self.template(template, scope);
        }
    }

    fn template(&mut self, template: &Template, scope: &Scope) {
        for name in template.names() {
            match name {
                None => {
                    let tail = template.0.rfind("{{").map_or("{{", |at| &template.0[at..]);
                    self.problem(tail.lines().next().unwrap_or(tail), "a `{{` has no `}}`".to_owned());
                }
                Some(name) if scope.names.contains(name) => {}
                Some(name) => {
                    let hint = nearest(name, scope.names.iter().map(String::as_str)).map_or_else(
                        || format!("known ones: {}", scope.names.iter().cloned().collect::<Vec<_>>().join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.problem(&format!("{{{{{name}"), format!("unknown variable `{name}`; {hint}"));
                }
            }
        }
    }

    /// The line is where `word` first stands: tagged enums lose the parser's own spans.
    fn problem(&mut self, word: &str, message: String) {
        let spaced = word.replacen("{{", "{{ ", 1);
        let at = self.text.find(word).or_else(|| self.text.find(&spaced));
        self.problems.push(Problem { line: at.map(|at| line_of(self.text, at)), message });
    }
}

/// The word of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|name| (strsim::normalized_damerau_levenshtein(word, name), name));
    scored.filter(|(score, _)| *score >= MIN_SIMILARITY).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let message = error.message().lines().next().unwrap_or_default().to_owned();
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let Some((key, rest)) = unknown else {
        return Problem { line: Some(line_of(text, start)), message };
    };
    let known = rest.split('`').skip(1).step_by(2);
    let hint =
        nearest(key, known).map_or(rest.trim_start_matches(", ").to_owned(), |near| format!("did you mean `{near}`?"));
    let after = text.get(start..).unwrap_or_default();
    let at = key_position(after, key).map_or_else(|| key_position(text, key).unwrap_or(start), |at| at + start);
    Problem { line: Some(line_of(text, at)), message: format!("unknown key `{key}`; {hint}") }
}

fn key_position(text: &str, key: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
        if rest.is_some_and(|rest| rest.starts_with('=')) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// 1-based.
fn line_of(text: &str, at: usize) -> u32 {
    let newlines = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(newlines + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The contract's sample.
    const SAMPLE: &str = r#"title = "Review, then fix"
offer = "file"
[[tags]]
name = "focus"
type = "text"
default = "correctness"
[[steps]]
do = "ask"
module = "Review"
role = "main"
expect = "list"
into = "findings"
prompt = "List the problems of {{files}} with regard to {{tag.focus}}."
[[steps]]
do = "for-each"
items = "findings"
as = "finding"
parallel = 1
on-error = "continue"
  [[steps.steps]]
  do = "save"
  module = "Fix"
  file = "{{file}}"
  mode = "replace"
  prompt = "Fix only this: {{finding}}"
[[steps]]
do = "chat"
module = "Summarize"
role = "fast"
prompt = "Say in two sentences what was changed."
"#;

    fn check(text: &str, expected: Expect) {
        let (_, problems) = Workflow::parse(text);
        let lines: Vec<_> = problems
            .iter()
            .map(|p| format!("{}: {}\n", p.line.map_or("-".to_owned(), |l| l.to_string()), p.message))
            .collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn the_sample_is_good() {
        check(SAMPLE, expect![""]);
    }

    #[test]
    fn mistakes_have_a_line_and_a_remedy() {
        let changed = |from: &str, to: &str| {
            assert!(SAMPLE.contains(from), "{from}");
            SAMPLE.replacen(from, to, 1)
        };
        check(
            &changed("{{tag.focus}}", "{{tag.fokus}}"),
            expect![[r#"
            13: unknown variable `tag.fokus`; did you mean `tag.focus`?
        "#]],
        );
        check(
            &changed("{{finding}}", "{{ nothing_like_it"),
            expect![[r#"
            25: a `{{` has no `}}`
        "#]],
        );
        check(
            &changed("role = \"fast\"", "rolle = \"fast\""),
            expect![[r#"
                29: unknown key `rolle`; did you mean `role`?
            "#]],
        );
        check(
            &changed("items = \"findings\"", "items = \"file\""),
            expect![[r#"
                16: `items` names `file`, which is no list here; lists are: files, findings, targets
            "#]],
        );
        check(
            &changed("do = \"chat\"", "do = \"talk\""),
            expect![[r#"
                27: unknown variant `talk`, expected one of `chat`, `ask`, `save`, `test-file`, `check`, `for-each`
            "#]],
        );
        check(
            &changed("mode = \"replace\"", "loops = 9"),
            expect![[r#"
            24: `loops` takes a whole number from 1 to 5, not 9
        "#]],
        );
        check(
            &changed("into = \"findings\"", "into = \"files\"").replace("items = \"findings\"", "items = \"files\""),
            expect![[r#"
                12: `into` names `files`, which already is something else here; choose another name
            "#]],
        );
        check(
            &changed("as = \"finding\"", "as = \"findings\"").replace("{{finding}}", "{{findings}}"),
            expect![[r#"
                17: `as` names `findings`, which already is something else here; choose another name
            "#]],
        );
        check(
            "title = 1\n[[steps]]",
            expect![[r#"
                2: missing field `do`
            "#]],
        );
        check(
            "title = \"x\"\nsteps = []",
            expect![[r#"
            2: a workflow needs at least one step; add a `[[steps]]` table
        "#]],
        );
        check(
            "title = ",
            expect![[r#"
            1: string values must be quoted, expected literal string
        "#]],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}", at in 0..SAMPLE.len()) {
            Workflow::parse(&text);
            Workflow::parse(&format!("{}{text}{}", &SAMPLE[..at], &SAMPLE[at..]));
        }
    }
}
