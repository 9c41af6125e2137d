//! The plan of a sweep: a plan, and which of its fields take which values.

use super::address::Addresses;
use super::axes::{self, Axis};
use super::gathered::Gathered;
use super::target::{flatten, set, target};
use crate::error::{LabError, plan_error};
use crate::fields::{Fields, shown};
use crate::{Plan, presets};
use glasslab_core::Complaint;
use rayon::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Most points of a sweep.
const MOST: usize = 2_000_000;

/// A plan and the points at which it is run: each explicit point (or the plan itself) at every point of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPlan {
    /// Name of the sweep, that of the plan.
    pub name: String,
    /// Axes of the grid; the last one varies fastest.
    pub axes: Vec<Axis>,
    /// Explicit points; empty: the plan as it is.
    pub points: Vec<Vec<(String, Value)>>,
    base: Table,
}

impl SweepPlan {
    /// Reads a file, or a preset by name; returns also the folder that relative data paths start from.
    pub fn open(file: &str) -> Result<(Self, PathBuf), LabError> {
        let (text, folder) = crate::plan_text(file)?;
        let plan = Self::parse(&text, &folder).map_err(|c| plan_error(file, c))?;
        Ok((plan, folder))
    }

    /// Reads TOML: a plan with a table `[sweep]`; its `base` names another plan (a file, relative to `folder`, or a preset) that is
    /// swept instead.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Complaint>> {
        let mut base = crate::plan::table(text)?;
        let Some(sweep) = base.remove("sweep") else {
            let fix = "write [sweep.grid] with a list of values for each field, or [[sweep.points]]; a single run is `glasslab run`";
            return Err(vec![Complaint::new("sweep", "(missing)", fix)]);
        };
        let empty = Table::new();
        let Some(sweep) = sweep.as_table() else {
            return Err(vec![Complaint::new("sweep", shown(&sweep), "write a table [sweep]")]);
        };
        let mut fields = Fields::new(sweep, "sweep");
        let mut complaints = Vec::new();
        if let Some(name) = fields.raw("base") {
            match other(name, &base, folder) {
                Ok(mut table) => {
                    // The name and seed beside [sweep] win.
                    table.extend(base);
                    base = table;
                }
                Err(complaint) => complaints.push(complaint),
            }
        }
        let axes = axes::read(fields.table("grid").unwrap_or(&empty), &mut complaints);
        let mut points = Vec::new();
        if let Some(value) = fields.raw("points") {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if list.is_empty() {
                complaints.push(Complaint::new("sweep.points", shown(value), "write at least one [[sweep.points]]"));
            }
            for (i, point) in list.iter().enumerate() {
                match point.as_table() {
                    Some(table) if !table.is_empty() => {
                        let mut fields = Vec::new();
                        flatten(table, "", &mut fields);
                        points.push(fields);
                    }
                    _ => {
                        let field = format!("sweep.points[{i}]");
                        complaints.push(Complaint::new(field, shown(point), "give each point at least one field"));
                    }
                }
            }
        }
        complaints.extend(fields.finish());
        if axes.is_empty() && points.is_empty() && complaints.is_empty() {
            let fix = "an empty grid: write [sweep.grid] with a list of values for each field, or [[sweep.points]]";
            complaints.push(Complaint::new("sweep", "(empty)", fix));
        }
        let count = axes.iter().try_fold(points.len().max(1), |n, a| n.checked_mul(a.values.len()));
        if count.is_none_or(|n| n > MOST) {
            let count = count.map_or("more than can be counted".to_owned(), |n| n.to_string());
            complaints.push(Complaint::new("sweep.grid", format!("({count} points)"), format!("give at most {MOST}")));
        }
        let name = base.get("name").and_then(Value::as_str).unwrap_or("sweep").to_owned();
        let plan = Self { name, axes, points, base };
        for field in plan.fields() {
            if let Err(complaint) = target(&plan.base, &field) {
                complaints.push(complaint);
            }
        }
        if complaints.is_empty() { Ok(plan) } else { Err(complaints) }
    }

    /// Another seed for every point; refused where the sweep varies the seed itself.
    pub fn set_seed(&mut self, seed: u64) -> Result<(), Complaint> {
        if self.fields().iter().any(|f| f == "seed") {
            return Err(Complaint::new(
                "--seed",
                seed,
                "the sweep varies the seed: leave the flag out, or take `seed` out of [sweep]",
            ));
        }
        let value =
            i64::try_from(seed).map_err(|_| Complaint::new("--seed", seed, format!("give at most {}", i64::MAX)))?;
        self.base.insert("seed".to_owned(), Value::Integer(value));
        Ok(())
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.axes.iter().fold(self.points.len().max(1), |n, a| n * a.values.len())
    }

    /// Never: a sweep has at least one point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lengths of the explicit points (1 if there are none) and of the axes, slowest first.
    pub fn shape(&self) -> Vec<usize> {
        std::iter::once(self.points.len().max(1)).chain(self.axes.iter().map(|a| a.values.len())).collect()
    }

    /// All fields that are set, each once: of the explicit points, then of the axes.
    pub fn fields(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let explicit = self.points.iter().flatten().map(|(f, _)| f);
        for field in explicit.chain(self.axes.iter().map(|a| &a.field)) {
            if !out.contains(field) {
                out.push(field.clone());
            }
        }
        out
    }

    /// The position of a point along each dimension of [`SweepPlan::shape`].
    pub fn position(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut out: Vec<usize> = self.shape().iter().rev().map(|n| (rest % n, rest /= n).0).collect();
        out.reverse();
        out
    }

    /// What a point sets: fields and values.
    pub fn coordinates(&self, point: usize) -> Vec<(&str, &Value)> {
        let position = self.position(point);
        let explicit = self.points.get(position[0]).into_iter().flatten().map(|(f, v)| (f.as_str(), v));
        let grid = self.axes.iter().zip(&position[1..]).map(|(a, &i)| (a.field.as_str(), &a.values[i]));
        explicit.chain(grid).collect()
    }

    /// A point in words: `seed = 1, method.temperature = 0.5`.
    pub fn label(&self, point: usize) -> String {
        let words: Vec<String> = self.coordinates(point).iter().map(|(f, v)| format!("{f} = {}", shown(v))).collect();
        words.join(", ")
    }

    /// The plan of a point.
    pub fn plan(&self, point: usize) -> Result<Plan, Vec<Complaint>> {
        let mut table = self.base.clone();
        for (field, value) in self.coordinates(point) {
            set(&mut table, field, value).map_err(|c| vec![c])?;
        }
        Plan::from_table(&table)
    }

    /// The address of every point, in order; all complaints about all points at once. Cost O(points).
    pub fn addresses(&self, folder: &Path) -> Result<Vec<String>, Vec<Complaint>> {
        let addresses = Addresses::new(folder);
        let found: Vec<Result<String, Vec<Complaint>>> =
            (0..self.len()).into_par_iter().map(|i| self.plan(i).map(|p| addresses.of(&p))).collect();
        let mut complaints = Gathered::default();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (i, result) in found.iter().enumerate() {
            match result {
                Err(list) => list.iter().for_each(|c| complaints.add(c, i)),
                Ok(address) => {
                    if let Some(first) = seen.insert(address, i) {
                        let fix = "duplicated point: it is the same plan as an earlier one; give each point once";
                        let again = format!("({})", self.label(first));
                        complaints.add(&Complaint::new("sweep", again, fix), i);
                    }
                }
            }
        }
        let complaints = complaints.finish(self);
        if complaints.is_empty() { Ok(found.into_iter().flatten().collect()) } else { Err(complaints) }
    }

    /// Points at the ends of every axis and list: where a System that cannot be built shows first. At most a few times the number
    /// of axes.
    pub fn corners(&self) -> Vec<usize> {
        let shape = self.shape();
        let index = |p: &[usize]| p.iter().zip(&shape).fold(0, |n, (i, len)| n * len + i);
        let (first, last) = (vec![0; shape.len()], shape.iter().map(|n| n - 1).collect::<Vec<_>>());
        let mut out = vec![index(&first), index(&last)];
        for d in 0..shape.len() {
            for base in [&first, &last] {
                let mut p = base.clone();
                p[d] = if base[d] == 0 { shape[d] - 1 } else { 0 };
                out.push(index(&p));
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The plan of the sweep as TOML, ranges written out; parsing it gives the same points.
    pub fn to_toml(&self) -> String {
        let mut table = self.base.clone();
        let mut sweep = Table::new();
        let grid: Table = self.axes.iter().map(|a| (a.field.clone(), Value::Array(a.values.clone()))).collect();
        if !grid.is_empty() {
            sweep.insert("grid".to_owned(), Value::Table(grid));
        }
        if !self.points.is_empty() {
            let point = |p: &Vec<(String, Value)>| Value::Table(p.iter().cloned().collect());
            sweep.insert("points".to_owned(), Value::Array(self.points.iter().map(point).collect()));
        }
        table.insert("sweep".to_owned(), Value::Table(sweep));
        toml::to_string(&table).expect("a plan has only tables, texts and numbers")
    }
}

/// The plan that `base` names.
fn other(name: &Value, beside: &Table, folder: &Path) -> Result<Table, Complaint> {
    let complain = |fix: String| Complaint::new("sweep.base", shown(name), fix);
    let Some(file) = name.as_str() else { return Err(complain("give the name of a plan file or of a preset".into())) };
    if let Some(key) = beside.keys().find(|k| !["name", "seed"].contains(&k.as_str())) {
        return Err(complain(format!(
            "give either base or `{key}` in this file; beside base stand name and seed only"
        )));
    }
    let path = folder.join(file);
    let text = if path.is_file() {
        fs::read_to_string(&path).map_err(|e| complain(format!("cannot be read: {e}")))?
    } else if let Some(preset) = presets::find(file) {
        preset.text.to_owned()
    } else {
        let near = presets::nearest(file).map_or(String::new(), |n| format!("; did you mean the preset `{n}`?"));
        return Err(complain(format!("no plan file beside this one and no preset of that name{near}")));
    };
    let table = crate::plan::table(&text).map_err(|c| complain(c.first().map_or(String::new(), |c| c.fix.clone())))?;
    if table.contains_key("sweep") {
        return Err(complain("is a sweep itself: give a plan without [sweep]".to_owned()));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "name = 'demo'\n[[quench]]\nname = 'a.b'\nsystem = 'ornstein-uhlenbeck'\nsteps = 100\n\
        [[quench]]\nsystem = 'trap'\nsteps = 100\n";

    fn parse(sweep: &str) -> Result<SweepPlan, String> {
        let say = |c: Vec<Complaint>| c.iter().map(|c| format!("{c}\n")).collect::<String>();
        let plan = SweepPlan::parse(&format!("{BASE}{sweep}"), Path::new("")).map_err(say)?;
        plan.addresses(Path::new("")).map_err(say)?;
        Ok(plan)
    }

    #[test]
    fn grid_and_list_are_crossed_and_the_last_axis_is_fastest() {
        let plan = parse(
            "[sweep.grid]\nquench.a.b.method.temperature = [0.5, 1.5]\nseed = {from = 1, to = 3}\n\
             [[sweep.points]]\nreplicas = 2\n[[sweep.points]]\nquench.trap.replicas = 3\n",
        )
        .unwrap();
        assert_eq!((plan.len(), plan.shape()), (12, vec![2, 2, 3]));
        assert_eq!(plan.position(7), [1, 0, 1]);
        assert_eq!(plan.label(7), "quench.trap.replicas = 3, quench.a.b.method.temperature = 0.5, seed = 2");
        let seventh = plan.plan(7).unwrap();
        assert_eq!((seventh.seed, seventh.quench[0].replicas, seventh.quench[1].replicas), (2, 4, 3));
        assert_eq!(plan.plan(0).unwrap().quench.iter().map(|q| q.replicas).collect::<Vec<_>>(), [2, 2]);
        let again = SweepPlan::parse(&plan.to_toml(), Path::new("")).unwrap();
        assert_eq!(again.to_toml(), plan.to_toml());
        assert_eq!(again.addresses(Path::new("")), plan.addresses(Path::new("")));
        assert_eq!(plan.corners(), [0, 2, 3, 5, 6, 8, 9, 11]);
    }

    #[test]
    fn a_course_is_one_value() {
        let net = "name = 'n'\n[[quench]]\nsystem = 'toy'\nsteps = 100\n[sweep.grid]\n\
            method.rate = [0.1, {from = 0.1, to = 0.2, until = 5.0}]\n[[sweep.points]]\n\
            method.rate = {before = 1.0, after = 0.5, at = 3.0}\nreplicas = 2\n";
        // The grid comes after the explicit points and wins.
        let plan = SweepPlan::parse(net, Path::new("")).unwrap();
        assert_eq!(plan.len(), 2);
        assert!(plan.points[0].iter().any(|(f, v)| f == "method.rate" && v.is_table()));
        assert!(plan.addresses(Path::new("")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_with_the_nearest_name_and_the_points() {
        for (sweep, words) in [
            ("", "[sweep.grid]"),
            ("[sweep]", "empty grid"),
            ("[sweep.grid]", "empty grid"),
            ("[sweep]\npoints = []", "at least one [[sweep.points]]"),
            ("[sweep.gird]\nseed = [1]", "did you mean `grid`"),
            ("[sweep.grid]\nseeed = [1, 2]", "did you mean `seed`"),
            ("[sweep.grid]\nquench.trip.steps = [1]", "did you mean `quench.trap`"),
            ("[sweep.grid]\n'quench[2].steps' = [1]", "quench[0] to quench[1]"),
            ("[sweep.grid]\nquench.trap.method.temprature = [1.0]", "did you mean `temperature`"),
            ("[sweep.grid]\nname = ['a']", "no setting"),
            ("[sweep.grid]\nsteps.x = [1]", "no table"),
            ("[sweep.grid]\nseed = [1, 2, 1]", "duplicated"),
            ("[[sweep.points]]\nseed = 1\n[[sweep.points]]\nseed = 1", "duplicated point"),
            ("[sweep.grid]\nquench.trap.method.temperature = [1, 1.0]", "duplicated point"),
            ("[sweep.grid]\nreplicas = [1, 0]", "1 to 1048576 (point: replicas = 0)"),
            ("[sweep.grid]\nreplicas = [1, 0]\nseed = [1, 2]", "2 of 4 points, first: replicas = 0, seed = 1"),
            ("[sweep.grid]\nseed = {from = 1, to = 100000}\nsteps = {from = 1, to = 100000}", "at most 2000000"),
            ("[sweep]\nbase = 'age'\ngrid.seed = [1]", "either base or `quench`"),
        ] {
            let said = parse(sweep).unwrap_err();
            assert!(said.contains(words), "{sweep} said {said}");
        }
    }

    #[test]
    fn a_base_is_a_preset_or_a_file() {
        let text = "name = 'other'\nseed = 7\n[sweep]\nbase = 'age'\n[sweep.grid]\nseed = [1, 2]";
        let plan = SweepPlan::parse(text, Path::new("")).unwrap();
        assert_eq!((plan.name.as_str(), plan.plan(1).unwrap().seed), ("other", 2));
        for (base, words) in [("'agee'", "preset `age`"), ("3", "give the name")] {
            let said =
                SweepPlan::parse(&format!("[sweep]\nbase = {base}\ngrid.seed = [1]"), Path::new("")).unwrap_err();
            assert!(said[0].to_string().contains(words), "{said:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b.toml"), BASE).unwrap();
        let text = "[sweep]\nbase = 'b.toml'\n[sweep.grid]\nseed = [1, 2]";
        assert_eq!(SweepPlan::parse(text, dir.path()).unwrap().plan(0).unwrap().name, "demo");
    }
}
