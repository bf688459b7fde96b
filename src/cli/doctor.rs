//! `stepwright doctor`: what is wrong with this installation, and what mends it. Shows no key and sends no prompt.

use std::{
    ffi::OsString,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Exit, Usage,
    output::{print, visible},
};
use crate::{
    config::{self, Places, Problem, Source, folders},
    model::health::{self, Finding},
    setup::{self, Setup},
};

/// How an SQLite database begins.
const DATABASE_HEADER: &[u8] = b"SQLite format 3\0";

pub async fn run(config: Option<&Path>, as_json: bool) -> Result<Exit, Usage> {
    let root = std::env::current_dir().map_err(|error| Usage(format!("failed to find the current folder: {error}")))?;
    let setup = setup::read(config, None, std::slice::from_ref(&root));
    let environment = |name: &str| std::env::var_os(name);
    let loaded = config::read(&Places { config, environment: &environment, editor: None, root: Some(&root) });
    let mut findings = configuration(config, &environment, &loaded.problems);
    let variable = |name: &str| std::env::var(name).ok();
    findings.extend(health::examine(&setup.settings, &variable).await);
    findings.extend(state(setup::state_folder().as_deref()));
    findings.push(trust(&setup, &loaded.problems));
    findings.extend(workflows(&setup));
    let healthy = findings.iter().all(Finding::is_good);
    print(&if as_json { to_json(&findings, healthy) } else { to_text(&findings) });
    Ok(if healthy { Exit::Finished } else { Exit::Failed })
}

fn configuration(
    config: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    problems: &[(Source, Problem)],
) -> Vec<Finding> {
    let name = "configuration";
    if !problems.is_empty() {
        let remedy = "correct it; `stepwright schema config` has all keys and what they take";
        let bad = |(source, problem): &(Source, Problem)| Finding::bad(name, format!("{source}: {problem}"), remedy);
        return problems.iter().map(bad).collect();
    }
    let named = || environment("STEPWRIGHT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || folders::config_folder(environment).map(|folder| folder.join("config.toml"));
    vec![match config.map(Path::to_owned).or_else(named).or_else(usual) {
        Some(path) if path.is_file() => Finding::good(name, path.display().to_string()),
        Some(path) => Finding::good(name, format!("none; it would be {}", path.display())),
        None => Finding::good(name, "none, and no home folder to keep one in"),
    }]
}

/// The folder of what we keep, and the history in it.
fn state(folder: Option<&Path>) -> Vec<Finding> {
    let (name, elsewhere) = ("state folder", "set `XDG_STATE_HOME` to a folder that is writable");
    let Some(folder) = folder else {
        return vec![Finding::bad(name, "there is no home folder, so no history is kept", elsewhere)];
    };
    let place = folder.display();
    // What a run does first.
    let written = fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    if let Err(error) = written {
        let detail = format!("{place} can't be written ({error}), so no history is kept");
        return vec![Finding::bad(name, detail, format!("make it writable, or {elsewhere}"))];
    }
    vec![Finding::good(name, format!("{place} is writable")), history(&folder.join("history.db"))]
}

fn history(path: &Path) -> Finding {
    let name = "history";
    let mut header = [0; DATABASE_HEADER.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let place = path.display();
    match read {
        Ok(()) if header == DATABASE_HEADER => Finding::good(name, place.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::good(name, "no run is kept yet"),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Finding::bad(name, format!("{place} can't be read ({error})"), "make it readable, or move it away")
        }
        // Also one of no bytes, which is how a database begins its life.
        Err(_) if fs::metadata(path).is_ok_and(|file| file.len() == 0) => Finding::good(name, "no run is kept yet"),
        Ok(()) | Err(_) => Finding::bad(name, format!("{place} is no database"), "move it away; a new one is begun"),
    }
}

/// `configuration`: the problems of configuration files, which aren't told twice.
fn trust(setup: &Setup, configuration: &[(Source, Problem)]) -> Finding {
    let name = "trust";
    let other = setup.problems.iter().find(|problem| !configuration.contains(problem));
    if let Some((source, problem)) = other {
        let (detail, remedy) =
            problem.message.rsplit_once(": ").unwrap_or((&problem.message, "run `stepwright trust`"));
        return Finding::bad(name, format!("{source}: {detail}"), remedy);
    }
    match (&setup.settings.check, &setup.checker) {
        (Some(check), Some(_)) => Finding::good(name, format!("`{}` may be run here", check.command.join(" "))),
        _ => Finding::good(name, "nothing in this folder needs it"),
    }
}

/// Workflow files with mistakes.
fn workflows(setup: &Setup) -> Vec<Finding> {
    let entries = setup.catalog.entries();
    let mistakes = entries.iter().filter_map(|entry| entry.problems.first().map(|problem| (entry, problem)));
    let bad = mistakes.map(|(entry, problem)| {
        let remedy = "correct that line; `stepwright schema workflow` has all keys and what they take";
        Finding::bad(format!("workflow {}", entry.id), format!("{}: {problem}", entry.source), remedy)
    });
    let bad: Vec<_> = bad.collect();
    match bad.is_empty() {
        true => vec![Finding::good("workflows", format!("{} can be run", entries.len()))],
        false => bad,
    }
}

fn to_json(findings: &[Finding], healthy: bool) -> String {
    let check = |finding: &Finding| json!({ "name": finding.name, "ok": finding.is_good(), "detail": finding.detail, "remedy": finding.remedy });
    let checks: Vec<_> = findings.iter().map(check).collect();
    format!("{}\n", json!({ "healthy": healthy, "checks": checks }))
}

fn to_text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { name, detail, remedy } in findings {
        let mark = if remedy.is_none() { "✓" } else { "✗" };
        text.push_str(&format!("{mark} {name:width$}  {detail}\n"));
        if let Some(remedy) = remedy {
            text.push_str(&format!("  {:width$}  → {remedy}\n", ""));
        }
    }
    let bad = findings.iter().filter(|finding| !finding.is_good()).count();
    text.push_str(&match bad {
        0 => "\nAll is well.\n".to_owned(),
        1 => "\n1 thing needs mending.\n".to_owned(),
        bad => format!("\n{bad} things need mending.\n"),
    });
    visible(&text)
}
