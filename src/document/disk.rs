//! Reads and writes single files so that nothing is lost: regular files only, capped, compared before they are replaced.
//!
//! Doesn't decide whether a file may be read or written; see [`super::path`] and [`super::reference`].

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Larger documents get no workflow.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// How much of a file tells text from binary, as in git.
const SNIFFED_BYTES: u64 = 8000;

#[derive(Debug, Error)]
pub enum ReadError {
    #[error("failed to read `{}`: it is a folder", .0.display())]
    Folder(PathBuf),
    #[error("failed to read `{}`: it is a pipe, a device or a socket, not a file", .0.display())]
    Special(PathBuf),
    #[error("failed to read `{}`: it is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("failed to read `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

#[derive(Debug, Error)]
pub enum WriteError {
    #[error("failed to write `{}`: it has changed on disk since it was read; run the workflow again", .0.display())]
    Changed(PathBuf),
    #[error("failed to write `{}`: it was deleted since it was read; run the workflow again", .0.display())]
    Deleted(PathBuf),
    #[error("failed to create `{}`: it exists by now; run the workflow again", .0.display())]
    Exists(PathBuf),
    #[error("failed to write `{}`: it is a link by now, and links aren't followed", .0.display())]
    Link(PathBuf),
    #[error("failed to write `{}`: it is not a regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("failed to write `{}`: it is read-only; make it writable first", .0.display())]
    ReadOnly(PathBuf),
    #[error("failed to write `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The bytes of a regular file of at most `limit` bytes; `None` when there is no such file. Links are followed.
///
/// A pipe or a device is an error before it is opened, so that nothing hangs on it.
pub fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_path_buf(), source };
    let Some(file) = open_regular(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    // A file can grow while it is read, so the cap holds for what arrives, not for what the metadata says.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { path: path.to_path_buf(), limit });
    }
    Ok(Some(bytes))
}

/// Whether a regular file looks like text: no NUL near its start, unless a byte order mark says UTF-16.
pub fn is_text(path: &Path) -> Result<bool, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_path_buf(), source };
    let Some(file) = open_regular(path)? else { return Ok(true) };
    // What the kernel makes up on reading (`/proc`) has no size, and may block.
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(true);
    }
    let mut start = Vec::new();
    file.take(SNIFFED_BYTES).read_to_end(&mut start).map_err(failed)?;
    let is_utf16 = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    Ok(is_utf16 || !start.contains(&0))
}

/// Replaces the content of `path` in one step, or creates it, whatever interrupts us.
///
/// `expected` is what was read: the file is written only if it still holds exactly that; `None`: only if it is absent.
/// Missing parent folders are created, mode and owner are kept, links are refused.
pub fn write_atomically(path: &Path, bytes: &[u8], expected: Option<&[u8]>) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { path: path.to_path_buf(), source };
    let before = compare(path, expected)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if before.is_none() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".stepwright-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask takes its share of this, as with any program that creates a file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    if let Some(before) = &before {
        keep_attributes(file.as_file(), before).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;

    // Writing took time; what happened meanwhile is noticed here at the latest.
    compare(path, expected)?;
    match before {
        Some(_) => file.persist(path).map(drop).map_err(|error| failed(error.error))?,
        None => file.persist_noclobber(path).map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_path_buf()),
            _ => failed(error.error),
        })?,
    }
    sync_folder(folder);
    Ok(())
}

/// Removes a file that still is one of `texts`; one that is gone is as good. Links aren't followed.
pub fn remove_if(path: &Path, texts: &[String]) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { path: path.to_path_buf(), source };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(WriteError::NotAFile(path.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    }
    let is_known = |bytes: &[u8]| texts.iter().any(|text| text.as_bytes() == bytes);
    match read_file(path, MAX_FILE_BYTES) {
        Ok(None) => Ok(()),
        Ok(Some(bytes)) if is_known(&bytes) => {
            fs::remove_file(path).map_err(failed)?;
            sync_folder(path.parent().unwrap_or(Path::new(".")));
            Ok(())
        }
        Ok(Some(_)) | Err(_) => Err(WriteError::Changed(path.to_path_buf())),
    }
}

/// Checks that `path` is what the caller believes it to be; gives the metadata of an existing file.
fn compare(path: &Path, expected: Option<&[u8]>) -> Result<Option<Metadata>, WriteError> {
    let path_buf = || path.to_path_buf();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if expected.is_some() { Err(WriteError::Deleted(path_buf())) } else { Ok(None) };
        }
        Err(source) => return Err(WriteError::Io { path: path_buf(), source }),
    };
    if metadata.is_symlink() {
        return Err(WriteError::Link(path_buf()));
    }
    if !metadata.is_file() {
        return Err(WriteError::NotAFile(path_buf()));
    }
    let Some(expected) = expected else { return Err(WriteError::Exists(path_buf())) };
    if metadata.permissions().readonly() {
        return Err(WriteError::ReadOnly(path_buf()));
    }
    match read_file(path, expected.len() as u64) {
        Ok(Some(bytes)) if bytes == expected => Ok(Some(metadata)),
        Ok(Some(_)) | Err(ReadError::TooLarge { .. }) => Err(WriteError::Changed(path_buf())),
        Ok(None) => Err(WriteError::Deleted(path_buf())),
        Err(ReadError::Folder(_) | ReadError::Special(_)) => Err(WriteError::NotAFile(path_buf())),
        Err(ReadError::Io { source, .. }) => Err(WriteError::Io { path: path_buf(), source }),
    }
}

fn open_regular(path: &Path) -> Result<Option<File>, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_path_buf(), source };
    let is_missing = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let check = |metadata: &Metadata| match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Ok(()),
        (_, true) => Err(ReadError::Folder(path.to_path_buf())),
        _ => Err(ReadError::Special(path.to_path_buf())),
    };
    match fs::metadata(path) {
        Ok(metadata) => check(&metadata)?,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked again of what was really opened: the name may lead elsewhere by now.
    check(&file.metadata().map_err(failed)?)?;
    Ok(Some(file))
}

#[cfg(unix)]
fn keep_attributes(file: &File, before: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
        // Only a privileged user may give files away; for others the file becomes theirs, as with every editor.
        fchown(file, Some(before.uid()), Some(before.gid())).ok();
    }
    file.set_permissions(before.permissions())
}

#[cfg(not(unix))]
fn keep_attributes(file: &File, before: &Metadata) -> io::Result<()> {
    file.set_permissions(before.permissions())
}

/// Makes a rename durable. Where folders can't be synced the content is safe all the same, so errors don't matter.
fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        folder.sync_all().ok();
    }
}

#[cfg(test)]
mod tests;
