// `make test`: builds, runs every suite in turn, goes on after a failing one, and sums up.
//
// node scripts/test.mjs [--e2e] [SUITE…]     --e2e leaves out the Rust and unit tests; SUITE runs only these.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ARTIFACTS = join(ROOT, 'test-artifacts');
const RESULTS = join(ARTIFACTS, 'results');
const MINUTE = 60_000;
const env = {
  ...process.env,
  TANDEM_BIN: process.env.TANDEM_BIN ? resolve(process.env.TANDEM_BIN) : join(ROOT, 'target/sim/tandem'),
  PATH: `${process.env.HOME}/.cargo/bin:${join(ROOT, '.venv/bin')}:${process.env.PATH}`,
};
const color = process.stdout.isTTY ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (code, text) => text;

/** Runs a command with its output on the terminal and in a file; kills its whole process group when the time is up. */
function run(name, command, args, { minutes = 10, cwd = ROOT } = {}) {
  return new Promise((done) => {
    const log = createWriteStream(join(ARTIFACTS, `${name}.log`));
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended already.
      }
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      console.log(color(31, `${name}: not done after ${minutes} minutes, stopped`));
      kill('SIGTERM');
      setTimeout(() => kill('SIGKILL'), 5000).unref();
    }, minutes * MINUTE);
    const interrupted = () => kill('SIGTERM');
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    for (const [stream, out] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      stream.on('data', (data) => {
        out.write(data);
        log.write(data);
      });
    }
    child.on('error', (error) => console.log(String(error)));
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      log.end();
      done({ code: code ?? 1, late });
    });
  });
}

function junit(file) {
  if (!existsSync(file)) return null;
  const xml = readFileSync(file, 'utf8');
  const all = /<testsuites [^>]*tests="(\d+)"[^>]*failures="(\d+)"[^>]*errors="(\d+)"/.exec(xml);
  if (!all) return null;
  const failed = Number(all[2]) + Number(all[3]);
  const failures = [...xml.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<(?:failure|error)/g)].map((m) => `${m[2]} ${m[1]}`);
  return { passed: Number(all[1]) - failed, failed, skipped: 0, failures };
}

function doctests(log) {
  const counts = [...readFileSync(log, 'utf8').matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)];
  return { passed: counts.reduce((n, m) => n + Number(m[1]), 0), failed: counts.reduce((n, m) => n + Number(m[2]), 0), skipped: 0, failures: [] };
}

function vitest(file) {
  if (!existsSync(file)) return null;
  const json = JSON.parse(readFileSync(file, 'utf8'));
  const failures = json.testResults.flatMap((f) => (f.assertionResults.length === 0 && f.status === 'failed' ? [f.name] : f.assertionResults.filter((t) => t.status === 'failed').map((t) => t.fullName)));
  return { passed: json.numPassedTests, failed: failures.length, skipped: json.numPendingTests + json.numTodoTests, failures };
}

const fromReport = (name) => () => {
  const file = join(RESULTS, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
};
const own = (name, minutes, args) => ({ name, minutes, e2e: true, command: process.execPath, args, cwd: join(ROOT, 'tests'), results: fromReport(name) });
const client = (name, minutes, workspace, script, e2e) => {
  const output = join(RESULTS, `${name}.vitest.json`);
  return { name, minutes, e2e, command: 'npm', args: ['run', '--silent', script, '-w', workspace, '--', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`], cwd: join(ROOT, 'clients'), results: () => vitest(output) };
};

const SUITES = [
  { name: 'rust', minutes: 20, command: 'cargo', args: ['nextest', 'run', '--cargo-profile', 'sim', '--workspace', '--config-file', 'scripts/nextest.toml'], results: () => junit(join(ROOT, 'target/nextest/default/junit.xml')) },
  { name: 'doctests', minutes: 8, command: 'cargo', args: ['test', '--profile', 'sim', '--doc', '--workspace'], results: () => doctests(join(ARTIFACTS, 'doctests.log')) },
  client('client-unit', 3, 'web', 'test', false),
  client('app-unit', 3, 'app', 'test:unit', false),
  own('autobahn', 5, ['autobahn/run.mjs']),
  own('autobahn-suite', 15, ['autobahn/suite.mjs']),
  own('channels', 8, ['lib/run-vitest.mjs', 'channels']),
  own('centrifuge-python', 5, ['centrifuge-python/run.mjs']),
  own('p2p', 10, ['lib/run-vitest.mjs', 'p2p']),
  own('protocol', 5, ['lib/run-vitest.mjs', 'protocol']),
  own('node-sdk', 5, ['node-sdk/run.mjs']),
  own('python-sdk', 8, ['python-sdk/run.mjs']),
  own('go-sdk', 10, ['go-sdk/run.mjs']),
  own('browser', 25, ['lib/run-vitest.mjs', 'browser']),
  own('firefox', 8, ['lib/run-vitest.mjs', 'firefox']),
  client('app-browser', 10, 'app', 'test', true),
];

const wanted = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const onlyE2e = process.argv.includes('--e2e');
for (const name of wanted) if (!SUITES.some((s) => s.name === name)) throw new Error(`no suite "${name}"; there are: ${SUITES.map((s) => s.name).join(', ')}`);
const suites = SUITES.filter((s) => (wanted.length ? wanted.includes(s.name) : !onlyE2e || s.e2e));
mkdirSync(RESULTS, { recursive: true });

const began = Date.now();
const table = [];
let stopped = false;
process.on('SIGINT', () => (stopped = true)).on('SIGTERM', () => (stopped = true));

async function step(name, minutes, command, args) {
  console.log(color(1, `== ${name}`));
  const { code } = await run(name, command, args, { minutes });
  if (code !== 0) {
    console.log(color(31, `${name} failed; nothing can be tested.\n0 passed, 1 failed`));
    process.exit(1);
  }
}

await step('setup', 15, 'bash', ['scripts/setup.sh', 'test']);
await step('app', 5, 'bash', ['scripts/app.sh']);
if (!process.env.TANDEM_BIN) await step('build', 25, 'cargo', ['build', '--profile', 'sim', '-p', 'tandem']);

for (const suite of suites) {
  if (stopped) break;
  console.log(color(1, `\n== ${suite.name} (${table.length + 1} of ${suites.length}, ${Math.round((Date.now() - began) / 1000)} s so far)`));
  rmSync(join(RESULTS, `${suite.name}.json`), { force: true });
  if (suite.name === 'rust') rmSync(join(ROOT, 'target/nextest/default/junit.xml'), { force: true });
  const start = Date.now();
  const { code, late } = await run(suite.name, suite.command, suite.args, suite);
  const result = suite.results() ?? { passed: 0, failed: 0, skipped: 0, failures: [] };
  result.failures = result.failures ?? [];
  result.failed = Math.max(result.failed, result.failures.length);
  if ((code !== 0 || late) && result.failed === 0) {
    result.failed = 1;
    result.failures.push(late ? `${suite.name}: stopped after ${suite.minutes} minutes` : `${suite.name}: ended with ${code}, see test-artifacts/${suite.name}.log`);
  }
  table.push({ name: suite.name, seconds: (Date.now() - start) / 1000, ...result });
}

const line = (...cells) => console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(14) : String(cell).padStart(9))).join(''));
console.log(color(1, '\n== summary'));
line('suite', 'passed', 'failed', 'skipped', 'seconds');
for (const row of table) console.log(color(row.failed ? 31 : 32, [row.name.padEnd(14), ...[row.passed, row.failed, row.skipped ?? 0, Math.round(row.seconds)].map((n) => String(n).padStart(9))].join('')));
const failures = table.flatMap((row) => row.failures.map((failure) => `${row.name}: ${failure}`));
if (failures.length) console.log(`\nfailed:\n${failures.map((f) => `  ${f}`).join('\n')}`);
const retried = table.flatMap((row) => (row.retried ?? []).map((test) => `${row.name}: ${test}`));
if (retried.length) console.log(`\npassed or failed only at a second try (look at these, they are not sound):\n${retried.map((t) => `  ${t}`).join('\n')}`);
const passed = table.reduce((n, row) => n + row.passed, 0);
const failed = table.reduce((n, row) => n + row.failed, 0) + (stopped ? 1 : 0);
console.log(`\n${Math.round((Date.now() - began) / 1000)} seconds; logs and pictures are in test-artifacts/`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
