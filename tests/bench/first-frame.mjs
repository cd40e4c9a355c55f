// How long a person waits: from `room.connect()` to the first painted frame of somebody who is already
// publishing (VP8, 640x360), in Chromium on this machine. JOINS=12 joins per connection mode; the limit is for the median.
import { setTimeout as delay } from 'node:timers/promises';
import { startStage, joined } from '../lib/chromium.mjs';
import { startServer } from '../lib/server.mjs';
import { roomName, token } from '../lib/token.mjs';

const JOINS = Number(process.env.JOINS ?? 12);
const LIMIT_MS = 200;
const server = await startServer({ suite: 'bench' });
const stage = await startStage('bench');
const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
let failed = false;
for (const mode of ['v1', 'v0']) {
  const room = roomName(`first-frame-${mode}`);
  const ana = await joined(stage, server, room, 'ana', { settings: { mode } });
  await ana.evaluate(() => H.publishPicture({ id: 1, width: 640, height: 360, options: { simulcast: false } }));
  const times = [];
  // The first join warms the page and the browser up and does not count.
  for (let i = 0; i <= JOINS; i++) {
    const jwt = await token(room, `viewer-${i}`);
    const viewer = (globalThis.viewer ??= {})[mode] ?? (globalThis.viewer[mode] = await stage.open(`viewer-${mode}`));
    const ms = await viewer.evaluate(
      async ([url, jwt, single]) => {
        const room = new LivekitClient.Room({ singlePeerConnection: single });
        const painted = new Promise((done) => {
          room.on('trackSubscribed', (track) => {
            if (track.kind !== 'video') return;
            const element = track.attach();
            document.body.append(element);
            element.requestVideoFrameCallback(() => done());
          });
        });
        const start = performance.now();
        await room.connect(url, jwt);
        await painted;
        const took = performance.now() - start;
        await room.disconnect();
        document.querySelectorAll('video').forEach((element) => element.remove());
        return took;
      },
      [server.ws, jwt, mode === 'v1'],
    );
    if (i > 0) times.push(ms);
    // Keyframes are asked for at most twice a second: joins one on the heels of another would measure that.
    await delay(1000);
  }
  const median = middle(times);
  failed ||= median > LIMIT_MS;
  console.log(`first painted frame, ${mode === 'v1' ? 'one peer connection ' : 'two peer connections'}: median ${median.toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms of ${JOINS} joins; limit ${LIMIT_MS} ms: ${median <= LIMIT_MS ? 'PASS' : 'FAIL'}`);
}
await stage.stop();
await server.stop();
process.exit(failed ? 1 : 0);
