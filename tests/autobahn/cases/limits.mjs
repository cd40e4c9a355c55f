// 9 limits: large messages whole, in fragments and in small pieces, and many messages one after the other.
import { binary, fragments, frame, text } from '../frames.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Made when the case runs: all of them at once would be large. */
const large = (id, write, kind, size, more = {}) => ({
  id,
  timeoutMs: 60_000,
  ...more,
  make() {
    const payload = kind === 'text' ? Buffer.alloc(size, 'some text and then ') : Buffer.alloc(size, Buffer.from([0, 254, 35, 250, 240]));
    return { send: write(payload), expect: [[kind, payload]] };
  },
});

const sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
const parts = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
const chops = [64, 128, 256, 512, KIB, 2 * KIB];
const lengths = [0, 16, 64, 256, KIB, 4 * KIB];

const kinds = [
  ['text', 1, text],
  ['binary', 2, binary],
];

const cases = kinds.flatMap(([kind, opcode, write], k) => [
  ...sizes.map((size, i) => large(`9.${1 + k}.${i + 1}`, (payload) => [write(payload)], kind, size)),
  ...parts.map((size, i) => large(`9.${3 + k}.${i + 1}`, (payload) => fragments(opcode, payload, size), kind, 4 * MIB)),
  ...chops.map((chop, i) => large(`9.${5 + k}.${i + 1}`, (payload) => [write(payload)], kind, MIB, { chop })),
  ...lengths.map((length, i) => ({
    id: `9.${7 + k}.${i + 1}`,
    async run(peer, { expect }) {
      const payload = Buffer.alloc(length, 0x2a);
      for (let n = 0; n < 1000; n++) {
        await peer.send(frame({ opcode, payload }));
        await expect([kind, payload]);
      }
    },
  })),
]);

export const limits = [{ title: '9 limits', cases }];
