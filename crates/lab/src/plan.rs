//! Plans: what to run, read from TOML, checked as a whole, and written back with every default spelled out.

use crate::fields::{Fields, as_value, shown};
use crate::registry;
use crate::stability::{self, StabilityPlan};
use glasslab_core::{Complaint, Course, FlowRule, Method, Parameters, Precision, Schedule, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::Table;

/// A run: one or several quenches, measured alike and reported side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the run.
    pub name: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// The quenches, in order.
    pub quench: Vec<Quench>,
}

/// One System, one Method, several replicas, one set of observers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quench {
    /// Name, unique in the plan; names its files.
    pub name: String,
    /// Title in tables and figures.
    pub label: String,
    /// Name of the System in the registry.
    pub system: String,
    /// Replicas (initial conditions and noises) of each realisation of the disorder.
    pub replicas: u64,
    /// Realisations of the disorder.
    pub samples: u64,
    /// Steps.
    pub steps: u64,
    /// Arithmetic of native kernels.
    pub precision: Precision,
    /// Keep the last weights (positions and running statistics) of each replica in the run directory.
    pub keep_weights: bool,
    /// Parameters of the System.
    pub parameters: BTreeMap<String, Value>,
    /// The dynamics.
    pub method: Method,
    /// When to look.
    pub grid: Grid,
    /// Stability to deformations of images, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<StabilityPlan>,
}

/// The observation times: logarithmic grids of waiting times, lags and energies, in steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grid {
    /// First waiting time t_w > 0 (0 is always one).
    pub waiting_first: u64,
    /// Last waiting time.
    pub waiting_last: u64,
    /// Number of waiting times between them.
    pub waiting_count: u64,
    /// Number of lags t between 1 and `steps`.
    pub lag_count: u64,
    /// Number of times at which energies, losses and norms are measured.
    pub loss_count: u64,
    /// Times are multiples of this many steps (1: none).
    pub every: u64,
}

impl Grid {
    fn spaced(&self, first: u64, last: u64, count: u64) -> Schedule {
        let every = self.every.max(1);
        let log = Schedule::log(first.div_ceil(every).max(1), (last / every).max(1), count as usize);
        Schedule::at(log.steps().iter().map(|s| s * every).filter(|&s| s <= last).collect())
    }

    /// The waiting times.
    pub fn waiting(&self) -> Schedule {
        self.spaced(self.waiting_first, self.waiting_last, self.waiting_count)
    }

    /// The lags, up to the length of the run.
    pub fn lags(&self, steps: u64) -> Schedule {
        self.spaced(1, steps, self.lag_count)
    }

    /// The times of energies and losses.
    pub fn losses(&self, steps: u64) -> Schedule {
        self.spaced(1, steps, self.loss_count)
    }
}

impl Plan {
    /// Reads and checks a plan. All complaints at once.
    pub fn parse(text: &str) -> Result<Plan, Vec<Complaint>> {
        Plan::from_table(&table(text)?)
    }

    /// Checks a plan that was read as a table.
    pub fn from_table(table: &Table) -> Result<Plan, Vec<Complaint>> {
        let mut fields = Fields::new(table, "");
        let name = fields.text("name", Some("run".to_owned()));
        check_name(&mut fields, "name", &name);
        let seed = fields.integer("seed", Some(1), 0, i64::MAX as u64);
        let mut quench = Vec::new();
        match fields.raw("quench") {
            None => fields.complain("quench", "(missing)", "write at least one [[quench]] with its system"),
            Some(value) => {
                let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
                if list.is_empty() {
                    fields.complain("quench", shown(value), "write at least one [[quench]] with its system");
                }
                for (i, item) in list.iter().enumerate() {
                    match item.as_table() {
                        None => fields.complain(&format!("quench[{i}]"), shown(item), "write a table [[quench]]"),
                        Some(table) => match read_quench(table, &format!("quench[{i}]")) {
                            Ok(q) => quench.push(q),
                            Err(complaints) => fields.adopt(complaints),
                        },
                    }
                }
            }
        }
        let mut repeated: Vec<String> = quench.iter().map(|q| q.name.clone()).collect();
        repeated.sort();
        for pair in repeated.windows(2).filter(|w| w[0] == w[1]) {
            fields.complain("quench.name", &pair[0], "give each quench a name of its own");
        }
        let complaints = fields.finish();
        if complaints.is_empty() { Ok(Plan { name, seed, quench }) } else { Err(complaints) }
    }

    /// The plan as TOML with every default spelled out; parsing it gives the same plan.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a plan has only tables, texts and numbers")
    }
}

/// Reads TOML; the complaint names the line.
pub(crate) fn table(text: &str) -> Result<Table, Vec<Complaint>> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].lines().count().max(1));
        let message = e.message().lines().next().unwrap_or("syntax error").to_owned();
        let fix = format!("{message} (line {line}); write the plan as TOML");
        vec![Complaint::new("plan", "(the whole text)", fix)]
    })
}

fn check_name(fields: &mut Fields<'_>, field: &str, name: &str) {
    let fine = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['-', '.'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fine {
        fields.complain(field, format!("{name:?}"), "use 1 to 64 letters, digits, '-', '_' and '.' (it names files)");
    }
}

fn read_quench(table: &Table, path: &str) -> Result<Quench, Vec<Complaint>> {
    let mut fields = Fields::new(table, path);
    let system = fields.text("system", None);
    let Some(entry) = registry::find(&system) else {
        if !system.is_empty() {
            fields.complain("system", format!("{system:?}"), registry::unknown_system(&system));
        }
        return Err(fields.finish().into_iter().filter(|c| !c.fix.starts_with("unknown field")).collect());
    };
    let name = fields.text("name", Some(system.clone()));
    check_name(&mut fields, "name", &name);
    let label = fields.text("label", Some(name.clone()));
    let replicas = fields.integer("replicas", Some(4), 1, 1 << 20);
    let samples = fields.integer("samples", Some(1), 1, 1 << 20);
    let steps = fields.integer("steps", Some(entry.steps), 1, 1 << 50);
    let precision = match fields.word("precision", Some("f64"), &["f32", "f64"]).as_str() {
        "f32" => Precision::F32,
        _ => Precision::F64,
    };
    let keep_weights = fields.flag("keep_weights", Some(false));
    let mut given = BTreeMap::new();
    if let Some(table) = fields.table("parameters") {
        for (key, value) in table {
            match as_value(value) {
                Some(v) => {
                    given.insert(key.clone(), v);
                }
                None => fields.complain(
                    &format!("parameters.{key}"),
                    shown(value),
                    "give a number, a text, true or false, or a list of whole numbers",
                ),
            }
        }
    }
    let parameters = match Parameters::check(&(entry.parameters)(), &given) {
        Ok(p) => p.values().clone(),
        Err(complaints) => {
            fields.adopt(complaints.into_iter().map(|c| c.within("parameters")));
            BTreeMap::new()
        }
    };
    let default = (entry.method)();
    let empty = Table::new();
    let given = fields.table("method").unwrap_or(&empty);
    let method = match read_method(given, &format!("{path}.method"), &default) {
        Ok(m) => m,
        Err(complaints) => {
            fields.adopt(complaints.into_iter().map(|c| Complaint {
                field: c.field.trim_start_matches(path).trim_start_matches('.').to_owned(),
                ..c
            }));
            default
        }
    };
    let grid = read_grid(fields.table("grid").unwrap_or(&empty), "grid", steps);
    let grid = grid.unwrap_or_else(|complaints| {
        fields.adopt(complaints);
        read_grid(&empty, "grid", steps).expect("defaults are fine")
    });
    let stability = fields.table("stability").and_then(|table| match stability::read(table) {
        Ok(plan) => Some(plan),
        Err(complaints) => {
            fields.adopt(complaints);
            None
        }
    });
    let complaints = fields.finish();
    let quench = Quench {
        name,
        label,
        system,
        replicas,
        samples,
        steps,
        precision,
        keep_weights,
        parameters,
        method,
        grid,
        stability,
    };
    if complaints.is_empty() { Ok(quench) } else { Err(complaints) }
}

fn read_grid(table: &Table, path: &str, steps: u64) -> Result<Grid, Vec<Complaint>> {
    let mut fields = Fields::new(table, path);
    let every = fields.integer("every", Some(1), 1, steps.max(1));
    let waiting_first = fields.integer("waiting_first", Some(every), 1, steps);
    let waiting_last = fields.integer("waiting_last", Some((steps / 2).max(1)), 1, steps);
    let grid = Grid {
        waiting_first,
        waiting_last,
        waiting_count: fields.integer("waiting_count", Some(12), 1, 1000),
        lag_count: fields.integer("lag_count", Some(40), 2, 10_000),
        loss_count: fields.integer("loss_count", Some(60), 2, 100_000),
        every,
    };
    if waiting_first > waiting_last {
        fields.complain("waiting_first", waiting_first, format!("give at most waiting_last = {waiting_last}"));
    }
    let complaints = fields.finish();
    if complaints.is_empty() { Ok(grid) } else { Err(complaints) }
}

const METHODS: &[&str] =
    &["sgd", "descent", "langevin", "verlet", "underdamped", "bussi", "fire", "hop", "flow", "adam"];

/// Time step and temperature of a default method, for another kind of method that needs them too.
fn thermal(default: &Method) -> (Option<f64>, Option<Course>) {
    match default {
        Method::Langevin { step_size, temperature }
        | Method::Underdamped { step_size, temperature, .. }
        | Method::Bussi { step_size, temperature, .. } => (Some(*step_size), Some(*temperature)),
        Method::Verlet { step_size, temperature } => (Some(*step_size), Some((*temperature).into())),
        Method::Descent { step_size } => (Some(step_size.at(0.0)), None),
        _ => (None, None),
    }
}

/// Reads a method; what is not given is taken from `default` if that is of the same kind.
fn read_method(table: &Table, path: &str, default: &Method) -> Result<Method, Vec<Complaint>> {
    let mut fields = Fields::new(table, path);
    let kind = fields.word("kind", Some(default.name()), METHODS);
    let method = match kind.as_str() {
        "sgd" => {
            let (r, m, b) = match default {
                Method::Sgd { rate, momentum, batch } => (Some(*rate), *momentum, Some(*batch as u64)),
                _ => (None, 0.0, None),
            };
            Method::Sgd {
                rate: fields.course("rate", r),
                momentum: fields.number("momentum", Some(m)),
                batch: fields.integer("batch", b, 1, u64::from(u32::MAX)) as usize,
            }
        }
        "descent" => {
            let s = match default {
                Method::Descent { step_size } => Some(*step_size),
                Method::Langevin { step_size, .. } => Some((*step_size).into()),
                _ => None,
            };
            Method::Descent { step_size: fields.course("step_size", s) }
        }
        "langevin" => {
            let (s, t) = thermal(default);
            Method::Langevin { step_size: fields.number("step_size", s), temperature: fields.course("temperature", t) }
        }
        "verlet" => {
            let (s, t) = thermal(default);
            Method::Verlet {
                step_size: fields.number("step_size", s),
                temperature: fields.number("temperature", t.map(|t| t.at(0.0))),
            }
        }
        "underdamped" => {
            let (s, t) = thermal(default);
            let f = if let Method::Underdamped { friction, .. } = default { *friction } else { 1.0 };
            Method::Underdamped {
                step_size: fields.number("step_size", s),
                temperature: fields.course("temperature", t),
                friction: fields.number("friction", Some(f)),
            }
        }
        "bussi" => {
            let (s, t) = thermal(default);
            let r = if let Method::Bussi { relaxation, .. } = default { *relaxation } else { 0.2 };
            Method::Bussi {
                step_size: fields.number("step_size", s),
                temperature: fields.course("temperature", t),
                relaxation: fields.number("relaxation", Some(r)),
            }
        }
        "fire" => {
            let (s, e, m) = match default {
                Method::Fire { step_size, tolerance, largest_move } => (*step_size, *tolerance, *largest_move),
                // Less than other methods' step: it grows tenfold, and must stay below the limit of the stiffest vibration.
                _ => (0.4 * thermal(default).0.unwrap_or(0.01), 1e-12, 0.1),
            };
            Method::Fire {
                step_size: fields.number("step_size", Some(s)),
                tolerance: fields.number("tolerance", Some(e)),
                largest_move: fields.number("largest_move", Some(m)),
            }
        }
        "flow" => {
            let rule = if let Method::Flow(rule) = default { *rule } else { FlowRule::default() };
            Method::Flow(FlowRule {
                largest_turn: fields.number("largest_turn", Some(rule.largest_turn)),
                largest_move: fields.number("largest_move", Some(rule.largest_move)),
                first_step: fields.number("first_step", Some(rule.first_step)),
                memory: fields.number("memory", Some(rule.memory)),
            })
        }
        "adam" => {
            let (r, b, e, n) = match default {
                Method::Adam { rate, betas, epsilon, batch } => (*rate, *betas, *epsilon, *batch as u64),
                // Those of torch.optim.Adam.
                _ => (1e-3.into(), [0.9, 0.999], 1e-8, 0),
            };
            Method::Adam {
                rate: fields.course("rate", Some(r)),
                betas: [fields.number("beta1", Some(b[0])), fields.number("beta2", Some(b[1]))],
                epsilon: fields.number("epsilon", Some(e)),
                batch: fields.integer("batch", Some(n), 0, u64::from(u32::MAX)) as usize,
            }
        }
        _ => {
            let (s, t) = match default {
                Method::Hop { step_size, temperature } => (Some(*step_size), Some(*temperature)),
                _ => (Some(1.0), None),
            };
            Method::Hop { step_size: fields.number("step_size", s), temperature: fields.number("temperature", t) }
        }
    };
    let numbers = method.complaints();
    let named: Vec<_> = fields.finish();
    let mut all = named;
    for complaint in numbers {
        let complaint = complaint.within(path);
        if !all.iter().any(|c| c.field == complaint.field) {
            all.push(complaint);
        }
    }
    if all.is_empty() { Ok(method) } else { Err(all) }
}
