//! Where do tests for a file go? Pure over a listing of the workspace; knows no disk, and no model to ask when it
//! doesn't know.
//!
//! The first answer wins: an open test file, an existing one, what the nearest tests have in common, what a manifest
//! says, and at last the language's convention.

mod convention;
mod framework;
mod language;
mod listing;
mod majority;
mod rust;

use language::{Home, Language};
use listing::{Listing, folder_of};

/// Where tests go, and in which style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Workspace-relative, with `/`.
    pub path: String,
    /// Whether the tests go into the source itself, next to what they test.
    pub inline: bool,
    /// The test framework, under the name by which a model knows it.
    pub framework: Option<String>,
    /// The nearest other test file, as the style to follow.
    pub example: Option<String>,
    pub exists: bool,
}

/// The place of the tests for `source`, or `None` when nothing speaks for any.
///
/// All paths are workspace-relative with `/`. `files` is the listing of the workspace, `open` the open files, and
/// `manifests` gives the text of a file such as `Cargo.toml`. A test file's tests go into itself.
pub fn place(
    source: &str,
    files: &[String],
    manifests: &dyn Fn(&str) -> Option<String>,
    open: &[String],
    source_text: &str,
) -> Option<Placement> {
    let language = language::of(source, files)?;
    let listing = Listing::new(language, source, files, open);
    let context = Context { language, source, source_text, listing: &listing, open, manifests };
    let Found { path, inline } = context.find()?;
    Some(Placement {
        exists: listing.contains(&path),
        framework: framework::of(&context),
        example: if inline { None } else { listing.nearest_test(&path) },
        inline,
        path,
    })
}

/// The place that a setting names, with `{name}`, `{stem}`, `{ext}` and `{dir}` of the source filled in. What is known besides is
/// as [`place`] found it, if it found anything.
pub fn by_pattern(pattern: &str, source: &str, files: &[String], found: Option<Placement>) -> Placement {
    let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let values = [("{name}", name), ("{stem}", stem), ("{ext}", extension), ("{dir}", folder)];
    let path = values.iter().fold(pattern.to_owned(), |path, (variable, value)| path.replace(variable, value));
    let path = path.trim_start_matches('/').to_owned();
    let exists = files.contains(&path);
    let (framework, example) = found.map(|found| (found.framework, found.example)).unwrap_or_default();
    Placement { path, inline: false, framework, example, exists }
}

/// What the stages work with.
struct Context<'a> {
    language: &'static Language,
    source: &'a str,
    source_text: &'a str,
    listing: &'a Listing<'a>,
    open: &'a [String],
    manifests: &'a dyn Fn(&str) -> Option<String>,
}

struct Found {
    path: String,
    inline: bool,
}

impl Context<'_> {
    fn find(&self) -> Option<Found> {
        let beside = |path: String| Found { path, inline: false };
        if self.language.home == Home::Crate {
            return rust::find(self);
        }
        if self.listing.is_test(self.source) {
            return Some(beside(self.source.into()));
        }
        let path = match self.existing() {
            Some(path) => path.to_string(),
            None => {
                let guess = majority::guess(self);
                let folder = guess.folder.unwrap_or_else(|| convention::folder(self));
                let name = guess.name.unwrap_or_else(|| convention::name(self));
                self.fresh(&folder, name)?
            }
        };
        // Whatever the tables say: the file under test is never taken for its own test file.
        (path != self.source).then(|| beside(path))
    }

    /// The test file that the source has already; an open one comes first.
    fn existing(&self) -> Option<&str> {
        let tests = self.listing.tests_of(self.source);
        let opened = tests.iter().find(|path| self.open.iter().any(|open| open == *path));
        opened.or(tests.first()).copied()
    }

    /// A path in `folder` that doesn't exist yet: what exists there belongs to another source of the same name.
    fn fresh(&self, folder: &str, name: &str) -> Option<String> {
        let stem = self.language.stem_of_source(self.source);
        let extension = self.language.extension_for(self.source, self.listing);
        let parent = listing::core(folder_of(self.source)).pop();
        let longer = parent.map(|parent| format!("{parent}_{stem}"));
        let stems = std::iter::once(stem.to_string()).chain(longer);
        let mut paths = stems.map(|stem| listing::join(folder, &format!("{}.{extension}", name.replace("{}", &stem))));
        paths.find(|path| !self.listing.contains(path))
    }

    /// The first answer of `accept` on a manifest called one of `names`, from the source's folder upwards; it gets the
    /// manifest's folder and text.
    fn manifest<T>(&self, names: &[&str], accept: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
        for folder in listing::ancestors(folder_of(self.source)) {
            for name in names {
                let text = (self.manifests)(&listing::join(folder, name));
                if let Some(answer) = text.and_then(|text| accept(folder, &text)) {
                    return Some(answer);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
