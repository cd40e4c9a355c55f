// 6 UTF-8: whole, in fragments, wrong ones refused at once, and the classes of Markus Kuhn's decoder stress test.
import { fragments, frame, rest, text } from '../frames.mjs';

const NOT_UTF8 = { refused: [1007] };
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

/** The Greek word of the stress test: characters of two and three bytes. */
const GREEK = Buffer.from('κ\u1f79σμε');
const LETTERS = Buffer.from('Grüße, naïve façade – ½ µ');
/** A surrogate, and the number after the last character; both are wrong in their second byte. */
const SURROGATE = hex('eda080');
const TOO_LARGE = hex('f4908080');
const AFTER = Buffer.from('edited');

/** A number in UTF-8 of a length, also where it must not be so long. */
function encode(number, length) {
  if (length === 1) return Buffer.from([number]);
  const out = Buffer.alloc(length);
  for (let i = length - 1; i > 0; i--) {
    out[i] = 0x80 | number % 64;
    number = Math.floor(number / 64);
  }
  out[0] = ((0xff00 >> length) & 0xff) | number;
  return out;
}

/** What comes before the first wrong byte is taken, with it the connection ends: fail fast. */
function failFast(id, first, second, third, inOneFrame) {
  const whole = Buffer.concat([first, second, third]);
  let parts = [text(first, { fin: false }), rest(second, { fin: false })];
  if (inOneFrame) {
    const all = frame({ opcode: 1, payload: whole });
    const start = all.length - third.length - second.length;
    parts = [all.subarray(0, start), all.subarray(start, all.length - third.length)];
  }
  return { id, send: [parts[0], { quiet: 150 }, parts[1]], ...NOT_UTF8 };
}

function fragmented() {
  const none = { fin: false };
  const bad = Buffer.concat([GREEK, SURROGATE, AFTER]);
  const [one, two] = [Buffer.concat([GREEK, TOO_LARGE.subarray(0, 1)]), TOO_LARGE.subarray(1, 2)];
  const after = Buffer.concat([TOO_LARGE.subarray(2), AFTER]);
  return [
    { id: '6.1.1', send: [text('')], expect: [['text', '']] },
    { id: '6.1.2', send: [text('', none), rest('', none), rest('')], expect: [['text', '']] },
    { id: '6.1.3', send: [text('', none), rest('in the middle', none), rest('')], expect: [['text', 'in the middle']] },
    { id: '6.2.1', send: [text(LETTERS)], expect: [['text', LETTERS]] },
    { id: '6.2.2', send: [text(LETTERS.subarray(0, 4), none), rest(LETTERS.subarray(4))], expect: [['text', LETTERS]] },
    { id: '6.2.3', send: fragments(1, LETTERS, 1), expect: [['text', LETTERS]] },
    { id: '6.2.4', send: fragments(1, GREEK, 1), expect: [['text', GREEK]] },
    { id: '6.3.1', send: [text(bad)], ...NOT_UTF8 },
    { id: '6.3.2', send: fragments(1, bad, 1), ...NOT_UTF8 },
    failFast('6.4.1', GREEK, TOO_LARGE, AFTER, false),
    failFast('6.4.2', one, two, after, false),
    failFast('6.4.3', GREEK, TOO_LARGE, AFTER, true),
    failFast('6.4.4', one, two, after, true),
  ];
}

/** First and last number that needs so many bytes. */
const FIRST = { 1: 0, 2: 0x80, 3: 0x800, 4: 0x10000, 5: 0x200000, 6: 0x4000000 };
const LAST = { 1: 0x7f, 2: 0x7ff, 3: 0xffff, 4: 0x1fffff, 5: 0x3ffffff, 6: 0x7fffffff };

function classes() {
  const cut = (number, length) => encode(number, length).subarray(0, length - 1);
  const unfinished = [...[2, 3, 4, 5, 6].map((n) => cut(0, n)), ...[2, 3, 4, 5, 6].map((n) => cut(LAST[n], n))];
  const lonely = [[0xc0, 0xdf], [0xe0, 0xef], [0xf0, 0xf7], [0xf8, 0xfb], [0xfc, 0xfd]];
  const span = (from, to, gap) => Buffer.from(Array.from({ length: to - from }, (_, i) => [from + i, ...gap]).flat());
  const continuations = Array.from({ length: 6 }, (_, i) => Buffer.from(Array.from({ length: i + 1 }, (__, j) => (j % 2 ? 0xbf : 0x80))));
  const high = [0xd800, 0xdb7f, 0xdb80, 0xdbff].map((n) => encode(n, 3));
  const low = [0xdc00, 0xdfff].map((n) => encode(n, 3));
  const planes = Array.from({ length: 16 }, (_, i) => (i + 1) * 0x10000);
  const noCharacters = [0xfffe, 0xffff, ...planes.flatMap((plane) => [plane + 0xfffe, plane + 0xffff])];
  const prefixes = Array.from({ length: GREEK.length }, (_, i) => GREEK.subarray(0, i + 1));
  const ends = [2, 5, 7, 9, 11];
  const ok = (list) => list.map((payload) => [true, payload]);
  const bad = (list) => list.map((payload) => [false, payload]);
  const inWords = [0x24, 0xa2, 0x20ac, 0x24b62].map((n) => Buffer.from(`words${String.fromCodePoint(n)}words`));
  return {
    6.5: ok([...inWords, GREEK]),
    6.6: prefixes.map((prefix) => [ends.includes(prefix.length), prefix]),
    6.7: ok([1, 2, 3, 4].map((n) => encode(FIRST[n], n))),
    6.8: bad([5, 6].map((n) => encode(FIRST[n], n))),
    6.9: ok([...[1, 2, 3].map((n) => encode(LAST[n], n)), encode(0x10ffff, 4)]),
    '6.10': bad([4, 5, 6].map((n) => encode(LAST[n], n))),
    6.11: [...ok([0xd7ff, 0xe000, 0xfffd].map((n) => encode(n, 3))), [true, encode(0x10ffff, 4)], [false, encode(0x110000, 4)]],
    6.12: bad([hex('80'), hex('bf'), ...continuations.slice(1), span(0x80, 0xbf, [])]),
    6.13: bad(lonely.map(([from, to]) => span(from, to, [0x20]))),
    6.14: bad(unfinished),
    6.15: bad([Buffer.concat(unfinished)]),
    6.16: bad([hex('fe'), hex('ff'), hex('fe fe ff ff')]),
    6.17: bad([2, 3, 4, 5, 6].map((n) => encode(0x2f, n))),
    6.18: bad([2, 3, 4, 5, 6].map((n) => encode(LAST[n - 1], n))),
    6.19: bad([2, 3, 4, 5, 6].map((n) => encode(0, n))),
    '6.20': bad([...high, low[0], encode(0xdf80, 3), low[1]]),
    6.21: bad(high.flatMap((a) => low.map((b) => Buffer.concat([a, b])))),
    6.22: ok(noCharacters.map((n) => Buffer.from(String.fromCodePoint(n)))),
    6.23: ok([0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff].map((n) => encode(n, 3))),
  };
}

function sequences() {
  return Object.entries(classes()).flatMap(([group, list]) =>
    list.map(([good, payload], i) => {
      const id = `${group}.${i + 1}`;
      return good ? { id, send: [text(payload)], expect: [['text', payload]] } : { id, send: [text(payload)], ...NOT_UTF8 };
    }),
  );
}

export const utf8 = [{ title: '6 UTF-8', cases: [...fragmented(), ...sequences()] }];
