// The Python SDK against a server of ours. Arguments go to pytest.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts, TESTS } from '../lib/paths.mjs';
import { run } from '../lib/process.mjs';
import { report } from '../lib/results.mjs';
import { API_KEY, API_SECRET, startServer } from '../lib/server.mjs';

const dir = join(TESTS, 'python-sdk');
const started = Date.now();
if ((await run('bash', [join(dir, 'venv.sh')])) !== 0) process.exit(1);

const server = await startServer({ suite: 'python-sdk' });
const output = join(artifacts('results'), 'python-sdk.xml');
rmSync(output, { force: true });
const code = await run(join(dir, '.venv/bin/python'), ['-m', 'pytest', '-v', `--junitxml=${output}`, ...process.argv.slice(2)], {
  cwd: dir,
  env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', LIVEKIT_URL: server.ws, LIVEKIT_API_KEY: API_KEY, LIVEKIT_API_SECRET: API_SECRET },
});
const result = { passed: 0, failed: 1, skipped: 0, failures: [`no report, status ${code}`] };
if (existsSync(output)) {
  const xml = readFileSync(output, 'utf8');
  const number = (name) => Number(new RegExp(`<testsuite [^>]*${name}="(\\d+)"`).exec(xml)?.[1] ?? 0);
  result.failures = [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(failure|error)/g)].map((m) => `${m[1]}.${m[2]}`);
  result.skipped = number('skipped');
  result.failed = number('failures') + number('errors');
  result.passed = number('tests') - result.failed - result.skipped;
  if (result.skipped > 0) result.failures.push(`${result.skipped} skipped`);
}
await server.stop().catch((error) => {
  result.failed++;
  result.failures.push(String(error));
});
report('python-sdk', { ...result, seconds: (Date.now() - started) / 1000 });
process.exit(code || (result.failures.length > 0 ? 1 : 0));
