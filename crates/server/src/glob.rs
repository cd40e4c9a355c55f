//! Shell patterns: `*` stands for any characters, `?` for one.

/// Whether a name fits a pattern. Bounded work: at most the product of both lengths.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` was, and how much of the name it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = name.get(n) {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(wanted), _) if *wanted == '?' || wanted == c => {
                p += 1;
                n += 1;
            }
            (_, Some((at, from))) => {
                p = at + 1;
                n = from + 1;
                star = Some((at, n));
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("a*c", "abbbc"),
            ("a?c", "abc"),
            ("*ab", "aab"),
            ("a*b*c", "axbxbxc"),
            ("https://*.example.com", "https://a.b.example.com"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("a", ""), ("a*c", "abd"), ("a?c", "ac"), ("a*b", "a"), ("abc", "abcd")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
