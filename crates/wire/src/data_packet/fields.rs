//! Protobuf fields one by one, without knowing the message.

/// Largest field number of the format.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// Not protobuf, or a field of another type than the message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldError;

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    value: Value<'a>,
    /// Tag and value as they stand.
    pub(super) raw: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Field<'a> {
    /// Contents of a text, bytes or message field.
    pub(super) fn bytes(&self) -> Result<&'a [u8], FieldError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(FieldError),
        }
    }

    /// Value of a `uint32` field, cut to 32 bits as decoders do.
    pub(super) fn uint32(&self) -> Result<u32, FieldError> {
        match self.value {
            Value::Varint(value) => u32::try_from(value & 0xffff_ffff).map_err(|_| FieldError),
            _ => Err(FieldError),
        }
    }
}

/// Walks the fields of a message; ends after an error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    fn read(&mut self) -> Result<Field<'a>, FieldError> {
        let start = std::mem::take(&mut self.rest);
        let mut rest = start;
        let tag = varint(&mut rest)?;
        let number = u32::try_from(tag >> 3).ok().filter(|n| (1..=MAX_NUMBER).contains(&u64::from(*n)));
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut rest)?),
            1 => take(&mut rest, 8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).map_err(|_| FieldError)?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => take(&mut rest, 4).map(|_| Value::Fixed)?,
            // Groups ended with proto2.
            _ => return Err(FieldError),
        };
        let raw = start.get(..start.len() - rest.len()).ok_or(FieldError)?;
        self.rest = rest;
        Ok(Field { number: number.ok_or(FieldError)?, value, raw })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, FieldError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.read())
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], FieldError> {
    let (taken, tail) = rest.split_at_checked(length).ok_or(FieldError)?;
    *rest = tail;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, FieldError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, tail) = rest.split_first().ok_or(FieldError)?;
        *rest = tail;
        // The tenth byte has room for one bit.
        if shift == 63 && *first > 1 {
            return Err(FieldError);
        }
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(FieldError)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// A text or bytes field; left out when empty, as proto3 does.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_message(out, number, bytes);
    }
}

/// A message field, or one with presence: there even when empty.
pub(super) fn put_message(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A varint field; left out when zero, as proto3 does.
pub(super) fn put_uint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_in_both_directions() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 63, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut rest = out.as_slice();
            assert_eq!((varint(&mut rest), rest.len()), (Ok(value), 0));
        }
        for bad in [&[0x80][..], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]] {
            assert_eq!(varint(&mut &bad[..]), Err(FieldError), "{bad:?}");
        }
    }

    #[test]
    fn malformed_fields_end_the_walk() {
        let table: [(&[u8], &str); 7] = [
            (&[0x00, 0x00], "field 0"),
            (&[0x0b], "a group"),
            (&[0x0a, 0x02, b'a'], "bytes cut short"),
            (&[0x0d, 1, 2, 3], "fixed32 cut short"),
            (&[0x09, 1, 2, 3, 4, 5, 6, 7], "fixed64 cut short"),
            (&[0x80, 0x80, 0x80, 0x80, 0x10, 0x00], "a number beyond 29 bits"),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "a huge length"),
        ];
        for (bytes, name) in table {
            let all: Vec<_> = Fields::new(bytes).collect();
            assert!(all.len() == 1 && all[0].is_err(), "{name}");
        }
    }
}
