// Somebody with a browser behind a router of nat.sh. Says each step on a line of its own, and goes into the room when told to.
//   node nat-person.mjs chromium http://10.9.0.1:7880 ana ben p2p
import { createInterface } from 'node:readline';
import { startBrowsers } from '../lib/browsers.mjs';
import { until } from '../lib/wait.mjs';
import { join, prepare, read } from './app.mjs';

const [browser, server, name, other, kind] = process.argv.slice(2);
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (step) => console.log(step);

const browsers = await startBrowsers('p2p', { kinds: [browser], secure: server });
const page = await browsers.open(browser, `${server}/meet/nat${kind === 'p2p' ? '?kind=p2p' : ''}`);
await prepare(page, name);
say('ready');
await told.next();
await join(page);
say('in');
const moves = (name) => {
  const video = document.querySelector(`[data-testid=tile][data-name="${name}"] video`);
  return video?.videoWidth > 0 && video.currentTime > 0.2;
};
await until(`${other} to be seen`, () => page.evaluate(moves, other), { timeoutMs: 30_000, everyMs: 50 });
say('seen');
if (kind === 'p2p') {
  await read(page, '[data-testid=path][data-path=relay]');
  say('relay');
}
// The other one may still look.
await told.next();
await browsers.stop();
process.exit(0);
