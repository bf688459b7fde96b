//! The thread that has the database. It begins with the first call, and sleeps until there is something to do.

use std::{
    sync::{
        OnceLock,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    database::{Database, Place},
    failure::Failure,
};
use crate::engine::journal::JournalError;

/// Writes that are committed together.
const MAX_BATCH: usize = 64;
/// How long something is held back that nobody waits for, so that it is committed with what comes next.
const LONGEST_HOLD: Duration = Duration::from_millis(100);

/// Something to be done with the database. It may be run twice, where the first time came to nothing.
pub trait Task: Send {
    fn writes(&self) -> bool;
    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool {
        true
    }
    fn run(&mut self, database: &mut Database) -> Result<(), Failure>;
    /// What [`Self::run`] did was taken back.
    fn fail(&mut self, failure: Failure);
    /// Tells whoever waits, once it is durable, or why it isn't.
    fn tell(self: Box<Self>, committed: Result<(), JournalError>);
}

/// Begins the thread when it is needed, and ends it when it is dropped.
pub struct Writer {
    place: Place,
    tasks: OnceLock<Sender<Box<dyn Task>>>,
}

impl Writer {
    pub fn new(place: Place) -> Self {
        Self { place, tasks: OnceLock::new() }
    }

    /// Reads. Sees everything that was written before.
    pub async fn read<T, W>(&self, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: FnMut(&mut Database) -> Result<T, Failure> + Send + 'static,
    {
        self.call(false, work).await
    }

    /// Writes. Returns once that is durable.
    pub async fn write<T, W>(&self, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: FnMut(&mut Database) -> Result<T, Failure> + Send + 'static,
    {
        self.call(true, work).await
    }

    /// Writes, without a wait. What fails is logged.
    pub fn note<W>(&self, work: W)
    where
        W: FnMut(&mut Database) -> Result<(), Failure> + Send + 'static,
    {
        self.send(Box::new(Note { work, failure: None }));
    }

    async fn call<T, W>(&self, writes: bool, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: FnMut(&mut Database) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Call { work, writes, result: None, reply }));
        answer.await.unwrap_or_else(|_| Err(JournalError("its thread has ended; start stepwright again".to_owned())))
    }

    /// Waits until all that was sent is done, or the time is up.
    pub fn flush(&self, patience: Duration) {
        if self.tasks.get().is_none() {
            return;
        }
        let (done, wait) = channel();
        self.send(Box::new(Flush(done)));
        let _ = wait.recv_timeout(patience);
    }

    /// A task that can't be sent is dropped, which tells whoever waits for it.
    fn send(&self, task: Box<dyn Task>) {
        let tasks = self.tasks.get_or_init(|| {
            let (sender, tasks) = channel();
            let place = self.place.clone();
            let thread = thread::Builder::new().name("history".to_owned()).spawn(move || serve(place, &tasks));
            if let Err(error) = thread {
                tracing::error!("failed to begin the thread of the history: {error}");
            }
            sender
        });
        let _ = tasks.send(task);
    }
}

fn serve(place: Place, tasks: &Receiver<Box<dyn Task>>) {
    let mut database = match Database::open(place) {
        Ok(database) => database,
        Err(failure) => {
            tracing::error!("failed to open a history in memory: {failure}");
            return;
        }
    };
    loop {
        let next = match database.rest() {
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(rest) => tasks.recv_timeout(rest),
        };
        match next {
            Ok(task) => carry_out(&mut database, batch(task, tasks)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        database.renew();
        while database.may_clean && !database.clean() {
            // Bit by bit: whoever waits comes first.
            if let Ok(task) = tasks.try_recv() {
                carry_out(&mut database, vec![task]);
            }
        }
    }
    database.release();
}

/// A task with what is committed together with it: all that is there already, and something that is awaited.
fn batch(first: Box<dyn Task>, tasks: &Receiver<Box<dyn Task>>) -> Vec<Box<dyn Task>> {
    let until = Instant::now() + LONGEST_HOLD;
    let mut batch = vec![first];
    while batch.len() < MAX_BATCH {
        let held = batch.iter().all(|task| !task.is_awaited());
        let next = match held {
            true => tasks.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
            false => tasks.try_recv().ok(),
        };
        match next {
            Some(task) => batch.push(task),
            None => break,
        }
    }
    batch
}

fn carry_out(database: &mut Database, mut tasks: Vec<Box<dyn Task>>) {
    let mut done = attempt(database, &mut tasks);
    if let Err(damage) = &done
        && damage.is_damage()
    {
        done = database.leave_disk(damage).and_then(|()| attempt(database, &mut tasks));
    }
    let told = done.map_err(JournalError::from);
    for task in tasks {
        task.tell(told.clone());
    }
}

fn attempt(database: &mut Database, tasks: &mut [Box<dyn Task>]) -> Result<(), Failure> {
    if tasks.iter().any(|task| task.writes()) {
        return database.write(tasks);
    }
    for task in tasks {
        match task.run(database) {
            Err(failure) if failure.is_damage() => return Err(failure),
            Err(failure) => task.fail(failure),
            Ok(()) => {}
        }
    }
    Ok(())
}

struct Call<T, W> {
    work: W,
    writes: bool,
    result: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<T, W> Task for Call<T, W>
where
    T: Send,
    W: FnMut(&mut Database) -> Result<T, Failure> + Send,
{
    fn writes(&self) -> bool {
        self.writes
    }

    fn run(&mut self, database: &mut Database) -> Result<(), Failure> {
        self.result = Some(Ok((self.work)(database)?));
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.result = Some(Err(failure));
    }

    fn tell(self: Box<Self>, committed: Result<(), JournalError>) {
        let result = match (committed, self.result) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(result)) => result.map_err(JournalError::from),
            (Ok(()), None) => Err(JournalError("it was never tried".to_owned())),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(result);
    }
}

struct Note<W> {
    work: W,
    failure: Option<Failure>,
}

impl<W> Task for Note<W>
where
    W: FnMut(&mut Database) -> Result<(), Failure> + Send,
{
    fn writes(&self) -> bool {
        true
    }

    fn is_awaited(&self) -> bool {
        false
    }

    fn run(&mut self, database: &mut Database) -> Result<(), Failure> {
        (self.work)(database)
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    fn tell(self: Box<Self>, committed: Result<(), JournalError>) {
        let failed = self.failure.map(JournalError::from).or(committed.err());
        if let Some(error) = failed {
            tracing::warn!("{error}");
        }
    }
}

struct Flush(Sender<()>);

impl Task for Flush {
    fn writes(&self) -> bool {
        false
    }

    fn run(&mut self, _: &mut Database) -> Result<(), Failure> {
        Ok(())
    }

    fn fail(&mut self, _: Failure) {}

    fn tell(self: Box<Self>, _: Result<(), JournalError>) {
        let _ = self.0.send(());
    }
}
