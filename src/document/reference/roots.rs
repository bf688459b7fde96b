//! The workspace folders, and the names that files have in them. Purely lexical: the disk isn't asked.

use std::path::{Component, Path, PathBuf};

use crate::document::{FileRef, Place};

/// The workspace folders in the user's order, without duplicates.
///
/// With one folder a file's name is its path relative to it. With several the name begins with the folder's own name,
/// so that two `src/lib.rs` stay apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    folders: Vec<PathBuf>,
    names: Vec<String>,
}

impl Roots {
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Roots {
        let mut roots = Roots::default();
        for folder in folders {
            let folder = normalize(&folder);
            if roots.folders.contains(&folder) {
                continue;
            }
            let name = roots.free_name(&folder);
            roots.folders.push(folder);
            roots.names.push(name);
        }
        roots
    }

    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// One name a folder, all different: the folder's own, numbered when it is taken.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The innermost folder that holds `path`, by its index, and the path relative to it.
    pub fn holding(&self, path: &Path) -> Option<(usize, PathBuf)> {
        let path = normalize(path);
        let root = innermost(&self.folders, &path)?;
        let inside = path.strip_prefix(&self.folders[root]).ok()?;
        Some((root, inside.to_path_buf()))
    }

    /// Undoes [`file_ref`]'s naming: the folder that `name` speaks of, by its index, and the rest of the name.
    pub fn split<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        if let [_] = self.folders[..] {
            return Some((0, name));
        }
        let (first, rest) = name.trim_start_matches("./").split_once('/')?;
        let root = self.names.iter().position(|name| name == first)?;
        Some((root, rest))
    }

    fn free_name(&self, folder: &Path) -> String {
        let own = folder.file_name().map_or("root".into(), |name| name.to_string_lossy());
        let numbered = (2..).map(|number| format!("{own}-{number}"));
        let mut candidates = std::iter::once(own.to_string()).chain(numbered);
        candidates.find(|name| !self.names.contains(name)).unwrap_or_default()
    }
}

/// The name and the place of a file, wherever it is.
pub fn file_ref(roots: &Roots, path: &Path) -> FileRef {
    let path = normalize(path);
    let name = match roots.holding(&path) {
        Some((root, inside)) => {
            let inside = slashes(&inside);
            match (roots.folders.len(), inside.is_empty()) {
                (1, true) => ".".into(),
                (1, false) => inside,
                (_, true) => roots.names[root].clone(),
                (_, false) => format!("{}/{inside}", roots.names[root]),
            }
        }
        None => slashes(&path),
    };
    FileRef { name, place: Place::Disk(path) }
}

/// The index of the longest of `folders` that `path` lies in, compared part by part: `/w` doesn't hold `/w-evil`.
pub fn innermost(folders: &[PathBuf], path: &Path) -> Option<usize> {
    let holding = folders.iter().enumerate().filter(|(_, folder)| path.starts_with(folder));
    holding.max_by_key(|(_, folder)| folder.components().count()).map(|(index, _)| index)
}

/// Removes `.` and resolves `..` without asking the disk. `..` at the top stays at the top of an absolute path.
pub fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                Some(_) | None => normal.push(".."),
            },
            component => normal.push(component),
        }
    }
    normal
}

fn slashes(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(folders: &[&str]) -> Roots {
        Roots::new(folders.iter().map(PathBuf::from))
    }

    #[test]
    fn a_file_is_named_after_its_innermost_folder() {
        for (folders, path, name) in [
            (&["/w"][..], "/w/src/a.rs", "src/a.rs"),
            (&["/w"], "/w/./src/../b.rs", "b.rs"),
            (&["/w/"], "/w/b.rs", "b.rs"),
            (&["/w"], "/w-evil/b.rs", "/w-evil/b.rs"),
            (&["/w"], "/w/../etc/passwd", "/etc/passwd"),
            (&["/w"], "/w", "."),
            (&[], "/w/b.rs", "/w/b.rs"),
            (&["/x/api", "/x/web"], "/x/web/src/b.rs", "web/src/b.rs"),
            (&["/x/api", "/x/web"], "/x/api", "api"),
            (&["/x/app", "/y/app"], "/y/app/b.rs", "app-2/b.rs"),
            (&["/x/app", "/x/app/sub"], "/x/app/sub/b.rs", "sub/b.rs"),
            (&["/x/app", "/x/app"], "/x/app/b.rs", "b.rs"),
            (&["/"], "/b.rs", "b.rs"),
            (&["/w"], "/w/雪 1.md", "雪 1.md"),
        ] {
            let roots = roots(folders);
            let file = file_ref(&roots, Path::new(path));
            assert_eq!(file.name, name, "{path} in {folders:?}");
            if let Some((root, rest)) = roots.split(name).filter(|_| !name.starts_with('/')) {
                let back = Place::Disk(normalize(&roots.folders()[root].join(rest)));
                assert_eq!(back, file.place, "{name} leads back");
            }
        }
    }

    #[test]
    fn with_several_folders_a_name_without_a_folder_is_nobodys() {
        let roots = roots(&["/x/api", "/x/web"]);
        assert_eq!(roots.split("src/a.rs"), None);
        assert_eq!(roots.split("./web/a.rs"), Some((1, "a.rs")));
    }
}
