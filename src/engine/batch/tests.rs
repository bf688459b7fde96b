use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{
    document::{FileRef, Place, tests_for::Placement},
    engine::{
        self, Stop,
        event::Event,
        job::Job,
        journal::{EditEntry, EditId, Entry, Journal, JournalError, Past, StepEntry},
        ports::{
            Delta, Edit, Finish, Message, Model, ModelError, Observer, Ports, Request, Saved, Snapshot, Usage,
            Workspace, WorkspaceError,
        },
    },
    workflow::Workflow,
};

const FILES: [&str; 4] = ["a.txt", "b.txt", "c.txt", "d.txt"];

/// Model, files and observer in one: every answer is a new text, and every edit shows at once.
#[derive(Default)]
struct World {
    requests: Mutex<Vec<Request>>,
    written: Mutex<Vec<Edit>>,
}

impl Model for World {
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>> {
        self.requests.lock().unwrap().push(request);
        let done = Delta::Done { finish: Finish::Stop, usage: Usage::default() };
        stream::iter([Ok(Delta::Text("A new text.".to_owned())), Ok(done)]).boxed()
    }

    fn concurrency(&self) -> usize {
        2
    }

    fn knows(&self, _: &str) -> bool {
        true
    }
}

#[async_trait]
impl Journal for World {
    fn note(&self, _: &str, _: Entry) {}

    async fn record(&self, _: &str, _: Entry) -> Result<(), JournalError> {
        Ok(())
    }

    async fn finish(&self, _: &str, step: StepEntry, _: Message) -> Result<String, JournalError> {
        Ok(format!("m{}", step.id))
    }

    async fn edit(&self, _: &str, _: EditEntry) -> Result<EditId, JournalError> {
        Ok(1)
    }
}

#[async_trait]
impl Workspace for World {
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        Ok(FileRef { name: path.to_owned(), place: Place::Buffer(path.to_owned()) })
    }

    fn exists(&self, _: &FileRef) -> bool {
        true
    }

    async fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        let written = self.written.lock().unwrap();
        let edit = written.iter().rfind(|edit| edit.base.file == *file);
        let text = edit.map_or_else(|| format!("The old text of {}.\n", file.name), |edit| edit.text.clone());
        Ok(Snapshot { file: file.clone(), text: Some(text), version: None })
    }

    fn may_write(&self, _: &FileRef) -> Result<(), WorkspaceError> {
        Ok(())
    }

    async fn save(&self, edit: Edit, _: &dyn Journal) -> Result<Saved, WorkspaceError> {
        self.written.lock().unwrap().push(edit);
        Ok(Saved::Changed)
    }

    async fn tests_for(&self, _: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        Ok(None)
    }

    async fn choose(&self, _: &str, _: &[&str]) -> Option<usize> {
        None
    }
}

impl Observer for World {
    fn report(&self, _: &Event) {}
}

/// The requests of a for-each over all files, whose one step shows the model all of them.
fn requests(parallel: u32) -> Vec<Request> {
    let text = format!(
        "title = \"Align\"\noffer = \"files\"\n[[steps]]\ndo = \"for-each\"\nitems = \"files\"\nas = \"target\"\nparallel = {parallel}\n\
         [[steps.steps]]\ndo = \"save\"\nmodule = \"Align\"\nfile = \"{{{{target}}}}\"\nmode = \"replace\"\n\
         prompt = \"{{{{files}}}} {{{{target}}}} {{{{instruction}}}}\"\n"
    );
    let (workflow, problems) = Workflow::parse(&text);
    assert!(problems.is_empty(), "{problems:?}");
    let world = Arc::new(World::default());
    let job = Job {
        run: "r".to_owned(),
        id: "align".to_owned(),
        workflow: Arc::new(workflow.expect("it has no problems")),
        instruction: "Align them.".to_owned(),
        files: FILES.iter().map(|name| world.locate(name).expect("any name will do")).collect(),
        current: None,
        selection: None,
        marker: None,
        messages: Vec::new(),
        tags: Default::default(),
        named: Default::default(),
        summary: false,
        reply_to: None,
    };
    let (model, workspace, observer, journal) = (world.clone(), world.clone(), world.clone(), world.clone());
    let ports = Ports { model, workspace, observer, journal, checker: None, spending: Default::default() };
    let outcome = futures::executor::block_on(engine::execute(job, Past::default(), ports, Stop::default()));
    assert_eq!(outcome.failed, Vec::<String>::new());
    std::mem::take(&mut *world.requests.lock().unwrap())
}

#[test]
fn parallel_requests_begin_alike_and_show_each_file_once() {
    let requests = requests(2);
    assert_eq!(requests.len(), FILES.len());
    for request in &requests {
        assert_eq!(request.shared, requests[0].shared);
        for name in FILES {
            let whole = format!("{}{}", request.shared, request.prompt);
            assert_eq!(whole.matches(&format!("The old text of {name}.")).count(), 1, "{whole}");
        }
    }
}

#[test]
fn one_after_the_other_sees_what_the_one_before_wrote() {
    let shared: Vec<_> = requests(1).into_iter().map(|request| request.shared).collect();
    let old = shared.iter().map(|shared| shared.matches("The old text").count());
    assert_eq!(old.collect::<Vec<_>>(), [4, 3, 2, 1]);
}
