// Runs inside nat.sh: two people behind what NAME says call each other. Prints what came of it as JSON.
//   node nat-run.mjs chromium ana ben p2p     node nat-run.mjs firefox ana cleo p2p     node nat-run.mjs firefox ana cleo sfu
import { two, withServer } from './nat-rig.mjs';

const [browser, one, other, kind] = process.argv.slice(2);

await withServer(async () => {
  const { people, both } = await two(browser, [one, other], kind);
  await people[0].ask('enter');
  const began = Date.now();
  await people[1].ask('enter');
  await both('see');
  const seen = Date.now() - began;
  if (kind === 'p2p') await both('relay');
  const connected = Date.now() - began;
  await both('leave');
  await Promise.all(people.map(({ gone }) => gone));
  return { seen_ms: seen, connected_ms: connected, relayed: kind === 'p2p' };
});
