//! `glasslab packing`: spheres at the verge of jamming, as a run directory.

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use crate::summary::short;
use glasslab_core::sum::mean_and_error;
use glasslab_core::{Complaint, Dataset, Fault, Record, Streams, System, Values};
use glasslab_glasses::packing::exponents::{Exponent, fit};
use glasslab_glasses::packing::{Jammed, Protocol, jam};
use glasslab_report::{Axis, Block, Color, Curve, Figure, Guide, Page, Panel, Table};
use glasslab_store::{Manifest, RunDir, utc};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// Exponents of the mean-field theory of jamming: gaps, all forces but those of bucklers, those of bucklers.
/// Source: Charbonneau et al. 2014, doi:10.1038/ncomms4725.
const GAMMA: f64 = 0.41269;
const THETA: f64 = 0.42311;
const THETA_BUCKLERS: f64 = 0.17462;

/// Windows of the fits: gaps h between these, forces below this part of the mean.
const GAPS: (f64, f64) = (1e-4, 1e-2);
const FORCES: f64 = 0.2;

/// Most degrees of freedom for which all vibrations are computed.
const VIBRATIONS: usize = 2048;

/// What is asked: how packings are made, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct PackingPlan {
    /// How each is made.
    pub protocol: Protocol,
    /// How many, 1 to 10000.
    pub packings: u64,
    /// Seed of the starting points.
    pub seed: u64,
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct PackingOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
    /// True if every packing converged with exactly the contacts that it needs.
    pub isostatic: bool,
}

impl PackingPlan {
    /// The plan as TOML, with every default spelled out.
    pub fn to_toml(&self) -> String {
        let p = &self.protocol;
        format!(
            "name = \"packing\"\nseed = {}\n\n[packing]\nn = {}\ndimension = {}\nratio = {:?}\nfrom = {:?}\noverlap = {:?}\nmost = {}\npackings = {}\n",
            self.seed, p.spheres, p.dimension, p.ratio, p.from, p.overlap, p.most, self.packings
        )
    }

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = self.protocol.complaints();
        if !(1..=10_000).contains(&self.packings) {
            complaints.push(Complaint::new("packings", self.packings, "give 1 to 10000 packings"));
        }
        complaints
    }
}

/// Makes the packings, on all threads, and writes records, summary and report into `out` (runs/packing or the next free one).
pub fn packing(plan: &PackingPlan, out: Option<&Path>, watch: &mut dyn Watch) -> Result<PackingOutcome, LabError> {
    let refuse = |fault: Fault| match fault {
        Fault::Input(complaints) => plan_error("packing", complaints),
        fault => LabError::Quench { quench: "packing".to_owned(), fault },
    };
    let complaints = plan.complaints();
    if !complaints.is_empty() {
        return Err(plan_error("packing", complaints));
    }
    let dir = RunDir::create(out.map_or_else(|| crate::run::free_folder("packing"), Path::to_owned))?;
    dir.write_plan(&plan.to_toml())?;
    watch.note(&format!("run directory {}", dir.path().display()));
    let begin = Instant::now();
    let streams = Streams::new(plan.seed);
    let mut all: Vec<Jammed> = Vec::new();
    let numbers: Vec<u64> = (0..plan.packings).collect();
    watch.begin("packings", 0, plan.packings);
    for some in numbers.chunks(rayon::current_num_threads().max(1)) {
        let made: Result<Vec<_>, Fault> = some.par_iter().map(|&k| jam(&plan.protocol, streams, k)).collect();
        all.extend(made.map_err(refuse)?);
        watch.at(all.len() as u64);
    }
    watch.end();
    let first = &all[0].packing;
    let frequencies = match first.dof() <= VIBRATIONS {
        true => frequencies(first).map_err(refuse)?,
        false => Vec::new(),
    };
    let found = Found::of(&all);
    let rows = found.rows(plan);
    let summary = found.summary(plan);
    dir.write_records("packing", &records(plan, &all, &frequencies))?;
    dir.write_summary(&summary)?;
    dir.write_report(&page(plan, &all, &found, &frequencies, &rows).html())?;
    let mut manifest = Manifest::new(plan.seed, rayon::current_num_threads() as u64);
    manifest.wall_seconds = begin.elapsed().as_secs_f64();
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    let table = rows.iter().map(|(name, value)| format!("  {name:44} {value}\n")).collect();
    Ok(PackingOutcome { dir: dir.path().to_owned(), summary, table, isostatic: found.isostatic == all.len() })
}

/// Frequencies of all vibrations that are not zero, ascending, in units of 1/(mean diameter) of unit springs and masses.
fn frequencies(packing: &glasslab_glasses::packing::Packing) -> Result<Vec<f64>, Fault> {
    let values = glasslab_spectra::hessian_eigenvalues(packing, packing.positions())?;
    let most = values.last().copied().unwrap_or(0.0);
    let mean = packing.diameters().iter().sum::<f64>() / packing.spheres() as f64;
    // Rattlers and translations have zero, up to rounding.
    Ok(values.into_iter().filter(|v| *v > 1e-11 * most).map(|v| v.sqrt() * mean).collect())
}

/// What the packings say together.
struct Found {
    fraction: (f64, f64),
    contacts: (f64, f64),
    rattlers: (f64, f64),
    imbalance: f64,
    isostatic: usize,
    converged: usize,
    gaps: Option<Exponent>,
    forces: Option<Exponent>,
    bucklers: Option<Exponent>,
}

impl Found {
    fn of(all: &[Jammed]) -> Self {
        let mean = |of: &dyn Fn(&Jammed) -> f64| mean_and_error(all.iter().map(of));
        let count = |of: &dyn Fn(&Jammed) -> bool| all.iter().filter(|j| of(j)).count();
        let gaps: Vec<Vec<f64>> = all.iter().map(|j| j.network.gaps.clone()).collect();
        let (bucklers, others): (Vec<_>, Vec<_>) = all.iter().map(|j| j.network.forces_by_kind()).unzip();
        Self {
            fraction: mean(&|j| j.fraction),
            contacts: mean(&|j| j.network.contact_number()),
            rattlers: mean(&|j| 1.0 - j.network.rigid() as f64 / j.packing.spheres() as f64),
            imbalance: all.iter().fold(0.0, |a, j| a.max(j.network.imbalance)),
            isostatic: count(&|j| j.converged && j.network.rigid() > 0 && j.network.excess() == 0),
            converged: count(&|j| j.converged),
            gaps: fit(&gaps, GAPS.0, GAPS.1),
            forces: fit(&others, 0.0, FORCES),
            bucklers: fit(&bucklers, 0.0, FORCES),
        }
    }

    fn rows(&self, plan: &PackingPlan) -> Vec<(String, String)> {
        let bars = |(value, error): (f64, f64)| match error.is_finite() {
            true => format!("{value:.5} ± {error:.5}"),
            false => format!("{value:.5}"),
        };
        let exponent = |e: Option<Exponent>, sign: f64, theory: f64| match e {
            Some(e) => format!("{:.3} ± {:.3} ({} values; theory {theory:.3})", sign * e.value, e.error, e.count),
            None => format!("too few values (theory {theory:.3})"),
        };
        vec![
            ("packing fraction phi_J".into(), bars(self.fraction)),
            ("contacts per held sphere z".into(), bars(self.contacts)),
            ("rattlers, part of all".into(), bars(self.rattlers)),
            ("isostatic to the contact".into(), format!("{} of {}", self.isostatic, plan.packings)),
            ("converged".into(), format!("{} of {}", self.converged, plan.packings)),
            ("largest unbalanced force over mean force".into(), format!("{:.1e}", self.imbalance)),
            ("exponent gamma of the gaps".into(), exponent(self.gaps, -1.0, GAMMA)),
            ("exponent theta of the forces".into(), exponent(self.forces, 1.0, THETA)),
            ("exponent theta of bucklers' forces".into(), exponent(self.bucklers, 1.0, THETA_BUCKLERS)),
        ]
    }

    fn summary(&self, plan: &PackingPlan) -> Value {
        let number = |v: f64| if v.is_finite() { json!(v) } else { Value::Null };
        let bars = |(value, error): (f64, f64)| json!({"value": number(value), "error": number(error)});
        let exponent = |e: Option<Exponent>, sign: f64, theory: f64| match e {
            Some(e) => json!({"value": sign * e.value, "error": e.error, "count": e.count, "theory": theory}),
            None => Value::Null,
        };
        json!({
            "name": "packing",
            "version": env!("CARGO_PKG_VERSION"),
            "dimension": plan.protocol.dimension,
            "n": plan.protocol.spheres,
            "packings": plan.packings,
            "fraction": bars(self.fraction),
            "contact_number": bars(self.contacts),
            "rattlers": bars(self.rattlers),
            "isostatic": self.isostatic,
            "converged": self.converged,
            "imbalance": number(self.imbalance),
            "gamma": exponent(self.gaps, -1.0, GAMMA),
            "theta": exponent(self.forces, 1.0, THETA),
            "theta_bucklers": exponent(self.bucklers, 1.0, THETA_BUCKLERS),
        })
    }
}

fn records(plan: &PackingPlan, all: &[Jammed], frequencies: &[f64]) -> Dataset {
    let mut data = Dataset::default();
    let p = &plan.protocol;
    let facts = [
        ("system", "harmonic soft spheres at jamming".to_owned()),
        ("dimension", p.dimension.to_string()),
        ("n", p.spheres.to_string()),
        ("ratio", p.ratio.to_string()),
        ("seed", plan.seed.to_string()),
    ];
    data.attributes.extend(facts.map(|(k, v)| (k.to_owned(), v)));
    let count = all.len();
    let numbers = (0..count).map(|k| k as f64).collect();
    data.coordinates.push(Record::coordinate("packing", "number of the packing", "1", Values::F64(numbers)));
    let mut each = |name: &str, about: &str, unit: &str, of: &dyn Fn(&Jammed) -> f64| {
        data.variables.push(Record::new(name, about, unit, &[("packing", count)], all.iter().map(of).collect()));
    };
    each("fraction", "packing fraction where overlaps vanish", "1", &|j| j.fraction);
    each("contact_number", "contacts per held sphere", "1", &|j| j.network.contact_number());
    each("excess", "contacts beyond one state of self stress", "1", &|j| j.network.excess() as f64);
    each("held", "spheres that are no rattlers", "1", &|j| j.network.rigid() as f64);
    each("imbalance", "largest unbalanced force over the mean force", "1", &|j| j.network.imbalance);
    each("overlap", "root mean square overlap 1 - r/sigma", "1", &|j| j.stages[j.stages.len() - 1].overlap);
    // Lists of different lengths, one after the other, each with the number of its packing.
    let mut list = |name: &str, about: &str, of: &dyn Fn(&Jammed) -> Vec<f64>| {
        let lists: Vec<Vec<f64>> = all.iter().map(of).collect();
        let which = lists.iter().enumerate().flat_map(|(k, l)| vec![k as f64; l.len()]).collect();
        let values = lists.concat();
        let dims = [(name, values.len())];
        data.variables.push(Record::new(&format!("{name}_value"), about, "1", &dims, values));
        data.variables.push(Record::new(&format!("{name}_packing"), "number of its packing", "1", &dims, which));
    };
    list("gap", "gaps r/sigma - 1 of pairs of held spheres", &|j| j.network.gaps.clone());
    list("force", "forces of the contacts, mean 1", &|j| j.network.forces.clone());
    list("stage_fraction", "packing fraction of a stage", &|j| j.stages.iter().map(|s| s.fraction).collect());
    list("stage_overlap", "root mean square overlap of a stage", &|j| j.stages.iter().map(|s| s.overlap).collect());
    let packing = &all[0].packing;
    let (n, d) = (packing.spheres(), packing.dimension());
    let mut first = |name: &str, about: &str, unit: &str, dims: &[(&str, usize)], values: &[f64]| {
        data.variables.push(Record::new(name, about, unit, dims, values.to_vec()));
    };
    let dims = [("sphere", n), ("axis", d)];
    first("position", "positions in the first packing", "side of the box", &dims, packing.positions());
    first("diameter", "diameters in the first packing", "side of the box", &dims[..1], packing.diameters());
    if !frequencies.is_empty() {
        let about = "frequencies of the vibrations of the first packing, rattlers and translations left out";
        first("frequency", about, "1/(mean diameter)", &[("mode", frequencies.len())], frequencies);
    }
    data
}

/// Sorted values v and the part of all up to each, thinned to about 200 points at even steps of ln v.
fn cumulative(mut values: Vec<f64>, highest: f64) -> Vec<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let all = values.len() as f64;
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (k, v) in values.iter().enumerate().filter(|v| *v.1 > 0.0 && *v.1 <= highest) {
        if out.last().is_none_or(|last| *v > last.0 * 1.05) {
            out.push((*v, (k + 1) as f64 / all));
        }
    }
    out
}

const BLUE: Color = Color(0, 114, 178);
const ORANGE: Color = Color(213, 94, 0);
const GREEN: Color = Color(0, 158, 115);

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>, guides: Vec<Guide>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides, colors: None, note: None }
}

/// The power law through the middle of a curve.
fn slope(points: &[(f64, f64)], slope: f64, label: String) -> Vec<Guide> {
    match points.get(points.len() / 2) {
        Some(&through) => vec![Guide::Slope { slope, through, span: (points[0].0, points[points.len() - 1].0), label }],
        None => Vec::new(),
    }
}

fn page(plan: &PackingPlan, all: &[Jammed], found: &Found, frequencies: &[f64], rows: &[(String, String)]) -> Page {
    let p = &plan.protocol;
    let above = |j: &Jammed, of: &dyn Fn(&glasslab_glasses::packing::Stage) -> f64| -> Vec<(f64, f64)> {
        j.stages.iter().map(|s| (s.fraction - j.fraction, of(s))).collect()
    };
    let marks = |of: &dyn Fn(&glasslab_glasses::packing::Stage) -> f64| -> Vec<Curve> {
        all.iter().map(|j| Curve { marks: true, width: 0.8, ..Curve::line(above(j, of), BLUE) }).collect()
    };
    let distance = || Axis::log("φ − φ_J");
    let last = all[0].stages[all[0].stages.len() - 1].contacts;
    let approach = vec![
        panel(
            "Overlap",
            distance(),
            Axis::log("root mean square overlap"),
            marks(&|s| s.overlap),
            slope(&above(&all[0], &|s| s.overlap), 1.0, "1".to_owned()),
        ),
        panel(
            "Contacts beyond those at jamming",
            distance(),
            Axis::log("z − z_J (all spheres)"),
            marks(&|s| s.contacts - last),
            slope(&above(&all[0], &|s| s.contacts - last)[..1.max(all[0].stages.len() / 2)], 0.5, "1/2".to_owned()),
        ),
    ];
    let gaps = cumulative(all.iter().flat_map(|j| j.network.gaps.clone()).collect(), 0.3);
    let (bucklers, others): (Vec<_>, Vec<_>) = all.iter().map(|j| j.network.forces_by_kind()).unzip();
    let (bucklers, others) = (cumulative(bucklers.concat(), 10.0), cumulative(others.concat(), 10.0));
    let mut force_guides = slope(&others[..others.len() / 2], 1.0 + THETA, format!("{:.3}", 1.0 + THETA));
    force_guides.extend(slope(
        &bucklers[..bucklers.len() / 2],
        1.0 + THETA_BUCKLERS,
        format!("{:.3}", 1.0 + THETA_BUCKLERS),
    ));
    let laws = vec![
        panel(
            "Gaps",
            Axis::log("gap h = r/σ − 1"),
            Axis::log("part of all gaps up to h"),
            vec![Curve::line(gaps.clone(), BLUE)],
            slope(&gaps[..gaps.len() / 2], 1.0 - GAMMA, format!("1 − γ = {:.3}", 1.0 - GAMMA)),
        ),
        panel(
            "Forces",
            Axis::log("force f over its mean"),
            Axis::log("part of all forces up to f"),
            vec![
                Curve::line(bucklers, ORANGE).labelled("of bucklers"),
                Curve::line(others, GREEN).labelled("all others"),
            ],
            force_guides,
        ),
    ];
    let figure = |id: &str, title: &str, caption: &str, panels: Vec<Panel>| {
        Block::Figure(Figure { id: id.to_owned(), title: title.to_owned(), caption: caption.to_owned(), panels })
    };
    let mut blocks = vec![
        figure(
            "approach",
            "Towards jamming",
            "Each line is a packing. Overlaps vanish in proportion to φ − φ_J.",
            approach,
        ),
        figure(
            "laws",
            "Gaps and forces at jamming",
            "Straight lines: exponents of mean-field theory. A buckler is a sphere with d + 1 contacts; rattlers are left out.",
            laws,
        ),
    ];
    if frequencies.is_empty() {
        let text = format!("Vibrations are computed for up to {VIBRATIONS} degrees of freedom: give fewer spheres.");
        blocks.push(Block::Paragraph(text));
    } else {
        let counted = cumulative(frequencies.to_vec(), f64::INFINITY);
        let bins = 40;
        let width = frequencies[frequencies.len() - 1] / bins as f64;
        let mut histogram = vec![0.0; bins];
        frequencies.iter().for_each(|f| histogram[((f / width) as usize).min(bins - 1)] += 1.0);
        let scale = 1.0 / (width * frequencies.len() as f64);
        let density = histogram.iter().enumerate().map(|(k, c)| ((k as f64 + 0.5) * width, c * scale)).collect();
        let axis = "frequency ω";
        blocks.push(figure(
            "vibrations",
            "Vibrations of the first packing",
            "In units of the mean diameter, the spring constant and the mass. At jamming the density of states is flat down to zero frequency: the \
             part of all modes up to ω grows like ω.",
            vec![
                panel("", Axis::linear(axis), Axis::linear("density of states"), vec![Curve::line(density, BLUE)], vec![]),
                panel(
                    "",
                    Axis::log(axis),
                    Axis::log("part of all modes up to ω"),
                    vec![Curve::line(counted.clone(), BLUE)],
                    slope(&counted[..counted.len() / 2], 1.0, "1".to_owned()),
                ),
            ],
        ));
    }
    let table = rows.iter().map(|(a, b)| vec![a.clone(), b.clone()]).collect();
    blocks.push(Block::Table(Table {
        caption: "Numbers with their standard errors".to_owned(),
        head: vec![],
        rows: table,
    }));
    blocks.push(Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() });
    blocks.push(Block::Heading("Sources".to_owned()));
    let sources = all[0].packing.citations().iter().map(|c| (c.text.to_owned(), c.locator.to_owned()));
    blocks.push(Block::Bibliography(sources.collect()));
    Page {
        title: format!("{} spheres at jamming, d = {}", p.spheres, p.dimension),
        subtitle: format!("glasslab packing: {} packings, diameters 1 and {}", plan.packings, short(p.ratio)),
        abstract_text: format!(
            "φ_J = {}; {} of {} packings have exactly the contacts that one state of self stress needs.",
            short(found.fraction.0),
            found.isostatic,
            plan.packings
        ),
        blocks,
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PackingPlan {
        PackingPlan { protocol: Protocol::bidisperse(2, 48), packings: 3, seed: 5 }
    }

    /// A whole run: isostatic, its records can be read back, the same bytes on one thread.
    #[test]
    fn a_run_leaves_records_and_report() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a");
        let outcome = packing(&plan(), Some(&out), &mut ()).unwrap();
        assert!(outcome.isostatic, "{}", outcome.table);
        assert!(outcome.summary["imbalance"].as_f64().unwrap() < 1e-12);
        let data = glasslab_store::Run::open(&out).unwrap().records("packing").unwrap();
        assert_eq!(data.get("fraction").unwrap().floats().unwrap().len(), 3);
        assert_eq!(data.get("excess").unwrap().floats().unwrap(), vec![0.0; 3]);
        // One vibration per degree of freedom that is no rattler's, but for the translations.
        let held = data.get("held").unwrap().floats().unwrap()[0] as usize;
        assert_eq!(data.get("frequency").unwrap().floats().unwrap().len(), 2 * held - 2);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let other = folder.path().join("b");
        one.install(|| packing(&plan(), Some(&other), &mut ()).unwrap());
        for file in ["records/packing.nc", "summary.json", "report.html", "plan.toml"] {
            assert_eq!(std::fs::read(out.join(file)).unwrap(), std::fs::read(other.join(file)).unwrap(), "{file}");
        }
    }

    #[test]
    fn bad_plans_are_refused_at_once() {
        let mut bad = plan();
        (bad.packings, bad.protocol.ratio, bad.protocol.dimension) = (0, 0.0, 5);
        let message = packing(&bad, None, &mut ()).unwrap_err().to_string();
        for field in ["packings = 0", "ratio = 0", "dimension = 5"] {
            assert!(message.contains(field), "{message}");
        }
    }
}
