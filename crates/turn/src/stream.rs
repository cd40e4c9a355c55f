//! Messages in a stream: STUN says its own length, channel data is padded to four (RFC 8656 §12.5).

/// The longest message.
const MOST: usize = 20 + 65_535 + 3;

/// What came of a connection and is no whole message yet.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    rest: Vec<u8>,
    /// A message came: from then on channel data may.
    begun: bool,
}

/// The connection does not speak the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nonsense;

impl Framer {
    /// Every whole message, padding of channel data removed. Holds less than one message.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Nonsense> {
        let joined;
        let mut data = if self.rest.is_empty() {
            bytes
        } else {
            self.rest.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.rest);
            &joined
        };
        while let Some((length, padded)) = self.length(data)? {
            let Some(message) = data.get(..length) else { break };
            // The padding of the last message may be late.
            let Some(after) = data.get(padded..) else { break };
            self.begun = true;
            each(message);
            data = after;
        }
        self.rest = data.to_vec();
        Ok(())
    }

    /// Of the message that begins here: its length, and with padding. `None`: too little to say.
    fn length(&self, data: &[u8]) -> Result<Option<(usize, usize)>, Nonsense> {
        let Some(&[first, _, l0, l1]) = data.first_chunk::<4>() else {
            return if data.first().is_none_or(|first| self.may_begin(*first)) { Ok(None) } else { Err(Nonsense) };
        };
        if !self.may_begin(first) {
            return Err(Nonsense);
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (whole, padded) =
            if first < 4 { (20 + length, 20 + length) } else { (4 + length, 4 + length.next_multiple_of(4)) };
        if padded > MOST { Err(Nonsense) } else { Ok(Some((whole, padded))) }
    }

    fn may_begin(&self, first: u8) -> bool {
        first < 4 || (self.begun && (0x40..=0x7f).contains(&first))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_come_out_whole_however_they_are_cut(sizes in prop::collection::vec((any::<bool>(), 0_usize..300), 1..20), cut in 1_usize..50) {
            let mut sent: Vec<Vec<u8>> = vec![[0; 20].to_vec()];
            let mut stream = sent[0].clone();
            for (stun, size) in sizes {
                let size = if stun { size.next_multiple_of(4) } else { size };
                let head = if stun { 0 } else { 0x40 };
                let mut message = vec![head, 1];
                message.extend(u16::try_from(size).unwrap().to_be_bytes());
                if stun { message.extend([9; 16]) }
                message.resize(message.len() + size, 7);
                sent.push(message.clone());
                if !stun { message.resize(message.len().next_multiple_of(4), 0) }
                stream.extend(message);
            }
            let (mut framer, mut came) = (Framer::default(), Vec::new());
            for piece in stream.chunks(cut) {
                framer.feed(piece, |message| came.push(message.to_vec())).unwrap();
            }
            prop_assert_eq!(came, sent);
        }
    }

    #[test]
    fn other_protocols_are_refused_at_once() {
        for bytes in [&b"GET / HTTP/1.1"[..], &[0x16, 3, 1], &[0x40, 0, 0, 4], &[0xff]] {
            assert_eq!(Framer::default().feed(bytes, |_| {}), Err(Nonsense), "{bytes:?}");
        }
    }
}
