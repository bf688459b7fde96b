//! Messages to and from the server, over its standard streams or over pipes. Strict about what comes: no editor is lenient.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use serde_json::Value;

pub struct Wire {
    to: Option<Box<dyn Write + Send>>,
    from: mpsc::Receiver<Result<Value, String>>,
    child: Option<Child>,
    /// What the server logged, for the report of a failed test.
    log: Arc<Mutex<String>>,
}

/// What came before the deadline.
pub enum Received {
    Message(Value),
    Malformed(String),
    Nothing,
    End,
}

impl Wire {
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let output = child.stdout.take().expect("its output is piped");
        let input = child.stdin.take().expect("its input is piped");
        let stderr = child.stderr.take().expect("its log is piped");
        let mut wire = Self::over(output, input);
        wire.child = Some(child);
        let log = wire.log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        wire
    }

    pub fn over(output: impl Read + Send + 'static, input: impl Write + Send + 'static) -> Self {
        let (sender, from) = mpsc::channel();
        read_all(output, sender);
        Self { to: Some(Box::new(input)), from, child: None, log: Arc::default() }
    }

    /// Sends a message. A server that has ended is found out by what doesn't come.
    pub fn send(&mut self, message: &Value) {
        if let Some(to) = &mut self.to {
            let body = message.to_string();
            let _ = to.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
            let _ = to.flush();
        }
    }

    pub fn receive(&self, deadline: Instant) -> Received {
        match self.from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(message)) => Received::Message(message),
            Ok(Err(problem)) => Received::Malformed(problem),
            Err(mpsc::RecvTimeoutError::Timeout) => Received::Nothing,
            Err(mpsc::RecvTimeoutError::Disconnected) => Received::End,
        }
    }

    pub fn close(&mut self) {
        self.to = None;
    }

    /// At once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a server that runs");
            child.wait().expect("a server that ran");
        }
    }

    /// The exit code of the server, which has closed its output.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.take()?.wait().ok()?.code()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read_all(output: impl Read + Send + 'static, sender: mpsc::Sender<Result<Value, String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        while let Some(message) = read(&mut output).transpose() {
            let stop = message.is_err();
            if sender.send(message).is_err() || stop {
                return;
            }
        }
    })
}

/// The next message; `None` at an end between messages.
pub fn read(output: &mut impl BufRead) -> Result<Option<Value>, String> {
    let failed = |error: io::Error| format!("failed to read from the server: {error}");
    let mut header = String::new();
    if output.read_line(&mut header).map_err(failed)? == 0 {
        return Ok(None);
    }
    let length = header.strip_prefix("Content-Length: ").and_then(|rest| rest.strip_suffix("\r\n"));
    let length: usize = length.and_then(|digits| digits.parse().ok()).ok_or(format!("a bad header: {header:?}"))?;
    let mut body = vec![0; length + 2];
    output.read_exact(&mut body).map_err(failed)?;
    let body = body.strip_prefix(b"\r\n").ok_or(format!("no empty line after {header:?}"))?;
    serde_json::from_slice(body).map(Some).map_err(|error| format!("a body that is no JSON: {error}"))
}
