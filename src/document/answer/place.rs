//! Where given lines stand in a file: exactly as they are, then without regard to blanks at the ends of lines, then with all of them
//! shifted by the same indent. What stands in two places has no place.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use memchr::memmem;

use super::block::{Fault, Lines};

/// Lines that are there so often, indents aside, tell no place.
const MAX_PLACES: usize = 1000;
/// A line that is there more often says little about where its neighbours are.
const OFTEN: usize = 64;
/// Shown before and after the lines that were likely meant, and of them at most.
const MARGIN_LINES: usize = 3;
const SHOWN_LINES: usize = 60;
/// How alike two lines are, from 0 to 1, before one is taken for the other with a mistake in it.
const ALIKE: f64 = 0.6;
/// Longer lines, and lines beyond so many, aren't compared letter by letter.
const COMPARED_BYTES: usize = 400;
const COMPARED_LINES: usize = 20_000;
/// Shorter lines, `}` and the like, are alike by chance.
const TELLING_LETTERS: usize = 3;

/// A file's lines, ready to be searched.
pub(super) struct File<'a> {
    pub lines: Vec<&'a str>,
    pub ends_with_newline: bool,
    /// The lines without blanks at their ends, each after a line end, with one more at the end.
    trimmed: String,
    /// Where each of them starts.
    starts: Vec<usize>,
}

/// Where lines were found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub start: usize,
    pub shift: Shift,
}

/// By what the file's lines are indented differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    None,
    More(String),
    Less(String),
}

impl Shift {
    /// Moves a line to the file's indent; `None` for a line that can't be moved so far.
    pub fn apply(&self, line: &str) -> Option<String> {
        match self {
            _ if line.trim().is_empty() => Some(line.to_owned()),
            Self::None => Some(line.to_owned()),
            Self::More(indent) => Some(format!("{indent}{line}")),
            Self::Less(indent) => line.strip_prefix(indent.as_str()).map(str::to_owned),
        }
    }

    /// What shifts `wanted` to `found`, of which each line has the same text.
    fn between(found: &[&str], wanted: &[&str]) -> Option<Shift> {
        let mut shift = None;
        for (found, wanted) in found.iter().zip(wanted).filter(|(found, _)| !found.trim().is_empty()) {
            let (found, wanted) = (indent(found), indent(wanted));
            let this = match (found.strip_suffix(wanted), wanted.strip_suffix(found)) {
                (Some(""), _) => Shift::None,
                (Some(more), _) => Shift::More(more.to_owned()),
                (None, Some(less)) => Shift::Less(less.to_owned()),
                (None, None) => return None,
            };
            if *shift.get_or_insert_with(|| this.clone()) != this {
                return None;
            }
        }
        shift
    }
}

impl<'a> File<'a> {
    pub fn new(text: &'a str) -> File<'a> {
        let ends_with_newline = text.ends_with('\n');
        let lines: Vec<_> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
        let mut trimmed = String::from("\n");
        let mut starts = Vec::with_capacity(lines.len());
        for line in &lines {
            starts.push(trimmed.len());
            trimmed.extend([line.trim(), "\n"]);
        }
        File { lines, ends_with_newline, trimmed, starts }
    }

    /// The only place of these lines.
    pub fn place(&self, wanted: &[&str]) -> Result<Place, Fault> {
        if is_blank(wanted) {
            return Err(Fault::EmptySearch);
        }
        let starts = self.alike(wanted);
        if starts.len() > MAX_PLACES {
            return Err(Fault::Repeated(starts.len()));
        }
        let found = |start: usize| &self.lines[start..start + wanted.len()];
        let same_ends = |start: usize| found(start).iter().zip(wanted).all(|(a, b)| a.trim_end() == b.trim_end());
        let unshifted = |start: usize| Place { start, shift: Shift::None };
        let exactly: Vec<_> = starts.iter().filter(|at| found(**at) == wanted).map(|at| unshifted(*at)).collect();
        let nearly: Vec<_> = starts.iter().filter(|at| same_ends(**at)).map(|at| unshifted(*at)).collect();
        let shifted = |start: &usize| Shift::between(found(*start), wanted).map(|shift| Place { start: *start, shift });
        let shifted: Vec<_> = starts.iter().filter_map(shifted).collect();
        let places = [exactly, nearly, shifted].into_iter().find(|places| !places.is_empty()).unwrap_or_default();
        let count = places.len();
        match (places.into_iter().next(), count) {
            (None, _) => Err(Fault::NotFound(self.nearest(wanted))),
            (Some(place), 1) => Ok(place),
            (Some(_), _) => Err(Fault::Repeated(count)),
        }
    }

    /// Where lines of the same text are, whatever blanks they begin and end with.
    fn alike(&self, wanted: &[&str]) -> Vec<usize> {
        let mut needle = String::from("\n");
        wanted.iter().for_each(|line| needle.extend([line.trim(), "\n"]));
        let finder = memmem::Finder::new(&needle);
        let mut starts = Vec::new();
        let mut from = 0;
        while let Some(found) = finder.find(&self.trimmed.as_bytes()[from..]) {
            // The needle begins with the line end before the first line.
            from += found + 1;
            starts.extend(self.starts.binary_search(&from).ok());
            if starts.len() > MAX_PLACES {
                break;
            }
        }
        starts
    }

    /// The lines that were likely meant: where most of the wanted ones are, else where one is that is much like them.
    fn nearest(&self, wanted: &[&str]) -> Option<Lines> {
        let mut offsets: HashMap<&str, Vec<usize>> = HashMap::new();
        for (offset, line) in wanted.iter().enumerate().filter(|(_, line)| is_telling(line)) {
            offsets.entry(line.trim()).or_default().push(offset);
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        for (at, line) in self.lines.iter().enumerate() {
            let Some(offsets) = offsets.get(line.trim()) else { continue };
            let count = seen.entry(line.trim()).or_default();
            *count += 1;
            if *count <= OFTEN {
                offsets
                    .iter()
                    .take(OFTEN)
                    .for_each(|offset| *votes.entry(at.saturating_sub(*offset)).or_default() += 1);
            }
        }
        let most = votes.into_iter().max_by_key(|(start, votes)| (*votes, Reverse(*start))).map(|(start, _)| start);
        most.or_else(|| self.most_alike(wanted)).map(|start| self.around(start, wanted.len()))
    }

    fn most_alike(&self, wanted: &[&str]) -> Option<usize> {
        let compared = |line: &&str| is_telling(line) && line.len() <= COMPARED_BYTES;
        let longest = wanted.iter().enumerate().filter(|(_, line)| compared(line)).max_by_key(|(_, line)| line.len());
        let (offset, line) = longest?;
        let lines = self.lines.iter().enumerate().take(COMPARED_LINES).filter(|(_, line)| compared(line));
        let scored = lines.map(|(at, other)| (strsim::sorensen_dice(line.trim(), other.trim()), at));
        let (_, at) = scored.filter(|(score, _)| *score >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        Some(at.saturating_sub(offset))
    }

    /// These lines, with some around them.
    pub fn around(&self, start: usize, count: usize) -> Lines {
        let first = start.saturating_sub(MARGIN_LINES);
        let end = start.saturating_add(count.min(SHOWN_LINES) + MARGIN_LINES).min(self.lines.len());
        Lines { number: start + 1, text: self.lines[first..end].join("\n") }
    }
}

/// Whether there is nothing to look for.
pub(super) fn is_blank(lines: &[&str]) -> bool {
    lines.iter().all(|line| line.trim().is_empty())
}

fn is_telling(line: &str) -> bool {
    line.chars().filter(|c| c.is_alphanumeric()).count() >= TELLING_LETTERS
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
