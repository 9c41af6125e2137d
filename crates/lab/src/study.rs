//! Studies of many parts (points of a plane, nets of an advice or at jamming): a run directory in which each part is a file named by all that decides it, and
//! parts computed on all threads, each kept as soon as it is there.

use crate::error::{LabError, plan_error};
use crate::run::{Watch, difference, free_folder};
use glasslab_core::{Dataset, Fault};
use glasslab_report::Page;
use glasslab_store::{Manifest, RunDir, utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Instant, SystemTime};

/// A part: it carries all that decided it.
pub(crate) trait Part: Serialize + DeserializeOwned {
    /// All that decided it, as text.
    fn key(&self) -> &str;
}

/// The run directory of a study.
pub(crate) struct Study {
    name: &'static str,
    folder: &'static str,
    begin: Instant,
    /// The directory.
    pub dir: RunDir,
}

/// A fault of a study: bad input is a plan's, everything else its own.
pub(crate) fn refuse(name: &str, fault: Fault) -> LabError {
    match fault {
        Fault::Input(complaints) => plan_error(name, complaints),
        fault => LabError::Quench { quench: name.to_owned(), fault },
    }
}

impl Study {
    /// In `out` (runs/NAME or the next free one if `None`), new or, with `resume`, gone on with; a run of another plan is refused. Parts
    /// go into `folder`.
    pub fn open(
        name: &'static str,
        folder: &'static str,
        plan: &str,
        out: Option<&Path>,
        resume: bool,
    ) -> Result<Self, LabError> {
        let path = out.map_or_else(|| free_folder(name), Path::to_owned);
        let dir = if resume { RunDir::resume(&path)? } else { RunDir::create(&path)? };
        match dir.plan()? {
            None => dir.write_plan(plan)?,
            Some(there) if there == plan => {}
            Some(there) => return Err(LabError::OtherPlan { difference: difference(&there, plan), dir: path }),
        }
        Ok(Self { name, folder, begin: Instant::now(), dir })
    }

    /// The file of a part: 24 hexadecimal digits of the SHA-256 of its key.
    fn file(key: &str) -> String {
        let digits: String = Sha256::digest(key.as_bytes()).iter().take(12).map(|b| format!("{b:02x}")).collect();
        format!("{digits}.json")
    }

    /// The part if its file is there and whole, and is what its name says.
    pub fn read<T: Part>(&self, key: &str) -> Option<T> {
        let bytes = std::fs::read(self.dir.path().join(self.folder).join(Self::file(key))).ok()?;
        serde_json::from_slice::<T>(&bytes).ok().filter(|part| part.key() == key)
    }

    /// Keeps a part whose text is given.
    pub fn keep(&self, part: &impl Part, text: &[u8]) -> Result<(), LabError> {
        Ok(self.dir.write_file(self.folder, &Self::file(part.key()), text)?)
    }

    /// Writes records, summary, report and manifest.
    pub fn finish(&self, seed: u64, records: &Dataset, summary: &Value, page: &Page) -> Result<(), LabError> {
        self.dir.write_records(self.name, records)?;
        self.dir.write_summary(summary)?;
        self.dir.write_report(&page.html())?;
        let mut manifest = Manifest::new(seed, rayon::current_num_threads() as u64);
        manifest.wall_seconds = self.begin.elapsed().as_secs_f64();
        manifest.state = "completed".to_owned();
        manifest.finished = utc(SystemTime::now());
        self.dir.write_manifest(&manifest)?;
        Ok(())
    }
}

/// How busy the cores were.
pub(crate) struct Cores {
    begin: Instant,
    used: Option<f64>,
}

/// Processor seconds of this process so far, all threads together.
fn processor_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(t.tv_sec as f64 + 1e-9 * t.tv_nsec as f64)
    }
    #[cfg(not(unix))]
    None
}

impl Cores {
    /// From now on.
    pub fn watch() -> Self {
        Self { begin: Instant::now(), used: processor_seconds() }
    }

    /// Wall time and the share of the threads' time that they computed: what is missing they idled, or others had it. Nothing below two seconds.
    pub fn say(&self, title: &str, watch: &mut dyn Watch) {
        if self.begin.elapsed().as_secs_f64() > 2.0 {
            watch.note(&format!("{title}: {}", self.words()));
        }
    }

    fn words(&self) -> String {
        let wall = self.begin.elapsed().as_secs_f64();
        let share = |from: f64| Some((processor_seconds()? - from) / (wall * rayon::current_num_threads() as f64));
        match self.used.and_then(share) {
            Some(share) => format!("{wall:.1} s, threads busy {:.0} %", 100.0 * share),
            None => format!("{wall:.1} s"),
        }
    }
}

/// `work(k, say)` for every k of `order`, begun in this order, on all threads; what they `say` is taken on this one. Where `take` breaks
/// off (a full disk) no further k begins. On a thread of a pool, which must not wait for others: one k after the other.
///
/// Checked by `nothing_begins_once_a_part_cannot_be_kept` and by the studies' tests on one thread and on two.
pub(crate) fn spread<T: Send>(
    order: &[usize],
    work: impl Fn(usize, &dyn Fn(T)) + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    let stop = AtomicBool::new(false);
    let (send, receive) = mpsc::channel::<T>();
    let mut taken = |message: T| {
        if take(message).is_break() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let begin = |k: usize, send: &mpsc::Sender<T>| {
        if !stop.load(Ordering::Relaxed) {
            // Who waits below is gone only if it panicked.
            work(k, &|message| drop(send.send(message)));
        }
    };
    if rayon::current_thread_index().is_some() {
        for &k in order {
            begin(k, &send);
            receive.try_iter().for_each(&mut taken);
        }
        return;
    }
    rayon::in_place_scope(|scope| {
        for &k in order {
            let (send, begin) = (send.clone(), &begin);
            scope.spawn(move |_| begin(k, &send));
        }
        drop(send);
        while let Ok(message) = receive.recv() {
            taken(message);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 100 parts, the third that is taken cannot be kept: on one thread three are computed, on two the few that were begun.
    #[test]
    fn nothing_begins_once_a_part_cannot_be_kept() {
        let order: Vec<usize> = (0..100).collect();
        let run = || {
            let (begun, mut taken) = (std::sync::Mutex::new(0), 0);
            let work = |k: usize, say: &dyn Fn(usize)| {
                *begun.lock().unwrap() += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
                say(k);
            };
            spread(&order, work, |_| {
                taken += 1;
                if taken >= 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            begun.into_inner().unwrap()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(run), 3);
        assert!(run() < 100);
    }
}
