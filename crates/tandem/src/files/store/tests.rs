use super::*;
use std::fs;
use std::path::PathBuf;

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tandem-receive-{}", rand::random::<u64>()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self, id: &str, files: &[(&str, u64)]) -> Result<Store, End> {
        Store::open(&self.0, offer(id, files))
    }

    fn part(&self, id: &str, files: &[(&str, u64)], number: usize) -> PathBuf {
        let offer = offer(id, files);
        Place::open(&self.0, &offer).unwrap().part(&offer.entries[number])
    }

    fn names(&self) -> Vec<String> {
        let all = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = all.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, data: &[u8]) {
        fs::write(self.0.join(name), data).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn offer(id: &str, files: &[(&str, u64)]) -> Offer {
    let entry = |(path, size): &(&str, u64)| Entry { path: (*path).to_owned(), size: *size, changed: 7 };
    Offer { id: id.to_owned(), entries: files.iter().map(entry).collect() }
}

/// A file of some blocks and a bit, told apart by its letter.
fn file(letter: u8) -> Vec<u8> {
    vec![letter; 2 * BLOCK + 17]
}

/// Gives so many blocks of a file, from where it goes on.
fn give(store: &mut Store, number: usize, file: &[u8], blocks: usize) -> Result<(), End> {
    let from = usize::try_from(store.kept[number]).unwrap();
    for (block, at) in file[from..].chunks(BLOCK).zip((from as u64..).step_by(BLOCK)).take(blocks) {
        let entry = u32::try_from(number).unwrap();
        let sum: [u8; 32] = digest(&SHA256, block).as_ref().try_into().unwrap();
        store.take(Frame::Data { entry, from: at, data: block })?;
        store.take(Frame::Block { entry, from: at, digest: &sum })?;
    }
    Ok(())
}

#[test]
fn the_same_offer_goes_on_where_it_was() {
    let folder = Folder::new();
    let (files, data) = ([("a", file(1).len() as u64)], file(1));
    give(&mut folder.open("id", &files).unwrap(), 0, &data, 1).unwrap();
    let mut store = folder.open("id", &files).unwrap();
    assert_eq!(store.from(), [BLOCK as i64]);
    give(&mut store, 0, &data, 9).unwrap();
    assert!(store.is_complete());
    store.close();
    assert_eq!(folder.names(), ["a"]);
    assert!(folder.read("a") == data);
}

#[test]
fn a_part_of_another_offer_is_not_taken() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64)];
    give(&mut folder.open("one", &files).unwrap(), 0, &file(1), 2).unwrap();
    let mut store = folder.open("two", &files).unwrap();
    assert_eq!(store.from(), [0]);
    give(&mut store, 0, &file(2), 9).unwrap();
    assert!(folder.read("a") == file(2));
}

#[test]
fn somebody_elses_file_is_never_taken_for_the_one_that_is_offered() {
    let folder = Folder::new();
    folder.write("mine", b"mine!");
    for size in [5, 6] {
        let why = folder.open("id", &[("new", 3), ("nothing", 0), ("mine", size)]).err().unwrap();
        assert!(why.to_string().contains("mine is there already and stays as it is"), "{why}");
    }
    assert_eq!(folder.names(), ["mine"], "nothing was written");
    assert_eq!(folder.read("mine"), b"mine!");
}

#[test]
fn a_file_that_appears_meanwhile_is_not_written_over() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64)];
    let mut store = folder.open("id", &files).unwrap();
    give(&mut store, 0, &file(1), 2).unwrap();
    folder.write("a", b"mine!");
    let why = give(&mut store, 0, &file(1), 9).unwrap_err();
    assert!(why.to_string().contains("is there already"), "{why}");
    assert_eq!(folder.read("a"), b"mine!");
    // What came is not lost either.
    fs::remove_file(folder.0.join("a")).unwrap();
    assert!(folder.open("id", &files).unwrap().is_complete());
    assert!(folder.read("a") == file(1));
}

#[test]
fn a_full_part_gets_its_name() {
    let folder = Folder::new();
    for size in [2 * BLOCK, 2 * BLOCK + 17] {
        let name = size.to_string();
        let files = [(name.as_str(), size as u64)];
        fs::write(folder.part("id", &files, 0), vec![3; size]).unwrap();
        let store = folder.open("id", &files).unwrap();
        assert!(store.is_complete());
        assert_eq!(store.from(), [size as i64]);
        assert!(folder.read(&name) == vec![3; size]);
    }
}

#[test]
fn whoever_was_killed_while_a_file_got_its_name_goes_on() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64), ("b", 3)];
    give(&mut folder.open("id", &files).unwrap(), 0, &file(1), 9).unwrap();
    let part = folder.part("id", &files, 0);
    fs::hard_link(folder.0.join("a"), &part).unwrap();
    assert_eq!(folder.open("id", &files).unwrap().from(), [file(1).len() as i64, 0]);
    assert!(!part.exists());
    assert!(folder.read("a") == file(1));
}

#[test]
fn a_part_that_is_too_long_starts_anew() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64)];
    fs::write(folder.part("id", &files, 0), vec![9; 3 * BLOCK]).unwrap();
    let mut store = folder.open("id", &files).unwrap();
    assert_eq!(store.from(), [0]);
    give(&mut store, 0, &file(1), 9).unwrap();
    assert!(folder.read("a") == file(1));
}

#[test]
fn files_with_the_ending_of_parts_arrive_too() {
    let folder = Folder::new();
    let size = file(1).len() as u64;
    let mut store = folder.open("id", &[("a", size), ("a.part", size)]).unwrap();
    give(&mut store, 0, &file(1), 9).unwrap();
    give(&mut store, 1, &file(2), 9).unwrap();
    assert!(store.is_complete());
    assert!(folder.read("a") == file(1) && folder.read("a.part") == file(2));
}

#[test]
fn what_this_transfer_finished_is_not_sent_again() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64), ("b", file(2).len() as u64), ("nothing", 0)];
    give(&mut folder.open("id", &files).unwrap(), 0, &file(1), 9).unwrap();
    assert_eq!(folder.open("id", &files).unwrap().from(), [file(1).len() as i64, 0, 0]);
    assert!(folder.open("other", &files).is_err(), "another transfer has not finished it");
    folder.write("a", &file(9));
    assert!(folder.open("id", &files).is_err(), "somebody has changed it");
    assert!(folder.read("a") == file(9));
}

#[test]
fn a_transfer_that_is_over_does_not_know_its_files() {
    let folder = Folder::new();
    let files = [("a", file(1).len() as u64)];
    let mut store = folder.open("id", &files).unwrap();
    give(&mut store, 0, &file(1), 9).unwrap();
    store.close();
    assert_eq!(folder.names(), ["a"]);
    assert!(folder.open("id", &files).is_err());
}

#[test]
fn links_are_not_followed() {
    let folder = Folder::new();
    let files = [("a", 5)];
    std::os::unix::fs::symlink(folder.0.join("elsewhere"), folder.part("id", &files, 0)).unwrap();
    assert!(folder.open("id", &files).is_err());
    std::os::unix::fs::symlink(folder.0.join("elsewhere"), folder.0.join("b")).unwrap();
    assert!(folder.open("id", &[("b", 5)]).is_err());
}

#[test]
fn long_names_folders_and_empty_files() {
    let folder = Folder::new();
    let long = "ü".repeat(127);
    let deep = format!("deep/er/{long}");
    let size = file(1).len() as u64;
    let mut store = folder.open("id", &[(&long, size), (&deep, size), ("empty/", 0), ("deep/nothing", 0)]).unwrap();
    give(&mut store, 0, &file(1), 9).unwrap();
    give(&mut store, 1, &file(2), 9).unwrap();
    assert!(store.is_complete());
    assert!(folder.read(&long) == file(1) && folder.read(&deep) == file(2));
    assert!(folder.0.join("empty").is_dir() && folder.read("deep/nothing").is_empty());
}
