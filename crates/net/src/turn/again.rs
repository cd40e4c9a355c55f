//! Sockets that may have more than their turn took.

use mio::Token;

/// The system does not tell twice about a socket that was not emptied, so the loop remembers it.
/// Each once, however often it is told of: a flooded socket has one turn in a round like everybody.
#[derive(Default)]
pub(super) struct Again(Vec<Token>);

impl Again {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, token: Token) {
        self.0.push(token);
    }

    /// Those of the last round. No longer than twice the number of sockets: a round pushes each at
    /// most for being here and for an event.
    pub(super) fn take(&mut self) -> Vec<Token> {
        let mut tokens = std::mem::take(&mut self.0);
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flooded_socket_does_not_gather_turns() {
        let mut again = Again::default();
        for _ in 0..100 {
            // Served from the last round, and told of by an event.
            for token in again.take() {
                again.push(token);
            }
            again.push(Token(1));
        }
        again.push(Token(2));
        assert_eq!(again.take(), [Token(1), Token(2)]);
        assert!(again.is_empty());
    }
}
