//! Puts together what a run needs, from the user's configuration and the workspace's folders. The same for every front end.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    check::CheckCommand,
    config::{self, Layer, Loaded, Places, Problem, Settings, Source, folders, trust},
    document::reference::Roots,
    engine::ports::Checker,
    files::Files,
    workflow::catalog::{self, Catalog},
};

/// Where workspaces keep what belongs to us.
const WORKSPACE_FOLDER: &str = ".stepwright";
/// A workflow file is a page of text; what is larger is something else.
const MAX_WORKFLOW_BYTES: u64 = 1024 * 1024;

/// Everything that was found.
#[derive(Clone)]
pub struct Setup {
    pub settings: Arc<Settings>,
    pub catalog: Arc<Catalog>,
    pub files: Arc<Files>,
    /// The check command, where the user trusts it.
    pub checker: Option<Arc<dyn Checker>>,
    /// Mistakes in configuration files, and files that couldn't be read.
    pub problems: Vec<(Source, Problem)>,
}

/// Reads configuration, workflows and trust for these folders, of which the first is the workspace's own.
///
/// `config` is the file that the command line names; `editor` the editor's settings.
pub fn read(config: Option<&Path>, editor: Option<serde_json::Value>, folders: &[PathBuf]) -> Setup {
    let environment = |name: &str| std::env::var_os(name);
    let root = folders.first().map(PathBuf::as_path);
    let Loaded { settings, mut problems } = config::read(&Places { config, environment: &environment, editor, root });
    let state = state_folder();

    let user_workflows = folders::config_folder(&environment).map(|folder| folder.join("workflows"));
    let mut sources = user_workflows.map(|folder| workflows(&folder, &mut problems)).unwrap_or_default();
    let own =
        root.map(|root| workflows(&root.join(WORKSPACE_FOLDER).join("workflows"), &mut problems)).unwrap_or_default();
    let listed = root.is_some_and(|root| trust::is_listed(&settings.trust, root));
    let trusted =
        listed || root.is_some_and(|root| is_approved(root, &settings, &own, state.as_deref(), &mut problems));
    let mut checker: Option<Arc<dyn Checker>> = None;
    if let Some(root) = root {
        let approved = trusted && (listed || !is_editors(&settings));
        if !approved {
            problems.extend(untrusted(root, &settings, if trusted { &[] } else { &own }));
        } else if let Some(check) = CheckCommand::new(&settings, root, state.as_deref()) {
            checker = Some(Arc::new(check));
        }
    }
    if trusted {
        sources.extend(own);
    }

    let forbidden = state.into_iter().collect();
    let files =
        Files::new(Roots::new(folders.iter().cloned()), forbidden, settings.ignore.clone(), settings.tests.clone());
    let files = Arc::new(files);
    Setup { settings: Arc::new(settings), catalog: Arc::new(Catalog::new(sources)), files, checker, problems }
}

/// Whether a file is a configuration or a workflow of ours, the user's or a workspace's. `config` is as for [`read`].
pub fn is_ours(path: &Path, config: Option<&Path>, folders: &[PathBuf]) -> bool {
    let environment = |name: &str| std::env::var_os(name);
    let named = config.map(Path::to_owned).or_else(|| environment("STEPWRIGHT_CONFIG").map(PathBuf::from));
    let own = folders::config_folder(&environment).into_iter();
    let mut places = own.chain(folders.iter().map(|root| root.join(WORKSPACE_FOLDER)));
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    named.is_some_and(|named| named == path) || is_toml && places.any(|place| path.starts_with(place))
}

/// The folder of what we keep; `None` when there is no home folder.
pub fn state_folder() -> Option<PathBuf> {
    folders::state_folder(&|name: &str| -> Option<OsString> { std::env::var_os(name) })
}

/// How the history names a workspace: by its first folder, whatever links lead there; all windows without a folder are one.
pub fn workspace_key(folders: &[PathBuf]) -> String {
    let Some(root) = folders.first() else { return String::new() };
    root.canonicalize().unwrap_or_else(|_| root.clone()).display().to_string()
}

/// Trusts a workspace as it is now; returns what was approved, in words.
pub fn trust(root: &Path) -> io::Result<Vec<String>> {
    let (settings, workflows) = approvable(root);
    trust_list()?.grant(root, &content(&settings, &workflows))?;
    let check = settings.check.iter().map(|check| format!("check command: {}", check.command.join(" ")));
    Ok(check.chain(workflows.iter().map(|workflow| format!("workflow: {}", workflow.path))).collect())
}

pub fn revoke(root: &Path) -> io::Result<()> {
    trust_list()?.revoke(root)
}

fn trust_list() -> io::Result<trust::Trust> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no home folder; set XDG_STATE_HOME");
    Ok(trust::Trust::load(&state_folder().ok_or_else(missing)?).0)
}

/// What in a workspace runs only with the user's trust.
fn approvable(root: &Path) -> (Settings, Vec<catalog::Source>) {
    let environment = |name: &str| std::env::var_os(name);
    let loaded = config::read(&Places { config: None, environment: &environment, editor: None, root: Some(root) });
    let workflows = workflows(&root.join(WORKSPACE_FOLDER).join("workflows"), &mut Vec::new());
    (loaded.settings, workflows)
}

/// Whether the user approved of exactly these contents.
fn is_approved(
    root: &Path,
    settings: &Settings,
    workflows: &[catalog::Source],
    state: Option<&Path>,
    problems: &mut Vec<(Source, Problem)>,
) -> bool {
    let Some(state) = state else { return false };
    let (trust, found) = trust::Trust::load(state);
    problems.extend(found.into_iter().map(|problem| (Source::File(state.to_owned()), problem)));
    trust.is_trusted(root, &content(settings, workflows))
}

/// What trust in a workspace is bound to. The editor's settings aren't part of it: who approves doesn't see them.
fn content(settings: &Settings, workflows: &[catalog::Source]) -> trust::Content {
    let workflows: Vec<_> = workflows.iter().map(|source| (source.id.clone(), source.text.clone())).collect();
    trust::Content::of(settings.check.as_ref().filter(|_| !is_editors(settings)), &workflows)
}

/// Whether the check command stands in the editor's settings, into which editors merge files of the workspace.
fn is_editors(settings: &Settings) -> bool {
    settings.check.as_ref().is_some_and(|check| check.source == Layer::Editor)
}

/// Says what isn't used before the user trusts it, and how that is done; `None` where there is nothing to trust.
fn untrusted(root: &Path, settings: &Settings, workflows: &[catalog::Source]) -> Option<(Source, Problem)> {
    let config = root.join(WORKSPACE_FOLDER).join("config.toml");
    let problem = |source: Source, message: String| Some((source, Problem { line: None, message }));
    let what = match (workflows.first(), &settings.check) {
        (None, None) => return None,
        (None, Some(_)) if is_editors(settings) => {
            let message = "the check command in the editor's settings isn't run, since a workspace can write there: put it into \
                           your own configuration file or the workspace's, then run `stepwright trust`";
            return problem(Source::Editor, message.to_owned());
        }
        (Some(_), None) => "this workspace's workflows aren't offered",
        (None, Some(_)) => "the check command isn't run in this workspace",
        (Some(_), Some(_)) => "this workspace's workflows aren't offered, and the check command isn't run,",
    };
    let place = workflows.first().map_or(config, |workflow| workflow.path.clone().into());
    problem(Source::File(place), format!("{what} until you trust it: look at what it has, then run `stepwright trust`"))
}

fn workflows(folder: &Path, problems: &mut Vec<(Source, Problem)>) -> Vec<catalog::Source> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        let bytes = crate::document::disk::read_file(&path, MAX_WORKFLOW_BYTES);
        let text = match bytes {
            Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| "it isn't UTF-8".to_owned()),
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        match text {
            Ok(text) => sources.push(catalog::Source { id, path: path.display().to_string(), text }),
            Err(cause) => {
                let message = format!("failed to read `{}`: {cause}", path.display());
                problems.push((Source::File(path), Problem { line: None, message }));
            }
        }
    }
    sources
}

/// Logs where a panic happened, and nothing else: what it says may hold the user's text, or a key.
pub fn hide_what_panics_say() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!("a fault in stepwright at {place}; please report it");
    }));
}
