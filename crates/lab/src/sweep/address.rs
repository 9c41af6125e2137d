//! The content address of a point: what it depends on, hashed.

use crate::Plan;
use glasslab_core::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Counted up when the same plan and version give other results than before for any other reason.
const EDITION: &str = "glasslab point 1";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of a text, as 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Addresses of plans whose relative data paths start from one folder; data are read once.
#[derive(Debug, Default)]
pub struct Addresses {
    folder: PathBuf,
    data: Mutex<BTreeMap<String, Option<String>>>,
}

impl Addresses {
    /// For data paths that start from `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), data: Mutex::default() }
    }

    /// The address of a point: the first 32 hexadecimal digits (128 bits) of SHA-256 over the version of glasslab, the resolved plan
    /// with every default spelled out, and the bytes of the data files that it names. Whatever changes one of them changes the
    /// address. Cost O(length of the plan), and O(bytes) once for each folder of data.
    ///
    /// Source: FIPS 180-4 (doi:10.6028/NIST.FIPS.180-4). Checked by `every_setting_changes_the_address`.
    pub fn of(&self, plan: &Plan) -> String {
        let mut text = format!("{EDITION}\nversion {}\n{}", env!("CARGO_PKG_VERSION"), plan.to_toml());
        for quench in &plan.quench {
            for value in quench.parameters.values() {
                if let Value::Text(name) = value
                    && let Some(data) = self.data(name)
                {
                    text.push_str(&format!("data {data}\n"));
                }
            }
        }
        digest(&text)[..32].to_owned()
    }

    /// The digest of the file, or of the files of the folder, of that name, if there is one.
    fn data(&self, name: &str) -> Option<String> {
        let mut known = self.data.lock().ok()?;
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = if name.is_empty() { None } else { content(&self.folder.join(name)) };
        known.insert(name.to_owned(), found.clone());
        found
    }
}

/// SHA-256 over names and bytes of a file or of the files of a folder; `None` if there is nothing to read.
fn content(path: &Path) -> Option<String> {
    let mut files = if path.is_dir() {
        fs::read_dir(path).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect()
    } else {
        vec![path.to_owned()]
    };
    files.sort();
    let mut all = Sha256::new();
    for file in files {
        let name = file.file_name()?.to_string_lossy().into_owned();
        let mut bytes = fs::File::open(&file).ok()?;
        if !bytes.metadata().ok()?.is_file() {
            return None;
        }
        let mut one = Sha256::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            match bytes.read(&mut chunk).ok()? {
                0 => break,
                count => one.update(&chunk[..count]),
            }
        }
        all.update(format!("{name}\n{}\n", hex(&one.finalize())));
    }
    Some(hex(&all.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "seed = 3\n[[quench]]\nname = 'a'\nsystem = 'toy'\nreplicas = 2\nsteps = 50\nprecision = 'f64'\n\
        [quench.parameters]\nhidden = 8\ntrain = 100\ndata = 'digits'\n[quench.method]\nrate = 0.1\nbatch = 10\n\
        [quench.grid]\nwaiting_count = 4\n";

    #[test]
    fn every_setting_changes_the_address() {
        let addresses = Addresses::default();
        let of = |text: &str| addresses.of(&Plan::parse(text).unwrap_or_else(|c| panic!("{text}: {c:?}")));
        let first = of(PLAN);
        assert_eq!(first.len(), 32);
        assert_eq!(
            first,
            of(&PLAN.replace("precision = 'f64'\n", "label = 'a'\n")),
            "a default spelled out is no change"
        );
        let mut all = vec![first];
        for (from, to) in [
            ("seed = 3", "seed = 4"),
            ("name = 'a'", "name = 'b'"),
            ("system = 'toy'\n", "system = 'toy'\nlabel = 'x'\n"),
            ("replicas = 2", "replicas = 3"),
            ("replicas = 2", "replicas = 2\nsamples = 2"),
            ("steps = 50", "steps = 51"),
            ("'f64'", "'f32'"),
            ("hidden = 8", "hidden = 9"),
            ("train = 100", "train = 101"),
            ("'digits'", "'mnist'"),
            ("rate = 0.1", "rate = 0.10000000000000002"),
            ("rate = 0.1", "rate = 0.1\nmomentum = 0.25"),
            ("batch = 10", "batch = 11"),
            ("waiting_count = 4", "waiting_count = 5"),
            ("waiting_count = 4", "waiting_count = 4\nlag_count = 9"),
            ("seed = 3", "seed = 3\nname = 'other'"),
        ] {
            assert!(PLAN.contains(from), "{from}");
            all.push(of(&PLAN.replacen(from, to, 1)));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "two settings share an address");
    }

    #[test]
    fn other_data_is_another_point() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("mine")).unwrap();
        std::fs::write(dir.path().join("mine/a"), "1").unwrap();
        let plan = Plan::parse(&PLAN.replace("'digits'", "'mine'")).unwrap();
        let first = Addresses::new(dir.path()).of(&plan);
        assert_eq!(first, Addresses::new(dir.path()).of(&plan));
        std::fs::write(dir.path().join("mine/a"), "2").unwrap();
        assert_ne!(first, Addresses::new(dir.path()).of(&plan));
    }
}
