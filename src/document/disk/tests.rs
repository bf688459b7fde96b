//! Single files on a real disk.

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(unix)]
fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn reads_up_to_the_limit() {
    let folder = folder();
    let path = folder.path().join("a");
    fs::write(&path, "12345").unwrap();
    assert_eq!(read_file(&path, 5).unwrap().unwrap(), b"12345");
    assert!(matches!(read_file(&path, 4), Err(ReadError::TooLarge { limit: 4, .. })));
    assert!(read_file(&folder.path().join("absent"), 5).unwrap().is_none());
    assert!(read_file(&path.join("below-a-file"), 5).unwrap().is_none());
    assert!(matches!(read_file(folder.path(), 5), Err(ReadError::Folder(_))));
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_without_opening_them() {
    let folder = folder();
    let path = folder.path().join("pipe");
    pipe(&path);
    assert!(matches!(read_file(&path, 5), Err(ReadError::Special(_))));
    assert!(matches!(is_text(&path), Err(ReadError::Special(_))));
    assert!(matches!(read_file(Path::new("/dev/zero"), 5), Err(ReadError::Special(_))));
    assert!(matches!(write_atomically(&path, b"x", Some(b"")), Err(WriteError::NotAFile(_))));
    assert!(matches!(write_atomically(folder.path(), b"x", None), Err(WriteError::NotAFile(_))));
}

#[test]
fn text_is_told_from_binary() {
    let folder = folder();
    let path = folder.path().join("a");
    for (bytes, expected) in [
        (&b""[..], true),
        (b"caf\xc3\xa9\n", true),
        (b"caf\xe9\n", true),
        (b"\xff\xfea\0b\0", true),
        (b"\xfe\xff\0a\0b", true),
        (b"\x7fELF\0\0", false),
        (b"a\0b", false),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(is_text(&path).unwrap(), expected, "{bytes:?}");
    }
}

#[test]
fn creates_only_what_is_absent() {
    let folder = folder();
    let path = folder.path().join("deep/er/new.rs");
    write_atomically(&path, b"one", None).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert!(matches!(write_atomically(&path, b"two", None), Err(WriteError::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(names(path.parent().unwrap()), ["new.rs"], "no temporary file stays");
}

#[test]
fn replaces_only_what_was_read() {
    let folder = folder();
    let path = folder.path().join("a.rs");
    fs::write(&path, "one").unwrap();
    write_atomically(&path, b"two", Some(b"one")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    for stale in [&b"one"[..], b"", b"twofold", b"tw"] {
        assert!(matches!(write_atomically(&path, b"three", Some(stale)), Err(WriteError::Changed(_))));
    }
    assert_eq!(fs::read(&path).unwrap(), b"two");
    fs::remove_file(&path).unwrap();
    assert!(matches!(write_atomically(&path, b"three", Some(b"two")), Err(WriteError::Deleted(_))));
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn keeps_the_mode_and_respects_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("a.sh");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::write(&path, "one").unwrap();
    for kept in [0o755, 0o640, 0o600] {
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
        write_atomically(&path, b"one", Some(b"one")).unwrap();
        assert_eq!(mode(&path), kept);
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(matches!(write_atomically(&path, b"two", Some(b"one")), Err(WriteError::ReadOnly(_))));

    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    write_atomically(&ours, b"", None).unwrap();
    fs::write(&theirs, "").unwrap();
    assert_eq!(mode(&ours), mode(&theirs), "a new file gets the mode that any program gives it");
}

#[cfg(unix)]
#[test]
fn links_are_never_written_through() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, "one").unwrap();
    symlink(&target, &link).unwrap();
    assert!(matches!(write_atomically(&link, b"two", Some(b"one")), Err(WriteError::Link(_))));
    fs::remove_file(&target).unwrap();
    assert!(matches!(write_atomically(&link, b"two", None), Err(WriteError::Link(_))), "dangling");
    assert!(!target.exists());
}

#[test]
fn errors_name_the_file_and_the_remedy() {
    let error = WriteError::Changed("/w/a.rs".into());
    let expected = "failed to write `/w/a.rs`: it has changed on disk since it was read; run the workflow again";
    assert_eq!(error.to_string(), expected);
}
