//! CPU and memory of other processes.

use std::fs;
use std::time::{Duration, Instant};

/// CPU seconds of all threads of these processes, in nanoseconds (`schedstat`, finer than `stat`).
pub(crate) fn cpu_ns(pids: &[u32]) -> u64 {
    let threads = pids.iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten());
    let ran = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    ran.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

/// Waits until these processes have come to rest: what is measured next is not what went before.
pub(crate) async fn rest(pids: &[u32]) {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    const RESTING_NS: u64 = 2_000_000;
    let patience = Instant::now() + Duration::from_secs(10);
    let mut before = cpu_ns(pids);
    while Instant::now() < patience {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = cpu_ns(pids);
        if now - before < RESTING_NS {
            return;
        }
        before = now;
    }
}

/// Private memory of these processes, bytes.
pub(crate) fn private_bytes(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let kb = |line: &str| line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
        let private = text.lines().filter(|line| line.starts_with("Private_"));
        Some(private.filter_map(kb).sum::<u64>() * 1024)
    };
    pids.iter().filter_map(of).sum()
}

/// As many open files as the system allows.
pub(crate) fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to a value that lives here.
    #[allow(unsafe_code)]
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            let wanted = libc::rlimit { rlim_cur: 200_000, rlim_max: limit.rlim_max.max(200_000) };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) != 0 {
                limit.rlim_cur = limit.rlim_max;
                let _ = libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            }
        }
    }
}

/// Nanoseconds of a clock that only goes forward.
pub(crate) fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value that lives here.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
    }
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
