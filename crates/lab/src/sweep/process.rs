//! A worker process of a sweep, from both sides: numbers of points go in, how they ended comes out, line by line.

use super::dir::SweepDir;
use super::local::Local;
use super::work::{Attempt, End, Publisher, Worker};
use crate::error::LabError;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    point: usize,
    end: End,
}

/// A worker: reads numbers of points from standard input, runs them, answers on standard output; the end of the input stops it
/// at once, with what was done kept.
pub fn serve(dir: &SweepDir, interrupt: &Arc<AtomicBool>) -> Result<(), LabError> {
    let (send, receive) = mpsc::channel::<usize>();
    let stop = Arc::clone(interrupt);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(point) = line.unwrap_or_default().trim().parse() else { break };
            if send.send(point).is_err() {
                break;
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    let worker = Worker::new(dir, Arc::clone(interrupt));
    let mut publisher = Publisher::new(dir)?;
    // A point is published while the next is computed; answers keep the order of the points.
    let (hand, take) = mpsc::sync_channel::<(usize, Attempt)>(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (point, attempt) in take {
                let answer = Answer { point, end: publisher.finish(attempt) };
                let answer = serde_json::to_string(&answer).unwrap_or_default();
                let mut out = std::io::stdout().lock();
                if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
                    break;
                }
            }
        });
        for point in receive {
            let attempt = if interrupt.load(Ordering::SeqCst) {
                Attempt::Ended(End::Interrupted)
            } else if point < dir.addresses().len() {
                worker.attempt(point)
            } else {
                Attempt::Ended(End::Trouble(format!("there is no point {point}")))
            };
            if hand.send((point, attempt)).is_err() {
                break;
            }
        }
        drop(hand);
    });
    Ok(())
}

/// The standard input of a worker; who drops what is in it stops the worker.
pub(super) type Input = Arc<Mutex<Option<ChildStdin>>>;

/// A worker process.
pub(super) struct Process {
    child: Child,
    pub(super) input: Input,
    output: BufReader<ChildStdout>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    pub(super) fn start(local: &Local, dir: &SweepDir) -> std::io::Result<Self> {
        let mut child = Command::new(&local.program)
            .args(&local.words)
            .arg(dir.path())
            .args(["--threads", &local.threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (keep, mut error) = (Arc::clone(&said), child.stderr.take());
        // Its last words, should it die.
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Some(Ok(n @ 1..)) = error.as_mut().map(|e| e.read(&mut chunk)) {
                if let Ok(mut kept) = keep.lock() {
                    kept.extend_from_slice(&chunk[..n]);
                    let excess = kept.len().saturating_sub(8192);
                    kept.drain(..excess);
                }
            }
        });
        let (input, output) = (Arc::new(Mutex::new(child.stdin.take())), child.stdout.take());
        let output = BufReader::new(output.ok_or_else(|| std::io::Error::other("no output"))?);
        Ok(Self { child, input, output, said })
    }

    /// Hands a point over; `None` if the process died.
    pub(super) fn hand(&self, point: usize) -> Option<()> {
        writeln!(self.input.lock().ok()?.as_mut()?, "{point}").ok()
    }

    /// Waits for the answer to the first point that has none; `None` if the process died.
    pub(super) fn answer(&mut self, point: usize) -> Option<End> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        let answer: Answer = serde_json::from_str(&line).ok()?;
        (answer.point == point).then_some(answer.end)
    }

    /// How it died, with its last words.
    pub(super) fn death(&mut self) -> String {
        close(&self.input);
        let status = self.child.wait().map_or_else(|e| e.to_string(), |s| s.to_string());
        std::thread::sleep(Duration::from_millis(20));
        let said = self.said.lock().map(|s| String::from_utf8_lossy(&s).trim().to_owned()).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!("its process ended with {status}{}{}", if last.is_empty() { "" } else { ": " }, last.join(" "))
    }
}

pub(super) fn close(input: &Input) {
    if let Ok(mut input) = input.lock() {
        drop(input.take());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input stops it.
        close(&self.input);
        let _ = self.child.wait();
    }
}
