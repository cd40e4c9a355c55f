//! The process is killed while it writes, again and again; this test binary is also the victim.

use super::*;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const PLACE: &str = "TANDEM_STORE_CRASH_PLACE";
const CHANNELS: u64 = 40;
const PUBLISHERS: u64 = 4;
const KEEP: usize = 200;

fn options() -> Options {
    // Small enough that snapshots are under way when the end comes.
    Options { slack_bytes: 512 * 1024, ..Options::default() }
}

fn payload(channel: &str, offset: u64) -> Vec<u8> {
    format!("{channel}/{offset}/").into_bytes().repeat(8)
}

/// Killed by its parent: appends, and prints what is acknowledged. Does nothing if it has no parent.
#[test]
fn victim() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let path = PathBuf::from(place);
    let (hub, printing) = (Hub::new(KEEP), Mutex::new(std::io::stdout()));
    let (committed, giving) = (Arc::clone(&hub), Arc::clone(&hub));
    let done = move |group: Committed| {
        let Committed::Done(records) = &group else { panic!("{group:?}") };
        let lines: String =
            records.iter().map(|record| format!("ack {} {}\n", record.channel, record.offset)).collect();
        committed.committed(group);
        printing.lock().unwrap().write_all(lines.as_bytes()).unwrap();
    };
    let snapshot = move |each: &mut dyn FnMut(Record)| giving.give(each);
    let (store, loaded) = Store::open(&path, options(), Box::new(done), Box::new(snapshot)).unwrap();
    assert!(loaded.cut.is_none(), "{:?}", loaded.cut);
    *hub.lives.lock().unwrap() = lives_of(&loaded);
    println!("\nready");
    let lives = hub.lives();
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (store, lives) = (&store, &lives);
            scope.spawn(move || publish(store, lives, publisher));
        }
    });
}

/// To every so-manieth channel in turn, from where it stands, without end.
fn publish(store: &Store, lives: &Lives, publisher: u64) {
    let mut channels: Vec<(Arc<str>, u64)> = (publisher..CHANNELS)
        .step_by(PUBLISHERS as usize)
        .map(|number| {
            let name: Arc<str> = format!("channel-{number}").into();
            let top = lives.get(&name).map_or(0, |life| life.top);
            (name, top)
        })
        .collect();
    loop {
        for (name, offset) in &mut channels {
            *offset += 1;
            let record = publication(name, &format!("epoch of {name}"), *offset, &payload(name, *offset));
            while store.append(record.clone()).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Starts the victim, lets it live for a while, kills it; gives what it acknowledged.
fn live_and_die(path: &Path, life: Duration) -> HashMap<String, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{}::victim", module_path!().split_once("::").unwrap().1), "--exact", "--nocapture"])
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (ready, begun) = std::sync::mpsc::channel();
    let killer = std::thread::spawn(move || {
        // Its beginning may take long on a busy machine; a victim that fails ends the channel.
        if begun.recv().is_ok() {
            std::thread::sleep(life);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let (mut acknowledged, mut line) = (HashMap::new(), String::new());
    loop {
        line.clear();
        lines.read_line(&mut line).unwrap();
        // The last one may be cut off.
        if !line.ends_with('\n') {
            break;
        }
        let mut words = line.split_whitespace();
        let first = words.next();
        if first == Some("ready") {
            ready.send(()).unwrap();
        }
        if first == Some("ack") {
            let (channel, offset) = (words.next().unwrap().to_owned(), words.next().unwrap().parse().unwrap());
            if let Some(before) = acknowledged.insert(channel, offset) {
                assert_eq!(before + 1, offset, "acknowledged in order");
            }
        }
    }
    drop(ready);
    killer.join().unwrap();
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost() {
    let place = Place::new();
    let (mut total, mut tops) = (0, HashMap::<String, u64>::new());
    for round in 0..8_u64 {
        let acknowledged = live_and_die(&place.file(), Duration::from_millis(100 + round * 70));
        let loaded = read(&place.file());
        assert!(loaded.cut.is_none(), "{:?}", loaded.cut);
        let lives = lives_of(&loaded);
        for (channel, acknowledged) in &acknowledged {
            let life = &lives[channel.as_str()];
            assert_eq!(*life.epoch, format!("epoch of {channel}"));
            assert!(life.top >= *acknowledged, "round {round}: {channel} is at {}, not {acknowledged}", life.top);
            let before = tops.insert(channel.clone(), life.top).unwrap_or(0);
            total += acknowledged.saturating_sub(before);
        }
        for (channel, life) in &lives {
            let offsets: Vec<u64> = life.publications.iter().map(|(offset, _, _)| *offset).collect();
            assert_eq!(offsets.last(), Some(&life.top));
            assert!(
                offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "round {round}: {channel} has a hole: {offsets:?}"
            );
            assert!(offsets.len() as u64 >= life.top.min(KEEP as u64), "round {round}: {channel}");
            let good = |(offset, _, bytes): &(u64, u64, Bytes)| *bytes == payload(channel, *offset);
            assert!(life.publications.iter().all(good), "round {round}: {channel}");
        }
    }
    assert!(total > 1000, "{total} acknowledged");
    println!("{total} acknowledged in 8 lives");
}
