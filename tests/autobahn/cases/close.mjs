// 7 closing: what a close frame may be, and that nothing is answered after it.
import { close, ping, rest, text } from '../frames.mjs';

const WORDS = 'last words';
const CLEAN = { closing: true };
const NO_TEXT = Buffer.concat([Buffer.from('κ\u1f79σμε'), Buffer.from('eda080', 'hex')]);
const big = Buffer.alloc(256 * 1024, 0x2a);

const basic = [
  { id: '7.1.1', send: [text(WORDS)], expect: [['text', WORDS]] },
  { id: '7.1.2', send: [close(1000), close()], ...CLEAN },
  { id: '7.1.3', send: [close(1000), ping()], ...CLEAN },
  { id: '7.1.4', send: [close(1000), text(WORDS)], ...CLEAN },
  { id: '7.1.5', send: [text(WORDS, { fin: false }), close(1000), rest(WORDS)], ...CLEAN },
  // Autobahn takes any outcome here; ours answers what came before the close frame.
  { id: '7.1.6', send: [text(big), text(WORDS), close(1000), ping()], expect: [['text', big], ['text', WORDS]], ...CLEAN },
];

const payloads = [
  { id: '7.3.1', send: [close()], closing: true, codes: [1000, null] },
  { id: '7.3.2', send: [close(null, 'x')], refused: [1002] },
  { id: '7.3.3', send: [close(1000)], ...CLEAN },
  { id: '7.3.4', send: [close(1000, 'a reason')], ...CLEAN },
  { id: '7.3.5', send: [close(1000, '*'.repeat(123))], ...CLEAN },
  { id: '7.3.6', send: [close(1000, '*'.repeat(124))], refused: [1002] },
  { id: '7.5.1', send: [close(1000, NO_TEXT)], refused: [1002, 1007] },
];

const valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const codes = [
  ...valid.map((code, i) => ({ id: `7.7.${i + 1}`, send: [close(code)], closing: true, codes: [1000, code] })),
  ...invalid.map((code, i) => ({ id: `7.9.${i + 1}`, send: [close(code)], refused: [1002] })),
  // Not defined by the RFC: only that the connection ends.
  ...[5000, 65_535].map((code, i) => ({ id: `7.13.${i + 1}`, send: [close(code)], refused: [1000, 1002, code] })),
];

export const closing = [{ title: '7 closing', cases: [...basic, ...payloads, ...codes] }];
