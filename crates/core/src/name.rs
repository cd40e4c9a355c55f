//! Validated names. Parsing is the only constructor, so a name in hand is a good name.

use std::{fmt, str::FromStr, sync::Arc};

/// Why a string is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The string is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The string has more bytes than the limit says.
    #[error("a name cannot be longer than {0} bytes")]
    TooLong(usize),
    /// The string holds a control character.
    #[error("a name cannot hold control characters")]
    Control,
}

/// The longest name in bytes. LiveKit's default for rooms and identities, so that its tokens fit.
const MAX_BYTES: usize = 256;

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(NameError::TooLong(MAX_BYTES));
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text, 1 to 256 bytes of UTF-8 without control characters.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name! {
    /// The name of a room, chosen by whoever makes the token. Cheap to clone.
    RoomName
}
name! {
    /// The name of a participant, unique in its room. Cheap to clone.
    Identity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_empty_long_and_control() {
        assert_eq!("".parse::<RoomName>(), Err(NameError::Empty));
        assert_eq!("x".repeat(257).parse::<RoomName>(), Err(NameError::TooLong(256)));
        assert_eq!("a\nb".parse::<Identity>(), Err(NameError::Control));
        assert!("Zoë's room 🎉".parse::<RoomName>().is_ok());
    }
}
