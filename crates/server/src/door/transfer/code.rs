//! Codes people can read to each other: a number and two words.

/// Short words that sound different from each other.
const WORDS: [&str; 128] = [
    "acorn", "album", "amber", "anchor", "apple", "arrow", "autumn", "badge", "baker", "bamboo", "basil", "beach",
    "berry", "bishop", "bottle", "branch", "bridge", "bucket", "butter", "button", "cabin", "cactus", "camel",
    "candle", "canyon", "carpet", "castle", "cedar", "cherry", "circus", "clay", "cloud", "clover", "comet", "copper",
    "coral", "cotton", "cradle", "cricket", "crown", "daisy", "denim", "desert", "dinner", "dolphin", "donkey",
    "dragon", "eagle", "ember", "engine", "fabric", "falcon", "feather", "fiddle", "forest", "fossil", "fountain",
    "galaxy", "garden", "ginger", "glacier", "globe", "grape", "guitar", "hammer", "harbor", "hazel", "helmet",
    "honey", "horizon", "igloo", "indigo", "island", "ivory", "jacket", "jaguar", "jewel", "jungle", "kettle",
    "kitten", "ladder", "lagoon", "lantern", "lemon", "lily", "lizard", "lotus", "magnet", "mango", "maple", "marble",
    "meadow", "melon", "mirror", "monkey", "moth", "nectar", "noodle", "oasis", "olive", "orbit", "otter", "paddle",
    "panda", "parrot", "pebble", "pepper", "piano", "planet", "pocket", "polar", "puzzle", "quartz", "rabbit", "raven",
    "ribbon", "rocket", "saddle", "salmon", "shadow", "silver", "spider", "summer", "tiger", "tunnel", "velvet",
    "walnut", "willow",
];

/// A code of a random number.
pub(super) fn of(random: u64) -> String {
    let word = |shift: u32| WORDS.get((random >> shift & 127) as usize).copied().unwrap_or_default();
    format!("{}-{}-{}", 1000 + random % 9000, word(32), word(48))
}

/// What somebody typed, as it was meant: `4821 Maple otter` is `4821-maple-otter`.
pub(super) fn tidy(typed: &str) -> String {
    let lower = typed.trim().to_ascii_lowercase();
    let parts = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_meant() {
        let code = of(0x0012_0034_0000_1234);
        assert_eq!(tidy(&code), code);
        assert_eq!(tidy(&format!("  {} ", code.replace('-', "  ").to_uppercase())), code);
        assert_eq!(tidy(""), "");
        assert_eq!(WORDS.iter().collect::<std::collections::BTreeSet<_>>().len(), 128);
    }
}
