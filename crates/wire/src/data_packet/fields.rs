//! Protobuf fields one by one, without knowing the message.

/// Not protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldError;

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// Length-delimited contents; empty for other types.
    pub(super) bytes: &'a [u8],
    /// Value of a varint; 0 for other types.
    pub(super) varint: u64,
    /// Tag and value as they stand.
    pub(super) raw: &'a [u8],
}

/// Walks the fields of a message; ends after an error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data, failed: false }
    }

    fn read(&mut self) -> Result<Field<'a>, FieldError> {
        let start = self.rest;
        let mut rest = start;
        let tag = varint(&mut rest)?;
        let number = u32::try_from(tag >> 3).map_err(|_| FieldError)?;
        let (mut bytes, mut value): (&[u8], u64) = (&[], 0);
        match tag & 7 {
            0 => value = varint(&mut rest)?,
            1 => rest = rest.get(8..).ok_or(FieldError)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).map_err(|_| FieldError)?;
                bytes = rest.get(..length).ok_or(FieldError)?;
                rest = rest.get(length..).ok_or(FieldError)?;
            }
            5 => rest = rest.get(4..).ok_or(FieldError)?,
            // Groups ended with proto2.
            _ => return Err(FieldError),
        }
        if number == 0 {
            return Err(FieldError);
        }
        let raw = start.get(..start.len() - rest.len()).ok_or(FieldError)?;
        self.rest = rest;
        Ok(Field { number, bytes, varint: value, raw })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, FieldError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        self.failed = field.is_err();
        Some(field)
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, FieldError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (first, tail) = rest.split_first().ok_or(FieldError)?;
        *rest = tail;
        if shift < 64 {
            value |= u64::from(first & 0x7f) << shift;
        }
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

/// A length-delimited field; left out when empty, as proto3 does.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A varint field; left out when zero, as proto3 does.
pub(super) fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}
