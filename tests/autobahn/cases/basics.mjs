// 1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 and 10 fragmentation.
import { binary, close, fragments, frame, ping, pong, rest, text } from '../frames.mjs';

const NOT_TEXT = Buffer.from([0, 255, 1, 254, 2, 253]);
const WORDS = 'some words';
/** The server must close; earlier answers may have come before. */
const PROTOCOL = { refused: [1002] };

function framing() {
  const sizes = [0, 125, 126, 127, 128, 65_535, 65_536];
  const kinds = [
    ['1.1', 'text', text, 0x2a],
    ['1.2', 'binary', binary, 0xfe],
  ];
  return kinds.flatMap(([group, kind, write, fill]) => {
    const cases = [...sizes.map((size) => [size, 0]), [65_536, 997]];
    return cases.map(([size, chop], i) => {
      const payload = Buffer.alloc(size, fill);
      return { id: `${group}.${i + 1}`, send: [write(payload)], chop, expect: [[kind, payload]] };
    });
  });
}

function pings() {
  const full = Buffer.alloc(125, 0xfe);
  const ten = Array.from({ length: 10 }, (_, i) => `ping number ${i}`);
  return [
    { id: '2.1', send: [ping()], expect: [['pong', '']] },
    { id: '2.2', send: [ping(WORDS)], expect: [['pong', WORDS]] },
    { id: '2.3', send: [ping(NOT_TEXT)], expect: [['pong', NOT_TEXT]] },
    { id: '2.4', send: [ping(full)], expect: [['pong', full]] },
    { id: '2.5', send: [ping(Buffer.alloc(126, 0xfe))], ...PROTOCOL },
    { id: '2.6', send: [ping(full)], chop: 1, expect: [['pong', full]] },
    { id: '2.7', send: [pong()] },
    { id: '2.8', send: [pong(WORDS)] },
    { id: '2.9', send: [pong(WORDS), ping('and this')], expect: [['pong', 'and this']] },
    { id: '2.10', send: ten.map((payload) => ping(payload)), expect: ten.map((payload) => ['pong', payload]) },
    { id: '2.11', send: ten.map((payload) => ping(payload)), chop: 1, expect: ten.map((payload) => ['pong', payload]) },
  ];
}

/** A good text, then a frame that must not be, then a ping that must not be answered. */
const good = (id, bad, chop = 0) => ({ id, send: [text(WORDS), bad, ping()], chop, expect: [['text', WORDS]], ...PROTOCOL });

function reservedBits() {
  return [
    { id: '3.1', send: [text(WORDS, { rsv: 1 })], ...PROTOCOL },
    good('3.2', text(WORDS, { rsv: 2 })),
    good('3.3', text(WORDS, { rsv: 3 }), 'frame'),
    good('3.4', text(WORDS, { rsv: 4 }), 1),
    { id: '3.5', send: [binary(NOT_TEXT, { rsv: 5 })], ...PROTOCOL },
    { id: '3.6', send: [ping(WORDS, { rsv: 6 })], ...PROTOCOL },
    { id: '3.7', send: [frame({ opcode: 8, rsv: 7 })], ...PROTOCOL },
  ];
}

function opcodes() {
  const five = (group, [a, b, c, d, e]) => [
    { id: `${group}.1`, send: [frame({ opcode: a })], ...PROTOCOL },
    { id: `${group}.2`, send: [frame({ opcode: b, payload: WORDS })], ...PROTOCOL },
    good(`${group}.3`, frame({ opcode: c })),
    good(`${group}.4`, frame({ opcode: d, payload: WORDS })),
    good(`${group}.5`, frame({ opcode: e, payload: WORDS }), 1),
  ];
  return [...five('4.1', [3, 4, 5, 6, 7]), ...five('4.2', [11, 12, 13, 14, 15])];
}

function fragmentation() {
  const two = [text('one ', { fin: false }), rest('two')];
  const both = [['text', 'one two']];
  const between = [two[0], ping('between'), two[1]];
  const pongFirst = [['pong', 'between'], ...both];
  const lost = (fin) => [rest('continues nothing', { fin }), text(WORDS)];
  const again = (fin) => [0, 1].flatMap(() => [rest('continues nothing', { fin }), ...two]);
  const long = (id, chop) => ({
    id,
    chop,
    send: [
      text('a', { fin: false }),
      rest('b', { fin: false }),
      ping('first'),
      // The answer must come before the message is whole.
      { await: ['pong', 'first'] },
      rest('c', { fin: false }),
      rest('d', { fin: false }),
      ping('second'),
      rest('e'),
    ],
    expect: [['pong', 'second'], ['text', 'abcde']],
  });
  return [
    { id: '5.1', send: [ping('one', { fin: false }), rest('two')], ...PROTOCOL },
    { id: '5.2', send: [pong('one', { fin: false }), rest('two')], ...PROTOCOL },
    ...[0, 'frame', 1].map((chop, i) => ({ id: `5.${3 + i}`, send: two, chop, expect: both })),
    ...[0, 'frame', 1].map((chop, i) => ({ id: `5.${6 + i}`, send: between, chop, expect: pongFirst })),
    ...[0, 'frame', 1].map((chop, i) => ({ id: `5.${9 + i}`, send: lost(true), chop, ...PROTOCOL })),
    ...[0, 'frame', 1].map((chop, i) => ({ id: `5.${12 + i}`, send: lost(false), chop, ...PROTOCOL })),
    { id: '5.15', send: [...two, ...lost(false)], expect: both, ...PROTOCOL },
    { id: '5.16', send: again(false), ...PROTOCOL },
    { id: '5.17', send: again(true), ...PROTOCOL },
    { id: '5.18', send: [two[0], text('two')], ...PROTOCOL },
    long('5.19', 0),
    long('5.20', 'frame'),
  ];
}

function autoFragmentation() {
  const payload = Buffer.alloc(65_536, 0x2a);
  return [{ id: '10.1.1', send: fragments(1, payload, 1300), expect: [['text', payload]] }];
}

/** Not of Autobahn: what it leaves out, and what a server must bear. */
function ours() {
  const huge = (length) => Buffer.concat([Buffer.from([0x82, 0xff]), length, Buffer.alloc(4)]);
  return [
    { id: 'own.1', send: [text(WORDS, { masked: false })], ...PROTOCOL },
    { id: 'own.2', send: [huge(Buffer.from([0x7f, 255, 255, 255, 255, 255, 255, 255]))], refused: [1009] },
    { id: 'own.3', send: [huge(Buffer.alloc(8, 0xff))], refused: [1002, 1009] },
    { id: 'own.4', send: [binary('x'), close(1000), Buffer.alloc(100_000)], expect: [['binary', 'x']], closing: true },
  ];
}

export const basics = [
  { title: '1 framing', cases: framing() },
  { title: '2 pings and pongs', cases: pings() },
  { title: '3 reserved bits', cases: reservedBits() },
  { title: '4 opcodes', cases: opcodes() },
  { title: '5 fragmentation', cases: fragmentation() },
  { title: '10 fragments of a fixed size', cases: autoFragmentation() },
  { title: 'own: not in Autobahn', cases: ours() },
];
