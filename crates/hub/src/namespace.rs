//! What a channel's name says about it: namespace, private, user-limited; and what its namespace allows.
