//! Runs one command to its end, or ends it: within a time, with everything that it started, and with what it printed.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, PipeReader, Read},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::oneshot,
    time::timeout,
};

use super::output::Shortened;

/// How long a command that was killed may take to be gone, and its last output to arrive.
const END_GRACE: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 16 * 1024;

/// The commands that are under way, by process id.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub passed: bool,
    /// Standard output and error as they came, shortened, with a last line that says how a failed command ended.
    pub output: String,
}

/// Runs a program without a shell; dropping the future kills it and what it started. An error means that it didn't start.
pub async fn run(
    arguments: &[OsString],
    folder: &Path,
    environment: Vec<(OsString, OsString)>,
    limit: Duration,
) -> io::Result<Ended> {
    let Some((program, arguments)) = arguments.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is empty"));
    };
    // Otherwise a path with folders would be looked up from where we are, on some systems.
    let program =
        if Path::new(program).components().count() > 1 { folder.join(program).into() } else { program.clone() };
    let (reader, writer) = io::pipe()?;
    let mut child = {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        command.stdout(writer.try_clone()?).stderr(writer);
        command.env_clear().envs(environment).env("PWD", folder).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        // Our ends of the pipe are closed with `command`, so that its end is seen.
        command.spawn()?
    };
    let group = Group::of(&child);
    let capture = Capture::start(reader)?;
    let status = timeout(limit, child.wait()).await;
    // What the command left behind in its group goes as well. Its id can't be another's by now: the group keeps the number taken, and
    // without a group nobody gets the same one within an instant.
    drop(group);
    let (passed, how) = match status {
        Ok(Ok(status)) => (status.success(), status.to_string()),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => {
            child.start_kill().ok();
            timeout(END_GRACE, child.wait()).await.ok();
            (false, format!("it took more than {} s, and was ended", limit.as_secs_f32()))
        }
    };
    let mut output = capture.finish().await;
    if !passed {
        let gap = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
        output.push_str(&format!("{gap}({how})\n"));
    }
    Ok(Ended { passed, output })
}

/// Kills all commands under way, for a program that ends without waiting for its tasks.
pub fn kill_all() {
    for id in running().iter() {
        kill(*id);
    }
}

/// The process group of a command, killed when dropped.
struct Group(Option<u32>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id();
        running().extend(id);
        Self(id)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            kill(id);
            running().remove(&id);
        }
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn kill(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        // An error means that nobody is left.
        rustix::process::kill_process_group(id, rustix::process::Signal::KILL).ok();
    }
}

/// The child itself is killed when it is dropped.
#[cfg(not(unix))]
fn kill(_: u32) {}

/// Reads in a thread, which ends with the pipe. A process that left the group may hold that open, but nobody waits for it.
struct Capture {
    output: Arc<Mutex<Shortened>>,
    ended: oneshot::Receiver<()>,
}

impl Capture {
    fn start(mut reader: PipeReader) -> io::Result<Self> {
        let output = Arc::new(Mutex::new(Shortened::default()));
        let (end, ended) = oneshot::channel();
        let sink = output.clone();
        thread::Builder::new().name("check-output".to_owned()).spawn(move || {
            let mut bytes = vec![0; READ_BYTES];
            loop {
                match reader.read(&mut bytes) {
                    Ok(0) => break,
                    Ok(count) => sink.lock().unwrap_or_else(PoisonError::into_inner).push(&bytes[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            // Nobody listens once the run was cancelled.
            end.send(()).ok();
        })?;
        Ok(Self { output, ended })
    }

    async fn finish(self) -> String {
        timeout(END_GRACE, self.ended).await.ok();
        self.output.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}
