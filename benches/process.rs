//! What the system says about processes. Linux only: elsewhere there is nothing to say.

use std::fs;

/// Clock ticks a second, in which `/proc` counts processor time; 100 on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory in megabytes.
pub fn resident(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// Processor time of a process so far, in seconds.
pub fn processor_time(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    // User and system time are fields 14 and 15 of all, see proc_pid_stat(5); this begins with the third.
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().ok());
    Some(ticks.sum::<Option<f64>>()? / TICKS_PER_SECOND)
}

/// Processor time of this thread so far, in seconds.
pub fn own_processor_time() -> Option<f64> {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(schedstat.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
