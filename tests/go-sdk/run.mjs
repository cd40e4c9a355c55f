// The Go SDK against a server of ours: the tests of this folder, then the integration tests the SDK itself ships.
//
// Those have their server's address as a constant: they run in a copy of the SDK in which it is ours. Nothing else changes.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TESTS } from '../lib/paths.mjs';
import { report } from '../lib/results.mjs';
import { API_KEY, API_SECRET, startServer } from '../lib/server.mjs';

// Not among them: TestSimulcastCodec (a second codec for subscribers that lack the first) and TestForceTLS (a relay with a
// certificate), which need what this server does not have yet; and
// TestSubscribeMutedTrack, because pion reports a track with its first packet and a track that is muted sends none.
const OFFICIAL = ['TestJoin', 'TestJoinError', 'TestJoinSinglePeerConnection', 'TestPublishRequiresSinglePC', 'TestPubSub', 'TestResume',
  'TestLimitPayloadSize', 'TestE2EE_H264RoundTrip', 'TestDynacastRepublish'];
const SDK = 'github.com/livekit/server-sdk-go/v2';

const dir = join(TESTS, 'go-sdk');
const started = Date.now();
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };

/** `go test -json`: prints the usual text and counts; a test with subtests counts through these alone. */
async function goTest(label, args, env, cwd = dir) {
  const child = spawn('go', ['test', '-json', '-count=1', '-timeout=8m', ...args], { cwd, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
  const results = new Map();
  for await (const line of createInterface({ input: child.stdout })) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      console.log(line);
      continue;
    }
    if (event.Output) process.stdout.write(event.Output);
    if (event.Test && ['pass', 'fail', 'skip'].includes(event.Action)) results.set(event.Test, event.Action);
  }
  const code = child.exitCode ?? (await new Promise((done) => child.on('exit', (status) => done(status ?? 1))));
  const leaves = [...results].filter(([name]) => ![...results.keys()].some((other) => other.startsWith(`${name}/`)));
  for (const [name, action] of leaves) {
    if (action === 'pass') total.passed++;
    else if (action === 'skip') total.skipped++;
    if (action !== 'pass') total.failures.push(`${label}: ${name} (${action})`);
  }
  const failed = leaves.filter(([, action]) => action === 'fail').length;
  total.failed += failed;
  if (code !== 0 && failed === 0) {
    total.failed++;
    total.failures.push(`${label}: go test ended with ${code}`);
  }
  return results;
}

if (spawnSync('go', ['version']).error) {
  console.error('go-sdk: Go 1.26 or newer is needed and not installed');
  process.exit(1);
}
const server = await startServer({ suite: 'go-sdk' });
const extra = process.argv.slice(2);
await goTest('ours', [...extra, '.'], { LIVEKIT_URL: server.ws, LIVEKIT_API_KEY: API_KEY, LIVEKIT_API_SECRET: API_SECRET });

if (extra.length === 0) {
  const folder = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', SDK], { cwd: dir, encoding: 'utf8' }).stdout.trim();
  const scratch = mkdtempSync(join(tmpdir(), 'tandem-go-'));
  cpSync(folder, scratch, { recursive: true });
  const file = join(scratch, 'integration_test.go');
  const source = readFileSync(file, 'utf8');
  const address = /(host = ")ws:\/\/localhost:7880(")/;
  if (!address.test(source)) throw new Error('the tests of the SDK no longer have the address of their server where it was');
  spawnSync('chmod', ['-R', 'u+w', scratch]);
  writeFileSync(file, source.replace(address, `$1${server.ws}$2`));
  const ran = await goTest('official', ['-run', `^(${OFFICIAL.join('|')})$`, '.'], { LIVEKIT_KEYS: `${API_KEY}: ${API_SECRET}` }, scratch);
  for (const name of OFFICIAL) if (!ran.has(name)) total.failures.push(`official: ${name} did not run`);
  rmSync(scratch, { recursive: true, force: true });
}
await server.stop().catch((error) => {
  total.failed++;
  total.failures.push(String(error));
});
report('go-sdk', { ...total, seconds: (Date.now() - started) / 1000 });
process.exit(total.failures.length > 0 ? 1 : 0);
