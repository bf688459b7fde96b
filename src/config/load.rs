//! Reads the layers and resolves them. [`load`] is pure; [`read`] collects the files for it.

use std::{
    ffi::OsString,
    fmt, fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;

use super::{
    Layer, Problem, Settings,
    check::check,
    folders,
    layer::Draft,
    options::{Options, RULES},
    tree::{self, Entry, Node, Tree},
};

/// A configuration file larger than this is something else, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// The section of editor settings that is ours.
const SECTION: &str = "stepwright";

/// The layers as texts, with the files they came from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub user: Option<(PathBuf, String)>,
    /// Bare, or under `stepwright`.
    pub editor: Option<serde_json::Value>,
    pub workspace: Option<(PathBuf, String)>,
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    File(PathBuf),
    Editor,
}

/// What was read. `problems` are in the order of the layers, then of the lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    pub settings: Settings,
    pub problems: Vec<(Source, Problem)>,
}

/// Where the layers are to be found.
pub struct Places<'a> {
    /// What `--config` names; wins over `STEPWRIGHT_CONFIG`.
    pub config: Option<&'a Path>,
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    pub editor: Option<serde_json::Value>,
    /// The workspace root.
    pub root: Option<&'a Path>,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(formatter, "{}", path.display()),
            Source::Editor => formatter.write_str("editor settings"),
        }
    }
}

/// Resolves layers, lowest first.
pub fn load(sources: &Sources) -> Loaded {
    let user_file = match &sources.user {
        Some((path, _)) => format!("your own `{}`", path.display()),
        None => "your own `config.toml` (`stepwright doctor` says where that is)".into(),
    };
    let mut draft = Draft::new(user_file);
    let mut problems = Vec::new();
    let file = |(path, text): &(PathBuf, String)| (Source::File(path.clone()), tree::from_toml(text));
    let layers = [
        (Layer::User, sources.user.as_ref().map(file)),
        (Layer::Editor, sources.editor.as_ref().map(|settings| (Source::Editor, section(settings)))),
        (Layer::Workspace, sources.workspace.as_ref().map(file)),
    ];
    for (layer, written) in layers {
        let Some((source, tree)) = written else { continue };
        let mut found = Vec::new();
        match tree {
            Ok(tree) => {
                let folder = match &source {
                    Source::File(path) => path.parent(),
                    Source::Editor => None,
                };
                resolve(&mut draft, &without_client_keys(tree, layer), layer, folder, &mut found);
            }
            Err(problem) => found.push(problem),
        }
        found.sort_by_key(|problem| problem.line);
        problems.extend(found.into_iter().map(|problem| (source.clone(), problem)));
    }
    Loaded { settings: draft.finish(), problems }
}

/// Finds the files, then loads. A missing file is fine unless somebody named it.
pub fn read(places: &Places) -> Loaded {
    let mut problems = Vec::new();
    let mut text = |path: PathBuf, named: bool| match read_text(&path) {
        Ok(text) => Some((path, text)),
        // As good as an empty one, and messages can say where it belongs.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Some((path, String::new())),
        Err(error) => {
            let message = format!("failed to read `{}`: {error}", path.display());
            problems.push((Source::File(path), Problem { line: None, message }));
            None
        }
    };
    let named = || (places.environment)("STEPWRIGHT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let user = match places.config.map(Path::to_owned).or_else(named) {
        Some(path) => text(path, true),
        None => folders::config_folder(places.environment).and_then(|folder| text(folder.join("config.toml"), false)),
    };
    let workspace = places.root.and_then(|root| text(root.join(".stepwright/config.toml"), false));
    let mut loaded = load(&Sources { user, editor: places.editor.clone(), workspace });
    problems.append(&mut loaded.problems);
    Loaded { settings: loaded.settings, problems }
}

fn resolve(draft: &mut Draft, tree: &Tree, layer: Layer, folder: Option<&Path>, problems: &mut Vec<Problem>) {
    let checked = check(tree, &RULES, layer == Layer::Editor, &|key| layer.may_set(key, draft.user_file()));
    problems.extend(checked.problems);
    match Options::deserialize(checked.value) {
        Ok(options) => draft.apply(options, layer, folder, &mut |path, message| {
            problems.push(Problem { line: checked.lines.get(path).copied(), message });
        }),
        // The schema and the types are one definition, so this would be a defect of ours; the user still gets to work.
        Err(error) => {
            problems.push(Problem { line: None, message: format!("failed to understand these settings: {error}") })
        }
    }
}

/// Our part of an editor's settings.
fn section(settings: &serde_json::Value) -> Result<Tree, Problem> {
    let ours = settings.get(SECTION).unwrap_or(settings);
    match ours {
        serde_json::Value::Object(_) | serde_json::Value::Null => Ok(tree::from_json(ours)),
        _ => Err(Problem { line: None, message: format!("the section `{SECTION}` takes an object of settings") }),
    }
}

fn without_client_keys(tree: Tree, layer: Layer) -> Tree {
    let ours = |entry: &Entry| !layer.skips(&super::check::kebab_case(&entry.key));
    match tree.node {
        Node::Table(entries) => Tree { line: tree.line, node: Node::Table(entries.into_iter().filter(ours).collect()) },
        _ => tree,
    }
}

/// Reads a regular file of a sane size. A pipe or a device would block or never end.
fn read_text(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("this is not a regular file"));
    }
    let mut text = String::new();
    let file = fs::File::open(path)?;
    let length = file.take(FILE_LIMIT + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => io::Error::other("it isn't UTF-8; save it as UTF-8"),
        _ => error,
    })?;
    if length as u64 > FILE_LIMIT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}
