// The end-to-end suite that @livekit/rtc-node ships, unmodified, against a server of ours.
// REPEAT=n runs it n times; every run has to be complete: all tests run, none failed, none skipped.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts, TESTS } from '../lib/paths.mjs';
import { report, retriedTests, retriesFile, vitestCounts } from '../lib/results.mjs';
import { API_KEY, API_SECRET, startServer } from '../lib/server.mjs';

const EXPECTED = 29;
const repeat = Number(process.env.REPEAT ?? 1);
const retries = retriesFile('node-sdk');
const started = Date.now();
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };

for (let round = 1; round <= repeat; round++) {
  const server = await startServer({ suite: 'node-sdk' });
  const output = join(artifacts('results'), `node-sdk.${round}.vitest.json`);
  rmSync(output, { force: true });
  const child = spawn(
    process.execPath,
    [join(TESTS, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(TESTS, 'node-sdk/vitest.config.mjs'),
      '--no-file-parallelism', '--reporter=verbose', '--reporter=json', `--reporter=${join(TESTS, 'lib/retries.mjs')}`, `--outputFile.json=${output}`, ...process.argv.slice(2)],
    { stdio: 'inherit', cwd: TESTS, env: { ...process.env, LIVEKIT_URL: server.ws, LIVEKIT_API_KEY: API_KEY, LIVEKIT_API_SECRET: API_SECRET, RETRIES_FILE: retries } },
  );
  const code = await new Promise((done) => child.on('exit', (status) => done(status ?? 1)));
  const counts = existsSync(output)
    ? vitestCounts(JSON.parse(readFileSync(output, 'utf8')))
    : { passed: 0, failed: 1, skipped: 0, failures: [`no report, exit status ${code}`] };
  if (process.argv.length <= 2 && counts.passed + counts.failed < EXPECTED) counts.failures.push(`only ${counts.passed + counts.failed} of ${EXPECTED} tests ran`);
  if (process.argv.length <= 2 && counts.skipped > 0) counts.failures.push(`${counts.skipped} tests were skipped`);
  try {
    await server.stop();
  } catch (error) {
    counts.failures.push(String(error));
  }
  total.passed += counts.passed;
  total.skipped += counts.skipped;
  total.failed = total.failed + Math.max(counts.failed, counts.failures.length);
  total.failures.push(...counts.failures.map((name) => `round ${round}: ${name}`));
}
report('node-sdk', { ...total, retried: retriedTests(retries), seconds: (Date.now() - started) / 1000 });
process.exit(total.failures.length > 0 ? 1 : 0);
