//! "Did you mean": the existing file whose name is nearest to one that doesn't exist. Only names that may be sent.

use super::{Ignore, Roots, Verdict, file_ref, glob::walk};

/// Files and folders that are looked at for a suggestion.
const MAX_WALKED_ENTRIES: usize = 5000;

/// Below this likeness (0 to 1) a suggestion confuses more than it helps.
const MIN_LIKENESS: f64 = 0.6;

/// What the same file name in another folder is worth: more than any similar name.
const SAME_FILE_NAME: f64 = 2.0;

/// The name of the file that `wanted` most likely means.
pub fn nearest(roots: &Roots, wanted: &str, ignore: &Ignore) -> Option<String> {
    let mut best: Option<(f64, String)> = None;
    for root in roots.folders() {
        walk(root, ignore, MAX_WALKED_ENTRIES, &mut |path, verdict| {
            let name = file_ref(roots, path).name;
            let likeness = likeness(wanted, &name);
            let is_better = best.as_ref().is_none_or(|(known, _)| likeness > *known);
            if verdict == Verdict::Sent && likeness >= MIN_LIKENESS && is_better {
                best = Some((likeness, name));
            }
            true
        });
    }
    best.map(|(_, name)| name)
}

fn likeness(wanted: &str, name: &str) -> f64 {
    let file_name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let whole = strsim::normalized_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
    let last = strsim::normalized_levenshtein(&file_name(wanted), &file_name(name));
    // Of several files of the same name the one in the most similar folder wins.
    if last == 1.0 { SAME_FILE_NAME + whole } else { whole.max(last) }
}
