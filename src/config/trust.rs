//! Which workspaces the user trusts, and with what content. Knows files; asks nobody and runs nothing.
//!
//! Invariant: whatever is wrong with the list, the answer is "not trusted". An approval holds for one canonical root and
//! one content: when a check command or a workflow of the workspace changes, the user is asked again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Check, Layer, Problem};

const FILE: &str = "trust.json";

/// Of the file's format. A file with another one is not ours to read.
const VERSION: u32 = 1;

/// A list larger than this is something else, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// The approvals, as they were when last read.
#[derive(Debug)]
pub struct Trust {
    folder: PathBuf,
    approved: BTreeMap<String, String>,
}

/// A fingerprint of all that an approval covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(String);

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// SHA-256 in hexadecimal by canonical root.
    workspaces: BTreeMap<String, String>,
}

impl Content {
    /// Of a workspace's check command and its workflow files, as name and text. What the user's own file says needs no
    /// approval, so a `check` from there isn't part of it.
    pub fn of(check: Option<&Check>, workflows: &[(String, String)]) -> Self {
        let command = check.filter(|check| check.source != Layer::User).map(|check| check.command.as_slice());
        let mut workflows: Vec<_> = workflows.iter().collect();
        workflows.sort();
        let mut context = digest::Context::new(&digest::SHA256);
        // Each text goes in with its length before it: no two contents may yield the same bytes.
        let mut add = |text: &str| {
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        };
        add("stepwright trust 1");
        add(&command.map_or(0, <[String]>::len).to_string());
        command.unwrap_or_default().iter().for_each(|argument| add(argument));
        for (name, text) in workflows {
            add(name);
            add(text);
        }
        let mut hexadecimal = String::new();
        for byte in context.finish().as_ref() {
            write!(hexadecimal, "{byte:02x}").expect("writing to a String can't fail");
        }
        Self(hexadecimal)
    }
}

impl Trust {
    /// Reads the list in the state folder. A missing one is empty; an unreadable one is empty too, with a problem.
    pub fn load(state_folder: &Path) -> (Self, Vec<Problem>) {
        let (approved, problem) = match read(&state_folder.join(FILE)) {
            Ok(file) => (file.workspaces, None),
            Err(error) => {
                let path = state_folder.join(FILE);
                let message = format!(
                    "failed to read `{}`, so no workspace is trusted: {error}; `stepwright trust` begins a new list",
                    path.display()
                );
                (BTreeMap::new(), Some(Problem { line: None, message }))
            }
        };
        (Self { folder: state_folder.to_owned(), approved }, problem.into_iter().collect())
    }

    /// Whether the user approved this content of this workspace.
    pub fn is_trusted(&self, root: &Path, content: &Content) -> bool {
        canonical(root).is_ok_and(|root| self.approved.get(&root).is_some_and(|approved| *approved == content.0))
    }

    /// Whether some content of this workspace was approved; with [`Self::is_trusted`] false, it has changed since.
    pub fn was_trusted(&self, root: &Path) -> bool {
        canonical(root).is_ok_and(|root| self.approved.contains_key(&root))
    }

    /// Approves what the workspace contains now.
    pub fn grant(&mut self, root: &Path, content: &Content) -> io::Result<()> {
        let root = canonical(root)?;
        self.change(|approved| {
            approved.insert(root, content.0.clone());
        })
    }

    /// Takes an approval back. The folder may be gone by now.
    pub fn revoke(&mut self, root: &Path) -> io::Result<()> {
        let root = canonical(root).or_else(|_| std::path::absolute(root).and_then(text))?;
        self.change(|approved| {
            approved.remove(&root);
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<String, String>)) -> io::Result<()> {
        let path = self.folder.join(FILE);
        // Another server may have written since. What can't be read is kept aside rather than lost.
        let mut approved = match read(&path) {
            Ok(file) => file.workspaces,
            Err(_) => {
                fs::rename(&path, self.folder.join(format!("{FILE}.unreadable")))?;
                BTreeMap::new()
            }
        };
        change(&mut approved);
        let file = File { version: VERSION, workspaces: approved };
        create_private(&self.folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(&self.folder)?;
        temporary.write_all(&serde_json::to_vec_pretty(&file)?)?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path)?;
        self.approved = file.workspaces;
        Ok(())
    }
}

/// Whether the user's own file trusts a workspace whatever it contains: it is one of `folders`, or below one.
pub fn is_listed(folders: &[PathBuf], root: &Path) -> bool {
    let Ok(root) = fs::canonicalize(root) else { return false };
    folders.iter().filter_map(|folder| fs::canonicalize(folder).ok()).any(|folder| root.starts_with(folder))
}

fn read(path: &Path) -> io::Result<File> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(File::default()),
        metadata => metadata?,
    };
    if !metadata.is_file() || metadata.len() > FILE_LIMIT {
        return Err(io::Error::other("it isn't a list of ours"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Whoever can write here decides what is run.
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(io::Error::other("others than you can write to it"));
        }
    }
    let file: File = serde_json::from_str(&fs::read_to_string(path)?)?;
    if file.version != VERSION {
        return Err(io::Error::other(format!("its version is {}, and this program reads {VERSION}", file.version)));
    }
    Ok(file)
}

fn canonical(root: &Path) -> io::Result<String> {
    fs::canonicalize(root).and_then(text)
}

/// Two paths that aren't text could look the same as text, so those are never trusted.
fn text(path: PathBuf) -> io::Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|_| io::Error::other("a folder whose name isn't UTF-8 can't be trusted"))
}

fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &[&str], source: Layer) -> Check {
        let command = command.iter().map(ToString::to_string).collect();
        Check { command, timeout: super::super::CHECK_TIMEOUT, source }
    }

    fn workflow(name: &str, text: &str) -> (String, String) {
        (name.into(), text.into())
    }

    #[test]
    fn different_contents_never_look_alike() {
        let contents = [
            Content::of(None, &[]),
            Content::of(Some(&check(&["ab"], Layer::Workspace)), &[]),
            Content::of(Some(&check(&["a", "b"], Layer::Workspace)), &[]),
            Content::of(Some(&check(&["", "ab"], Layer::Workspace)), &[]),
            Content::of(None, &[workflow("a", "b")]),
            Content::of(None, &[workflow("ab", "")]),
            Content::of(Some(&check(&["a"], Layer::Workspace)), &[workflow("b", "")]),
        ];
        for (at, one) in contents.iter().enumerate() {
            assert!(contents[at + 1..].iter().all(|other| one != other), "{at}");
        }
    }

    #[test]
    fn order_of_files_and_the_users_own_command_make_no_difference() {
        let [one, two] = [workflow("a", "1"), workflow("b", "2")];
        assert_eq!(Content::of(None, &[one.clone(), two.clone()]), Content::of(None, &[two, one]));
        assert_eq!(Content::of(Some(&check(&["x"], Layer::User)), &[]), Content::of(None, &[]));
        assert_ne!(Content::of(Some(&check(&["x"], Layer::Editor)), &[]), Content::of(None, &[]));
    }

    #[test]
    fn an_approval_holds_for_one_root_and_one_content() {
        let state = tempfile::tempdir().unwrap();
        let [root, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [old, new] = ["1", "2"].map(|text| Content::of(None, &[workflow("a", text)]));
        let (mut trust, problems) = Trust::load(&state.path().join("new"));
        assert!(problems.is_empty() && !trust.is_trusted(root.path(), &old));
        trust.grant(root.path(), &old).unwrap();

        let (mut trust, problems) = Trust::load(&state.path().join("new"));
        assert!(problems.is_empty(), "{problems:?}");
        assert!(trust.is_trusted(root.path(), &old));
        assert!(trust.is_trusted(&root.path().join("."), &old));
        assert!(!trust.is_trusted(root.path(), &new) && trust.was_trusted(root.path()));
        assert!(!trust.is_trusted(other.path(), &old) && !trust.was_trusted(other.path()));
        assert!(!trust.is_trusted(&root.path().join("gone"), &old));
        assert!(trust.grant(&root.path().join("gone"), &old).is_err());

        trust.revoke(root.path()).unwrap();
        assert!(!trust.is_trusted(root.path(), &old));
        assert!(!Trust::load(&state.path().join("new")).0.was_trusted(root.path()));
    }

    #[test]
    fn a_grant_keeps_what_another_server_granted() {
        let state = tempfile::tempdir().unwrap();
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let content = Content::of(None, &[]);
        let (mut first, _) = Trust::load(state.path());
        let (mut second, _) = Trust::load(state.path());
        first.grant(one.path(), &content).unwrap();
        second.grant(two.path(), &content).unwrap();
        assert!(second.is_trusted(one.path(), &content) && second.is_trusted(two.path(), &content));
    }

    #[test]
    fn a_broken_list_trusts_nobody_and_is_kept_aside() {
        let root = tempfile::tempdir().unwrap();
        let content = Content::of(None, &[]);
        let name = fs::canonicalize(root.path()).unwrap().display().to_string();
        let newer = format!(r#"{{"version":2,"workspaces":{{"{name}":"{}"}}}}"#, content.0);
        for text in ["", "{", "[]", "null", r#"{"version":1}"#, r#"{"version":1,"workspaces":{"/":1}}"#, &newer] {
            let state = tempfile::tempdir().unwrap();
            fs::write(state.path().join(FILE), text).unwrap();
            let (mut trust, problems) = Trust::load(state.path());
            assert!(problems.len() == 1 && !trust.is_trusted(root.path(), &content), "{text}");
            trust.grant(root.path(), &content).unwrap();
            assert!(Trust::load(state.path()).0.is_trusted(root.path(), &content), "{text}");
            assert_eq!(fs::read_to_string(state.path().join("trust.json.unreadable")).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_the_list_and_nobody_else_may_write_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let [state, root] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let folder = state.path().join("deep/stepwright");
        let content = Content::of(None, &[]);
        Trust::load(&folder).0.grant(root.path(), &content).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        fs::set_permissions(folder.join(FILE), fs::Permissions::from_mode(0o666)).unwrap();
        let (trust, problems) = Trust::load(&folder);
        assert!(problems.len() == 1 && !trust.is_trusted(root.path(), &content));
    }

    #[test]
    fn listed_folders_cover_what_is_below_them_by_components() {
        let base = tempfile::tempdir().unwrap();
        for name in ["w/project", "w-evil"] {
            fs::create_dir_all(base.path().join(name)).unwrap();
        }
        let listed = [base.path().join("w"), base.path().join("gone")];
        for (root, expected) in [("w", true), ("w/project", true), ("w-evil", false), ("gone", false), (".", false)] {
            assert_eq!(is_listed(&listed, &base.path().join(root)), expected, "{root}");
        }
    }
}
