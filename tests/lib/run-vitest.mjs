// Runs one of the Vitest suites and reports: node lib/run-vitest.mjs SUITE [vitest arguments]
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts, TESTS } from './paths.mjs';
import { report, retriedTests, retriesFile, vitestCounts } from './results.mjs';

const [suite, ...rest] = process.argv.slice(2);
const output = join(artifacts('results'), `${suite}.vitest.json`);
rmSync(output, { force: true });
const retries = retriesFile(suite);
const started = Date.now();
const child = spawn(
  process.execPath,
  [join(TESTS, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(TESTS, 'vitest.config.mjs'), '--dir', join(TESTS, suite),
    '--reporter=verbose', '--reporter=json', `--reporter=${join(TESTS, 'lib/retries.mjs')}`, `--outputFile.json=${output}`, ...rest],
  { stdio: 'inherit', cwd: TESTS, env: { ...process.env, SUITE: suite, RETRIES_FILE: retries } },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
const code = await new Promise((done) => child.on('exit', (status) => done(status ?? 1)));
const seconds = (Date.now() - started) / 1000;
if (!existsSync(output)) {
  report(suite, { passed: 0, failed: 1, seconds, failures: [`${suite}: the runner ended with ${code} and no report`] });
  process.exit(code || 1);
}
const counts = vitestCounts(JSON.parse(readFileSync(output, 'utf8')));
// No test of these suites may be skipped: one that cannot run here has to say so by failing.
if (rest.length === 0 && counts.skipped > 0) counts.failures.push(`${counts.skipped} skipped`);
report(suite, { ...counts, seconds, retried: retriedTests(retries) });
process.exit(counts.failures.length > 0 || code !== 0 || counts.passed === 0 ? 1 : 0);
