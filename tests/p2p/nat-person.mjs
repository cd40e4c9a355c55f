// Somebody with a browser behind a router of nat.sh, in front of a room. Does what each line says, and says on a line what came of it.
//   node nat-person.mjs chromium http://10.9.0.1:7880 ana p2p
import { createInterface } from 'node:readline';
import { startBrowsers } from '../lib/browsers.mjs';
import { until } from '../lib/wait.mjs';
import { join, prepare, read } from './app.mjs';
import { watch } from './nat-watch.mjs';

const [browser, server, name, kind] = process.argv.slice(2);
const say = (what = null) => console.log(JSON.stringify(what));

const browsers = await startBrowsers('p2p', { kinds: [browser], secure: server });
const page = await browsers.open(browser, `${server}/meet/nat${kind === 'p2p' ? '?kind=p2p' : ''}`);
await prepare(page, name);
say();

const moves = (name) => {
  const video = document.querySelector(`[data-testid=tile][data-name="${name}"] video`);
  return video?.videoWidth > 0 && video.currentTime > 0.2;
};
const notes = () => page.evaluate(() => globalThis.notes());
const flows = async () => (await notes()).flows;

const can = {
  enter: () => join(page),
  see: (other) => until(`${other} to be seen`, () => page.evaluate(moves, other), { timeoutMs: 30_000, everyMs: 50 }),
  /** And what is seen comes that way: the other one may be ahead of us. */
  async direct(other) {
    await read(page, `[data-testid=tile][data-name="${other}"] [data-testid=direct-video]`);
    return read(page, '[data-testid=path][data-path=direct]', /Direct/);
  },
  relay: () => read(page, '[data-testid=path][data-path=relay]', /Through a relay/),
  /** From now on what comes is looked at; it must come. */
  async watch(other) {
    await page.evaluate(watch, other);
    await until(`${other} to be seen and heard`, flows, { describe: notes });
  },
  /** Waits for picture and sound to stop, and to go on. */
  async interruption(other) {
    const over = async () => {
      const { flows, picture, sound } = await notes();
      return flows && picture.length > 0 && sound.length > 0;
    };
    await until(`${other} to be seen and heard again`, over, { timeoutMs: 30_000, describe: notes });
  },
  async notes(other) {
    await until(`${other} to be seen and heard to the end`, flows, { describe: notes });
    return notes();
  },
  leave: () => browsers.stop(),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [what, about] = JSON.parse(line);
  say(await can[what](about));
  if (what === 'leave') process.exit(0);
}
