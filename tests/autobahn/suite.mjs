// The Autobahn test suite itself against a server of ours, where its Python 2.7 exists; see suite.sh.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts, TESTS } from '../lib/paths.mjs';
import { run } from '../lib/process.mjs';
import { report } from '../lib/results.mjs';
import { startServer } from '../lib/server.mjs';

const NOT_HERE = 3;
const began = Date.now();
const out = artifacts('autobahn');
const server = await startServer({ suite: 'autobahn-suite' });
const code = await run('bash', [join(TESTS, 'autobahn/suite.sh'), out], { env: { ...process.env, ECHO_URL: `${server.ws}/v1/echo` } });
const file = join(out, 'result.json');
let result = { passed: 0, failed: 1, skipped: 0, failures: [`no report, status ${code}`] };
if (code === NOT_HERE) result = { passed: 0, failed: 0, skipped: 1, failures: [] };
else if (existsSync(file)) result = JSON.parse(readFileSync(file, 'utf8'));
await server.stop().catch((error) => {
  result.failed++;
  result.failures.push(String(error));
});
report('autobahn-suite', { ...result, seconds: (Date.now() - began) / 1000 });
process.exit(result.failed > 0 ? 1 : 0);
