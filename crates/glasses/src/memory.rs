//! How much memory there is, so that a System that does not fit is refused before it is drawn.

use glasslab_core::Fault;

/// Bytes that can be had without swapping, as the kernel estimates (`MemAvailable` of /proc/meminfo), or `None` where
/// there is no such file.
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `Ok` if `needed` bytes are there, as far as can be known; `lower` is the parameter to lower otherwise.
pub fn check(what: String, needed: u64, lower: &'static str) -> Result<(), Fault> {
    match available().unwrap_or(1 << 46) {
        available if needed > available => Err(Fault::Memory { what, needed, available, lower }),
        _ => Ok(()),
    }
}
