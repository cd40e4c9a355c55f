//! Measures a release build of the server on this machine and prints a table with its limits.
//!
//! Each round starts a fresh server on one core, puts load on it from another, and measures what
//! the machine can do at best at the same run length right after. Ratios are taken within a round,
//! so that a machine busy with other things does not favour either side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod machine;
mod report;

use clap::Parser;
use machine::Running;
use report::{Check, Report};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Runs the benchmark.
#[derive(Debug, Parser)]
struct Flags {
    /// Directory with the binaries: tandem, sfuload, bound
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Subscribers, one or several numbers
    #[arg(long, value_delimiter = ',', default_values_t = [100, 300])]
    subscribers: Vec<usize>,
    /// Participants without media
    #[arg(long, default_value_t = 200)]
    idle: usize,
    /// Seconds measured in each round
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Ten seconds of everything, to see whether it works
    #[arg(long)]
    quick: bool,
    /// Core of the server
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the clients
    #[arg(long, default_value_t = 1)]
    client_core: usize,
}

fn main() {
    let mut flags = Flags::parse();
    if flags.quick {
        (flags.rounds, flags.seconds, flags.subscribers, flags.idle) = (1, 2, vec![50], 50);
    }
    machine::describe(&flags.binaries.join("tandem"));
    let mut report = Report::default();
    start_and_idle(&flags, &mut report);
    let mut results: Vec<Vec<Round>> = flags.subscribers.iter().map(|_| Vec::new()).collect();
    for number in 1..=flags.rounds {
        for (count, rounds) in flags.subscribers.iter().zip(&mut results) {
            let round = measure(&flags, *count);
            println!("round {number}, 1 -> {count}: {}", round.line());
            rounds.push(round);
        }
    }
    for (count, rounds) in flags.subscribers.iter().zip(&results) {
        summarize(*count, rounds, &mut report);
    }
    report.print();
    if !report.passed() && !flags.quick {
        std::process::exit(1);
    }
}

/// One load and the bound next to it.
struct Round {
    load: Value,
    bound: f64,
}

impl Round {
    fn number(&self, name: &str) -> f64 {
        self.load[name].as_f64().unwrap_or(f64::NAN)
    }

    fn ratio(&self) -> f64 {
        self.number("cpu_us_per_packet") / self.bound
    }

    fn line(&self) -> String {
        format!(
            "{:.2} us/packet at {:.0} packets/s in runs of {:.1}; bound {:.2}; ratio {:.2}; loss {:.4} %; {:.0} kB/subscriber; client {:.0} % busy",
            self.number("cpu_us_per_packet"),
            self.number("packets_per_second"),
            self.number("run_length"),
            self.bound,
            self.ratio(),
            self.number("loss") * 100.0,
            self.number("kb_per_subscriber"),
            self.number("client_cpu_share") * 100.0,
        )
    }
}

fn start_and_idle(flags: &Flags, report: &mut Report) {
    let tandem = flags.binaries.join("tandem");
    let size = std::fs::metadata(&tandem).map(|m| m.len()).unwrap_or(0) as f64 / 1e6;
    report.add(Check::at_most("release binary", size, 60.0, "MB"));
    let ready: Vec<f64> = (0..3).map(|_| Running::start(&tandem, flags.server_core).ready_ms).collect();
    report.add(Check::at_most("ready after", median(ready), 300.0, "ms"));
    let server = Running::start(&tandem, flags.server_core);
    std::thread::sleep(std::time::Duration::from_millis(500));
    report.add(Check::at_most("idle server", server.rss_kb() / 1000.0, 30.0, "MB"));
    let idle = run(
        flags,
        flags.client_core,
        "sfuload",
        &["idle", "--url", &server.url, "--pid", &server.pid().to_string(), "--count", &flags.idle.to_string()],
    );
    let each = idle["kb_each"].as_f64().unwrap_or(f64::NAN);
    report.add(Check::at_most(&format!("idle participant (of {})", flags.idle), each, 150.0, "kB"));
}

fn measure(flags: &Flags, count: usize) -> Round {
    let server = Running::start(&flags.binaries.join("tandem"), flags.server_core);
    let load = run(
        flags,
        flags.client_core,
        "sfuload",
        &[
            "media",
            "--url",
            &server.url,
            "--pid",
            &server.pid().to_string(),
            "--count",
            &count.to_string(),
            "--seconds",
            &flags.seconds.to_string(),
        ],
    );
    drop(server);
    let bound = run(
        flags,
        flags.server_core,
        "bound",
        &["--subscribers", &count.to_string(), "--run-length", &load["run_length"].to_string()],
    );
    Round { load, bound: bound["us_per_packet"].as_f64().unwrap_or(f64::NAN) }
}

fn summarize(count: usize, rounds: &[Round], report: &mut Report) {
    let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    let name = |what: &str| format!("1 -> {count}: {what}");
    let number = |key: &'static str| of(&move |r: &Round| r.number(key));
    report.add(Check::info(&name("CPU per forwarded packet"), number("cpu_us_per_packet"), "us"));
    report.add(Check::info(&name("bound at the same run length"), of(&|r| r.bound), "us"));
    report.add(Check::at_most(&name("CPU / bound"), of(&Round::ratio), 6.0, "x"));
    report.add(Check::info(&name("run length"), number("run_length"), "packets"));
    report.add(Check::info(&name("one core forwards"), number("packets_per_second_per_core") / 1000.0, "k packets/s"));
    report.add(Check::at_most(&name("loss"), number("loss") * 100.0, 0.1, "%"));
    report.add(Check::at_most(&name("subscribers without media"), number("silent"), 0.0, ""));
    report.add(Check::at_most(&name("memory per subscriber"), number("kb_per_subscriber"), 300.0, "kB"));
}

/// Runs one of our tools on a core; its last line is JSON.
fn run(flags: &Flags, core: usize, tool: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(flags.binaries.join(tool)).args(arguments);
    let output = command.output().expect("taskset (util-linux) runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(text.lines().last().unwrap_or_default()).expect("one line of JSON")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
