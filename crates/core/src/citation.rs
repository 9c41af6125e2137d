//! Citations are data: a report prints the bibliography of what it used.

/// One source: authors, title, venue and year, and where to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Citation {
    /// Short key, `bouchaud1992`.
    pub key: &'static str,
    /// Authors, title, journal, year.
    pub text: &'static str,
    /// `doi:...` or `arXiv:...`.
    pub locator: &'static str,
}
