import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts } from './paths.mjs';

/** Writes what a suite did where the summary of `make test` finds it. */
export function report(suite, { passed, failed, skipped = 0, seconds, failures = [], retried = [] }) {
  writeFileSync(join(artifacts('results'), `${suite}.json`), JSON.stringify({ suite, passed, failed, skipped, seconds, failures, retried }, null, 2));
}

/** Counts of a Vitest JSON report; a file that could not even be loaded counts as one failure. */
export function vitestCounts(json) {
  const failures = [];
  for (const file of json.testResults) {
    for (const test of file.assertionResults) if (test.status === 'failed') failures.push(test.fullName.trim());
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')) failures.push(`${file.name}: ${file.message}`);
  }
  const tests = json.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed').length;
  return { passed, failed: failures.length, skipped, failures };
}

/** Where the reporter of `retries.mjs` writes for a suite; emptied. */
export function retriesFile(suite) {
  const file = join(artifacts('results'), `${suite}.retries`);
  rmSync(file, { force: true });
  return file;
}

export function retriedTests(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}
