//! Complaints about many points, gathered.

use super::SweepPlan;
use glasslab_core::Complaint;
use std::collections::HashMap;

/// Most complaints that are listed.
const SHOWN: usize = 25;

/// Complaints of many points, each once, with how many points have it.
#[derive(Default)]
pub(super) struct Gathered {
    list: Vec<(Complaint, usize, usize)>,
    known: HashMap<(String, String), usize>,
}

impl Gathered {
    /// Adds the complaint of a point.
    pub(super) fn add(&mut self, complaint: &Complaint, point: usize) {
        let key = (complaint.field.clone(), complaint.fix.clone());
        match self.known.get(&key) {
            Some(&i) => self.list[i].1 += 1,
            None => {
                self.known.insert(key, self.list.len());
                self.list.push((complaint.clone(), 1, point));
            }
        }
    }

    /// All of them; those of some points only say which.
    pub(super) fn finish(self, plan: &SweepPlan) -> Vec<Complaint> {
        let (all, kinds) = (plan.len(), self.list.len());
        let mut out: Vec<Complaint> = Vec::new();
        for (mut complaint, count, first) in self.list.into_iter().take(SHOWN) {
            if count < all {
                let points = if count == 1 { "point".to_owned() } else { format!("{count} of {all} points, first") };
                complaint.fix = format!("{} ({points}: {})", complaint.fix, plan.label(first));
            }
            out.push(complaint);
        }
        if kinds > SHOWN {
            out.push(Complaint::new("sweep", format!("{} more kinds", kinds - SHOWN), "mend these first"));
        }
        out
    }
}
