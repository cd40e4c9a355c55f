//! What is wrong with a node, in sentences: on this machine, and from where somebody stands.

mod machine;
mod remote;
mod stun;

pub use machine::examine;
pub use remote::visit;

use serde_json::{Value, json};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, but not for everybody or not as well as it could.
    Weak,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// A short name, the same in every version: scripts look for it.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was found, and what to do about it.
    pub sentence: String,
}

impl Finding {
    fn good(name: &'static str, sentence: impl Into<String>) -> Self {
        Self { name, state: State::Good, sentence: sentence.into() }
    }

    fn weak(name: &'static str, sentence: impl Into<String>) -> Self {
        Self { name, state: State::Weak, sentence: sentence.into() }
    }

    fn bad(name: &'static str, sentence: impl Into<String>) -> Self {
        Self { name, state: State::Bad, sentence: sentence.into() }
    }

    /// For scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let state = match self.state {
            State::Good => "good",
            State::Weak => "weak",
            State::Bad => "bad",
        };
        json!({"name": self.name, "state": state, "sentence": self.sentence})
    }
}
