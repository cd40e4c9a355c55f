// 12 and 13 compression: data of several kinds, sizes and fragments, and what can be offered.
import { deflateRawSync } from 'node:zlib';
import { fragments, frame, text } from '../frames.mjs';

/** Size of messages and of fragments, 0 for whole ones. */
const SIZES = [
  ...[16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, 0]),
  ...[8192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, 256]),
  ...[1024, 4096, 32_768].map((size) => [131_072, size]),
];
/** What a client says that can do everything. */
const ALL = 'permessage-deflate; client_no_context_takeover; client_max_window_bits';
const FRESH = '; server_no_context_takeover';
const SMALL = '; server_max_window_bits=9';
const FULL = '; server_max_window_bits=15';

/** Numbers that are the same in every run. */
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const LENGTH = 200_000;
const WORDS = 'the of and to in a is that for it as was with be by on not he his but at are this have from which or had müde Straße'.split(' ');

function json() {
  const roll = dice(1);
  let out = '[';
  while (out.length < LENGTH) out += `{"id":${roll(1e6)},"name":"${WORDS[roll(WORDS.length)]} ${WORDS[roll(WORDS.length)]}","price":${roll(1e5) / 100},"tags":["a${roll(9)}"]},`;
  return out;
}

function html() {
  const roll = dice(2);
  let out = '<!doctype html>';
  while (out.length < LENGTH) out += `<li class="row row-${roll(5)}"><a href="/item/${roll(1e5)}">${WORDS[roll(WORDS.length)]}</a> – €${roll(100)}</li>\n`;
  return out;
}

function prose() {
  const roll = dice(3);
  let out = '';
  while (out.length < LENGTH) out += `${WORDS[roll(WORDS.length)]}${roll(9) ? ' ' : '.\r\n'}`;
  return Buffer.from(out, 'latin1');
}

/** Slow changes with a little noise, as in a grey picture. */
function picture() {
  const roll = dice(4);
  return Buffer.from(Array.from({ length: LENGTH }, (_, i) => 128 + 90 * Math.sin(i / 700) + roll(6)));
}

/** What does not get smaller. */
function noise() {
  const roll = dice(5);
  return Buffer.from(Array.from({ length: LENGTH }, () => roll(256)));
}

/** Takes pieces one after the other, from the beginning again at the end. */
function* slices(data, size) {
  for (let at = 0; ; at = (at + size) % data.length) {
    const piece = data.slice(at, at + size);
    const more = data.slice(0, size - piece.length);
    yield typeof data === 'string' ? Buffer.from(piece + more) : Buffer.concat([piece, more]);
  }
}

function messages(id, offers, data, [size, part], { bits = 15, smaller = true } = {}) {
  const opcode = typeof data() === 'string' ? 1 : 2;
  const kind = opcode === 1 ? 'text' : 'binary';
  return {
    id,
    offers,
    timeoutMs: 30_000,
    async run(peer, { expect, check }) {
      check(peer.deflate !== null, 'the server did not take the offer');
      check(peer.deflate.server.bits === bits, `the server agreed on "${peer.deflate.header}"`);
      const pieces = slices(data(), size);
      for (let n = 0; n < (size <= 4096 ? 30 : 6); n++) {
        const payload = pieces.next().value;
        const packed = peer.press(payload);
        const frames = part ? fragments(opcode, packed, part, 4) : [frame({ opcode, payload: packed, rsv: 4 })];
        await peer.send(Buffer.concat(frames));
        await expect([kind, payload]);
      }
      if (smaller && size >= 1024) check(peer.compressed > 0, 'nothing came compressed');
    },
  };
}

const once = (make) => {
  let made;
  return () => (made ??= make());
};
const DATA = [[json], [picture], [prose], [html], [noise, { smaller: false }]].map(([make, more]) => [once(make), more]);
const OFFERS = [
  [ALL, 15],
  [ALL + FRESH, 15],
  [ALL + SMALL, 9],
  [ALL + FULL, 15],
  [ALL + FRESH + SMALL, 9],
  [ALL + FRESH + FULL, 15],
  [`${ALL}${FRESH}${SMALL}, ${ALL}${FRESH}, ${ALL}`, 9],
];

/** Not of Autobahn: data that is no compressed message, and messages that become too large. */
function hostile() {
  const bomb = () => frame({ opcode: 2, rsv: 4, payload: deflateRawSync(Buffer.alloc(64 << 20)) });
  const packed = { offers: ALL };
  return [
    { id: 'own.11', ...packed, send: [text(Buffer.from('ffffff', 'hex'), { rsv: 4 })], refused: [1007] },
    { id: 'own.12', ...packed, make: () => ({ send: [bomb()] }), refused: [1009] },
    { id: 'own.13', ...packed, send: [text('', { fin: false, rsv: 4 }), frame({ opcode: 0, rsv: 4 })], refused: [1002] },
    { id: 'own.14', ...packed, send: [frame({ opcode: 9, rsv: 4 })], refused: [1002] },
    { id: 'own.15', ...packed, send: [text(Buffer.from('00', 'hex'), { rsv: 4 }), text('plain')], expect: [['text', ''], ['text', 'plain']] },
    { id: 'own.16', ...packed, send: [text(deflateRawSync(Buffer.from([0xff])), { rsv: 4 })], refused: [1007] },
  ];
}

export const compression = [
  { title: '12 compression: data', cases: DATA.flatMap(([data, more], d) => SIZES.map((size, i) => messages(`12.${d + 1}.${i + 1}`, ALL, data, size, more))) },
  { title: '13 compression: offers', cases: OFFERS.flatMap(([offers, bits], o) => SIZES.map((size, i) => messages(`13.${o + 1}.${i + 1}`, offers, DATA[0][0], size, { bits }))) },
  { title: 'own: hostile compression', cases: hostile() },
];
