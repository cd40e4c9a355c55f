//! Text that must not reach a log in full.

use std::fmt;

/// Prints only the first three characters, then an ellipsis.
///
/// ```
/// use tandem_core::Redacted;
/// assert_eq!(format!("{}", Redacted("alexandra")), "ale…");
/// ```
#[derive(Clone, Copy)]
pub struct Redacted<'a>(pub &'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(3) {
            write!(f, "{c}")?;
        }
        f.write_str("…")
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
