// Runs inside nat.sh: two people call each other directly, and then no packet passes between them. Prints as JSON what each saw.
//   node nat-cut.mjs chromium
import { cut, two, withServer } from './nat-rig.mjs';

const [browser] = process.argv.slice(2);

await withServer(async () => {
  const { people, both } = await two(browser, ['dan', 'eve'], 'p2p');
  for (const it of people) await it.ask('enter');
  await both('direct');
  await both('watch');
  cut('dan', 'eve');
  await both('interruption');
  await both('relay');
  const notes = await both('notes');
  await both('leave');
  await Promise.all(people.map(({ gone }) => gone));
  return notes;
});
