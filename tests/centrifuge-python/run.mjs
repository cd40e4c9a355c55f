// Runs run.sh and reports: how many tests of the official Python client passed.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { artifacts, TESTS } from '../lib/paths.mjs';
import { report } from '../lib/results.mjs';

const started = Date.now();
const log = join(artifacts('logs', 'centrifuge-python'), 'suite.log');
const child = spawn('bash', [join(TESTS, 'centrifuge-python', 'run.sh')], { stdio: ['ignore', 'pipe', 'pipe'] });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
const sink = createWriteStream(log);
let text = '';
for (const stream of [child.stdout, child.stderr]) {
  stream.on('data', (data) => {
    sink.write(data);
    text = (text + data).slice(-200_000);
  });
}
const code = await new Promise((done) => child.on('close', (status) => done(status ?? 1)));
const ran = Number(/Ran (\d+) tests?/.exec(text)?.[1] ?? 0);
const failures = [...text.matchAll(/^(?:FAIL|ERROR): (.*)$/gm)].map((match) => `centrifuge-python: ${match[1]}`);
if (code !== 0 && failures.length === 0) failures.push(`centrifuge-python: ended with ${code}: ${text.trim().split('\n').at(-1)}`);
if (ran < 185) failures.push(`centrifuge-python: ${ran} tests ran, 185 are there`);
report('centrifuge-python', { passed: Math.max(0, ran - failures.length), failed: failures.length, skipped: 0, failures, seconds: (Date.now() - started) / 1000 });
console.log(`${ran} tests ran, ${failures.length} failed; ${log}`);
failures.forEach((failure) => console.log(failure));
process.exit(failures.length > 0 ? 1 : 0);
