//! How fast, on the machine at hand: `cargo test -p tandem-server --release --lib store::tests::speed -- --ignored --nocapture`.

use super::*;
use std::collections::HashMap;
use std::sync::OnceLock;

const CHANNELS: usize = 1000;
const PAYLOAD: usize = 128;
const KEEP: usize = 100;

/// Notes when what came back, and how long each commit took.
#[derive(Default)]
struct Clock {
    store: OnceLock<Store>,
    times: Mutex<Vec<Duration>>,
    groups: Mutex<Vec<usize>>,
    lag: Mutex<Vec<Duration>>,
    began: OnceLock<Instant>,
    done: AtomicU64,
    alive: Mutex<HashMap<Arc<str>, VecDeque<Record>>>,
}

impl Clock {
    fn open(place: &Place, options: Options) -> Arc<Self> {
        let clock = Arc::new(Self::default());
        clock.began.set(Instant::now()).unwrap();
        let (done, snapshot) = (Arc::downgrade(&clock), Arc::downgrade(&clock));
        let done = Box::new(move |group| {
            if let Some(clock) = done.upgrade() {
                clock.committed(group);
            }
        });
        let snapshot = Box::new(move |each: &mut dyn FnMut(Record)| {
            let Some(clock) = snapshot.upgrade() else { return false };
            clock.alive.lock().unwrap().values().flatten().for_each(|record| each(record.clone()));
            true
        });
        let (store, _) = Store::open(&place.file(), options, done, snapshot).unwrap();
        assert!(clock.store.set(store).is_ok());
        clock
    }

    fn committed(&self, group: Committed) {
        let Committed::Done(records) = group else { panic!("{group:?}") };
        let now = self.began.get().unwrap().elapsed();
        if let Some(store) = self.store.get() {
            self.times.lock().unwrap().push(store.stats().last_commit);
        }
        self.groups.lock().unwrap().push(records.len());
        self.lag
            .lock()
            .unwrap()
            .extend(records.iter().map(|record| now.saturating_sub(Duration::from_micros(record.time_ms))));
        self.done.fetch_add(records.len() as u64, Ordering::Relaxed);
        let mut alive = self.alive.lock().unwrap();
        for record in records {
            let history = alive.entry(Arc::clone(&record.channel)).or_default();
            history.push_back(record);
            if history.len() > KEEP {
                history.pop_front();
            }
        }
    }

    /// With the time since the beginning in place of the day's.
    fn record(&self, name: &Arc<str>, epoch: &Arc<str>, offset: u64, payload: &Bytes) -> Record {
        let time_ms = self.began.get().unwrap().elapsed().as_micros() as u64;
        Record {
            channel: Arc::clone(name),
            epoch: Arc::clone(epoch),
            offset,
            time_ms,
            kind: Kind::Publication(payload.clone()),
        }
    }
}

/// Processor time of the process, with threads that have ended, or of threads with this name.
fn cpu(name: Option<&str>) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let places: Vec<PathBuf> = if name.is_some() { tasks.collect() } else { vec!["/proc/self".into()] };
    let mut ticks = 0;
    for place in places {
        let stat = std::fs::read_to_string(place.join("stat")).unwrap_or_default();
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        if name.is_none_or(|name| before.ends_with(name)) {
            ticks += after.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum::<u64>();
        }
    }
    Duration::from_millis(ticks * 10)
}

fn spread(mut values: Vec<Duration>) -> String {
    values.sort_unstable();
    let at = |part: f64| values.get(((values.len() as f64 - 1.0) * part) as usize).copied().unwrap_or_default();
    format!("p50 {:?} p99 {:?} max {:?}", at(0.5), at(0.99), at(1.0))
}

/// When a publisher appends.
#[derive(Clone, Copy)]
enum Pace {
    /// Whenever there is room.
    Bulk,
    /// So many a second, all publishers together.
    Rate(u64),
    /// When no more than so many are unacknowledged.
    Window(u64),
}

fn run(what: &str, options: Options, count: u64, publishers: u64, pace: Pace) {
    let place = Place::new();
    let clock = Clock::open(&place, options);
    let (payload, epoch): (Bytes, Arc<str>) = (vec![b'x'; PAYLOAD].into(), "abcdefgh".into());
    let names: Vec<Arc<str>> = (0..CHANNELS).map(|number| format!("scores:match-{number}").into()).collect();
    let (began, before, writer) = (Instant::now(), cpu(None), cpu(Some("channels-disk")));
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for publisher in 0..publishers {
            let (clock, names, payload, epoch, refused) = (&clock, &names, &payload, &epoch, &refused);
            scope.spawn(move || {
                let store = clock.store.get().unwrap();
                for number in (publisher..count).step_by(publishers as usize) {
                    while match pace {
                        Pace::Bulk => false,
                        Pace::Rate(rate) => began.elapsed() < Duration::from_micros(number * 1_000_000 / rate),
                        Pace::Window(open) => number >= clock.done.load(Ordering::Relaxed) + open,
                    } {
                        std::thread::sleep(Duration::from_micros(if matches!(pace, Pace::Rate(_)) { 200 } else { 20 }));
                    }
                    let record =
                        clock.record(&names[number as usize % CHANNELS], epoch, number / CHANNELS as u64 + 1, payload);
                    while store.append(record.clone()).is_err() {
                        refused.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
    });
    while clock.done.load(Ordering::Relaxed) < count {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (took, all, writer) = (began.elapsed(), cpu(None) - before, cpu(Some("channels-disk")) - writer);
    let stats = clock.store.get().unwrap().stats();
    let each = |time: Duration| time.as_nanos() / u128::from(count);
    println!(
        "{what}: {:.0}/s, {} commits of {:.0} records, writer {} ns and all {} ns of CPU a record, {} refusals",
        count as f64 / took.as_secs_f64(),
        stats.commits,
        count as f64 / stats.commits as f64,
        each(writer),
        each(all),
        refused.into_inner()
    );
    println!("  commits: {}", spread(clock.times.lock().unwrap().clone()));
    println!("  append to acknowledgement: {}", spread(clock.lag.lock().unwrap().clone()));
    println!(
        "  log {} KiB, file {} KiB, {} snapshots, the last took {:?}",
        stats.log_bytes / 1024,
        stats.file_bytes / 1024,
        stats.snapshots,
        stats.last_snapshot
    );
    clock.store.get().unwrap().close();
    let began = Instant::now();
    let loaded = read(&place.file());
    println!(
        "  read again in {:?}: {} publications, {} KiB of file",
        began.elapsed(),
        loaded.publications(),
        std::fs::metadata(place.file()).unwrap().len() / 1024
    );
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let default = Options::default();
    run("bulk, one publisher", default, 2_000_000, 1, Pace::Bulk);
    run("bulk, four publishers", default, 2_000_000, 4, Pace::Bulk);
    for linger in [default.linger, Duration::ZERO] {
        println!("linger {linger:?}");
        let options = Options { linger, ..default };
        run("50,000/s, four publishers", options, 300_000, 4, Pace::Rate(50_000));
        run("10,000/s, four publishers", options, 50_000, 4, Pace::Rate(10_000));
        run("500/s, one publisher", options, 1_000, 1, Pace::Rate(500));
        run("256 unacknowledged", options, 200_000, 4, Pace::Window(256));
        run("64 unacknowledged", options, 100_000, 4, Pace::Window(64));
        run("one after the other", options, 2_000, 1, Pace::Window(1));
    }
}
