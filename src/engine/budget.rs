//! How much of a model's context window a prompt may take, and what is left out when it would take more. Pure; nothing is left out silently.

use super::ports::Facts;

/// Where nobody knows a model's context window, in tokens.
const USUAL_WINDOW: u64 = 32_768;
/// On this machine, where servers are started with little.
const LOCAL_WINDOW: u64 = 8192;
/// For what every server adds to a prompt, in tokens.
const OVERHEAD: u64 = 512;
/// Of documents that several requests have in common: of a prompt that can't hold all, at the most so much, in percent. The steps are few, so that
/// the requests of a batch, whose other parts differ in length, still begin alike.
const SHARED_PERCENT: [u64; 4] = [60, 30, 15, 0];
/// Of the part that is left for context, what a step's own documents get before the common ones, in percent.
const OWN_PERCENT: u64 = 40;
/// Of a document that is shortened: the share of its beginning, in percent.
const HEAD_PERCENT: usize = 60;

/// A document as it stands in a prompt, its tags in the first and the last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub name: String,
    pub shown: String,
}

/// A prompt's documents, as far as they fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitted {
    pub shared: String,
    pub own: String,
    pub left_out: Vec<LeftOut>,
}

/// What a document lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    pub name: String,
    pub lines: usize,
    pub of: usize,
}

/// What must be in the prompt is too long for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Tokens.
    pub needed: u64,
    /// Tokens.
    pub room: u64,
}

/// About how many tokens a text of so many bytes has.
pub fn tokens(bytes: u64, facts: &Facts) -> u64 {
    (bytes as f64 / facts.bytes_per_token).ceil() as u64
}

/// The context window, in tokens, as far as it is known.
pub fn window(facts: &Facts) -> u64 {
    facts.context_window.unwrap_or(if facts.is_local { LOCAL_WINDOW } else { USUAL_WINDOW })
}

/// Tokens that a prompt may have: what the answer, a margin for the estimate, and the overhead leave of the window.
pub fn room(facts: &Facts) -> u64 {
    let window = window(facts);
    let answer = facts.output_limit.or(facts.max_output).unwrap_or(window / 4).min(window / 2);
    window.saturating_sub(answer).saturating_sub(window / 20).saturating_sub(OVERHEAD)
}

/// The same model, if its window is large enough for so many tokens that must be there, and for as much context as usual.
pub fn with_room_for(needed: u64, facts: &Facts) -> Facts {
    let grown = room(facts).saturating_add(needed);
    // Where nothing is known of the answer, it and the margin take less than a third of a window.
    let window = grown.saturating_add(grown / 2).saturating_add(OVERHEAD * 2);
    Facts { context_window: Some(window), max_output: None, output_limit: None, ..facts.clone() }
}

/// Chooses how much of each document is shown. `fixed` is the length of all that must be there whole, in bytes. `side_by_side`: other requests
/// show the same shared documents at the same time.
pub fn fit(
    shared: &[Document],
    own: &[Document],
    fixed: usize,
    facts: &Facts,
    side_by_side: bool,
) -> Result<Fitted, TooLong> {
    let bytes = |tokens: u64| (tokens as f64 * facts.bytes_per_token) as u64;
    let room = bytes(room(facts));
    let Some(rest) = room.checked_sub(fixed as u64) else {
        return Err(TooLong { needed: tokens(fixed as u64, facts), room: tokens(room, facts) });
    };
    let total = |documents: &[Document]| documents.iter().map(|document| document.shown.len() as u64).sum::<u64>();
    let (all_shared, all_own) = (total(shared), total(own));
    if all_shared + all_own <= rest && (!side_by_side || leaves_room(shared, room)) {
        let (shared, own) = (join(shared), join(own));
        return Ok(Fitted { shared, own, left_out: Vec::new() });
    }
    let for_shared = rest - all_own.min(rest * OWN_PERCENT / 100);
    let agreed = if side_by_side { beside_usual_target(shared, room) } else { u64::MAX };
    let quotas = SHARED_PERCENT.iter().map(|percent| room * percent / 100).filter(|quota| *quota <= agreed);
    let quota = quotas.into_iter().find(|quota| all_shared.min(*quota) <= for_shared).unwrap_or(0);
    // What isn't side by side with anything needn't begin like anything else.
    let quota = if !side_by_side && all_shared <= for_shared { all_shared } else { quota };
    let mut left_out = Vec::new();
    let shared = shorten_all(shared, quota as usize, &mut left_out);
    let own = shorten_all(own, rest.saturating_sub(shared.len() as u64) as usize, &mut left_out);
    left_out.sort();
    let needed = fixed + shared.len() + own.len();
    // Even the tags and the notes of what is left out may be too many.
    if needed as u64 > room {
        return Err(TooLong { needed: tokens(needed as u64, facts), room: tokens(room, facts) });
    }
    Ok(Fitted { shared, own, left_out })
}

/// Whether the shared documents fit whole beside whatever a request of a batch adds. Depends on them alone, so that all requests agree.
fn leaves_room(shared: &[Document], room: u64) -> bool {
    let all = shared.iter().map(|document| document.shown.len() as u64).sum::<u64>();
    all <= room * SHARED_PERCENT[0] / 100 || all <= beside_usual_target(shared, room)
}

/// How much there is for shared documents beside one of them, which is what a request of a batch usually adds. A very long one is left to
/// itself: the others shouldn't do with less because of it.
fn beside_usual_target(shared: &[Document], room: u64) -> u64 {
    const USUAL_PERCENT: u64 = 40;
    const SAFE_PERCENT: u64 = 90;
    let sizes = shared.iter().map(|document| document.shown.len() as u64);
    let largest = sizes.filter(|size| *size <= room * USUAL_PERCENT / 100).max().unwrap_or_default();
    room * SAFE_PERCENT / 100 - largest
}

fn join(documents: &[Document]) -> String {
    documents.iter().map(|document| document.shown.as_str()).collect()
}

/// Gives each document the same share, and what short ones don't need to the longer ones.
fn shorten_all(documents: &[Document], quota: usize, left_out: &mut Vec<LeftOut>) -> String {
    let mut sizes: Vec<_> = documents.iter().map(|document| document.shown.len()).collect();
    sizes.sort_unstable();
    let (mut rest, mut share) = (quota, usize::MAX);
    for (i, size) in sizes.iter().enumerate() {
        let equal = rest / (sizes.len() - i);
        if *size > equal {
            share = equal;
            break;
        }
        rest -= size;
    }
    documents.iter().map(|document| shorten(document, share, left_out)).collect()
}

/// Leaves out lines in the middle, and says how many in their place.
fn shorten(document: &Document, most: usize, left_out: &mut Vec<LeftOut>) -> String {
    let Document { name, shown } = document;
    if shown.len() <= most {
        return shown.clone();
    }
    let lines: Vec<_> = shown.split_inclusive('\n').collect();
    let [first, inner @ .., last] = lines.as_slice() else { return shown.clone() };
    const NOTE: &str = "[… 12345 lines are left out here …]\n";
    let most = most.saturating_sub(first.len() + NOTE.len() + last.len());
    let fitting = |lines: &mut dyn Iterator<Item = &&str>, most: usize| {
        let mut bytes = 0;
        lines.take_while(|line| (bytes + line.len() <= most).then(|| bytes += line.len()).is_some()).count()
    };
    let head = fitting(&mut inner.iter(), most * HEAD_PERCENT / 100);
    let used: usize = inner[..head].iter().map(|line| line.len()).sum();
    let tail = fitting(&mut inner[head..].iter().rev(), most - used);
    let lines = inner.len() - head - tail;
    if lines == 0 {
        return shown.clone();
    }
    left_out.push(LeftOut { name: name.clone(), lines, of: inner.len() });
    let note = if lines == 1 {
        "[… 1 line is left out here …]\n".to_owned()
    } else {
        format!("[… {lines} lines are left out here …]\n")
    };
    let (beginning, end) = (inner[..head].concat(), inner[inner.len() - tail..].concat());
    format!("{first}{beginning}{note}{end}{last}")
}

#[cfg(test)]
mod tests;
