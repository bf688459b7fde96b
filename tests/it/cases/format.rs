//! The text format of cases. A file holds several:
//!
//! ```text
//! ==== title
//! What the case is about, in words.
//!
//! == file[crlf,bom,bare] name        a file of the workspace; bare: without the last line end
//! == user name                       a file below the user's configuration folder
//! == config                          more of the user's configuration; `$ROOT` is the workspace
//! == reply[finish] part              what is answered to each prompt that contains the part (`\n` is a line end) and no earlier one
//! == never part                      a prompt with this part fails the run
//! == run workflow --file … "…"       as on the command line; may be given again
//! == expect                          what is told, and the files that changed
//! ```

use std::fmt::Write;

pub struct Suite {
    /// Before the first case.
    preamble: String,
    pub cases: Vec<Case>,
}

pub struct Case {
    pub title: String,
    about: String,
    pub sections: Vec<Section>,
}

/// What stands under one heading.
#[derive(Clone, Debug)]
pub struct Section {
    pub word: String,
    /// Between brackets after the word.
    pub flags: Vec<String>,
    pub argument: String,
    /// Without the blank lines at its end.
    pub body: String,
}

impl Suite {
    pub fn parse(text: &str) -> Self {
        let mut parts = format!("\n{text}");
        parts.push('\n');
        let mut parts = parts.split("\n==== ");
        let preamble = parts.next().unwrap_or_default().trim().to_owned();
        Self { preamble, cases: parts.map(Case::parse).collect() }
    }

    pub fn render(&self) -> String {
        let mut out = format!("{}\n", self.preamble);
        for case in &self.cases {
            let _ = write!(out, "\n==== {}\n", case.title);
            if !case.about.is_empty() {
                let _ = writeln!(out, "{}", case.about);
            }
            for section in &case.sections {
                out.push_str(&section.render());
            }
        }
        out
    }
}

impl Case {
    fn parse(text: &str) -> Self {
        let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
        let rest = format!("\n{rest}");
        let mut parts = rest.split("\n== ");
        let about = parts.next().unwrap_or_default().trim().to_owned();
        let sections: Vec<_> = parts.map(Section::parse).collect();
        assert!(sections.iter().any(|section| section.word == "run"), "`{title}` runs something");
        Self { title: title.to_owned(), about, sections }
    }

    pub fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.word == word)
    }

    /// Puts one text after each run.
    pub fn set_expected(&mut self, texts: Vec<String>) {
        self.sections.retain(|section| section.word != "expect");
        let mut texts = texts.into_iter();
        let mut sections = Vec::new();
        for section in self.sections.drain(..) {
            let is_run = section.word == "run";
            sections.push(section);
            if is_run {
                let body = texts.next().expect("one text a run").trim_end().to_owned();
                sections.push(Section { word: "expect".into(), flags: vec![], argument: String::new(), body });
            }
        }
        self.sections = sections;
    }
}

impl Section {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let (word, argument) = head.split_once(' ').unwrap_or((head, ""));
        let (word, flags) = word.split_once('[').unwrap_or((word, ""));
        let flags = flags.trim_end_matches(']').split(',').filter(|flag| !flag.is_empty()).map(str::to_owned);
        let known = ["file", "user", "config", "reply", "never", "run", "expect"];
        assert!(known.contains(&word), "a section `{word}`");
        Self {
            word: word.to_owned(),
            flags: flags.collect(),
            argument: argument.to_owned(),
            body: body.trim_end().to_owned(),
        }
    }

    fn render(&self) -> String {
        let flags = if self.flags.is_empty() { String::new() } else { format!("[{}]", self.flags.join(",")) };
        let head = format!("== {}{flags} {}", self.word, self.argument);
        let body = if self.body.is_empty() { String::new() } else { format!("{}\n", self.body) };
        format!("\n{}\n{body}", head.trim_end())
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    /// The content of a file section.
    pub fn content(&self) -> String {
        let mut text = self.body.clone();
        if !self.is("bare") && !text.is_empty() {
            text.push('\n');
        }
        if self.is("crlf") {
            text = text.replace('\n', "\r\n");
        }
        if self.is("bom") { format!("\u{feff}{text}") } else { text }
    }

    /// The argument's words; quotes hold several together.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        for c in self.argument.chars() {
            match c {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                c if c.is_whitespace() && !quoted => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }
}
