//! Patterns for names of channels.

/// A regular expression.
#[derive(Debug, Clone)]
pub struct ChannelRegex(regex_lite::Regex);

/// Why text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no regular expression: {0}")]
pub struct RegexFault(String);

impl ChannelRegex {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// It is none.
    pub fn new(pattern: &str) -> Result<Self, RegexFault> {
        regex_lite::Regex::new(pattern).map(Self).map_err(|error| RegexFault(error.to_string()))
    }

    /// Whether the pattern is found in a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for ChannelRegex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for ChannelRegex {}
