//! What can be wrong with settings, in sentences for whoever wrote them.

use std::path::{Path, PathBuf};

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// No such setting.
    #[error("unknown setting \"{name}\"{}", hint(nearest.as_deref()))]
    Unknown {
        /// As it was written.
        name: String,
        /// The known name it resembles most.
        nearest: Option<String>,
    },
    /// No such environment variable.
    #[error("unknown environment variable {name}{}", hint(nearest.as_deref()))]
    UnknownVariable {
        /// As it was written.
        name: String,
        /// The known name it resembles most.
        nearest: Option<String>,
    },
    /// A value of another kind, or no YAML.
    #[error("{0}")]
    Invalid(String),
    /// Any of these in a file.
    #[error("{}: {error}", path.display())]
    InFile {
        /// Which.
        path: PathBuf,
        /// What is wrong in it.
        error: Box<ConfigError>,
    },
}

impl ConfigError {
    pub(super) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), error: Box::new(self) }
    }
}

fn hint(nearest: Option<&str>) -> String {
    let tail = "\"tandem config example\" prints all of them";
    nearest.map_or_else(|| format!("; {tail}"), |name| format!("; did you mean \"{name}\"? {tail}"))
}
