// Frames as a client writes them, right and wrong ones (RFC 6455, section 5.2).
import { randomBytes } from 'node:crypto';

export const bytes = (data) => (typeof data === 'string' ? Buffer.from(data) : data);

/** A frame. `rsv` are the three reserved bits, 4 being the one that means "compressed". */
export function frame({ opcode, payload = '', fin = true, rsv = 0, masked = true }) {
  const body = bytes(payload);
  const { length } = body;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const out = Buffer.allocUnsafe(2 + extra + (masked ? 4 : 0) + length);
  out[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  out[1] = (masked ? 0x80 : 0) | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) out.writeUInt16BE(length, 2);
  if (extra === 8) out.writeBigUInt64BE(BigInt(length), 2);
  let at = 2 + extra;
  if (!masked) {
    body.copy(out, at);
    return out;
  }
  const mask = randomBytes(4);
  mask.copy(out, at);
  at += 4;
  for (let i = 0; i < length; i++) out[at + i] = body[i] ^ mask[i & 3];
  return out;
}

export const text = (payload, more = {}) => frame({ opcode: 1, payload, ...more });
export const binary = (payload, more = {}) => frame({ opcode: 2, payload, ...more });
export const rest = (payload, more = {}) => frame({ opcode: 0, payload, ...more });
export const ping = (payload = '', more = {}) => frame({ opcode: 9, payload, ...more });
export const pong = (payload = '', more = {}) => frame({ opcode: 10, payload, ...more });

/** A close frame; no code makes an empty one. */
export function close(code = null, reason = '') {
  if (code === null) return frame({ opcode: 8, payload: reason });
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame({ opcode: 8, payload: Buffer.concat([head, bytes(reason)]) });
}

/** A message in fragments of at most `size` bytes. */
export function fragments(opcode, payload, size, rsv = 0) {
  const body = bytes(payload);
  const out = [];
  for (let at = 0; at === 0 || at < body.length; at += size) {
    const last = at + size >= body.length;
    out.push(frame({ opcode: at === 0 ? opcode : 0, payload: body.subarray(at, at + size), fin: last, rsv: at === 0 ? rsv : 0 }));
  }
  return out;
}
