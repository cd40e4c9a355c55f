import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { artifacts, ROOT } from './paths.mjs';

export const API_KEY = 'devkey';
export const API_SECRET = 'secret';

/** The server binary under test: `TANDEM_BIN`, else the one `make test` builds. */
export function binary() {
  const bin = resolve(ROOT, process.env.TANDEM_BIN ?? 'target/sim/tandem');
  if (!existsSync(bin)) throw new Error(`no server binary at ${bin}: run "cargo build --profile sim -p tandem" or set TANDEM_BIN`);
  return bin;
}

let counter = 0;

/**
 * Starts one server on free ports with an empty data directory and waits until it says it is ready.
 *
 * `config` is written as the YAML configuration file, `args` are appended to the command line. Without `dev` it is as strict as
 * on the internet, and the configuration says which keys it has.
 */
export async function startServer({ suite = 'misc', args = [], config = null, dev = true, env = {}, timeoutMs = 20_000 } = {}) {
  const data = mkdtempSync(join(tmpdir(), 'tandem-data-'));
  const log = join(artifacts('logs', suite), `server-${process.pid}-${++counter}.log`);
  const argv = ['serve', ...(dev ? ['--dev'] : ['--bind', '127.0.0.1']), '--port', '0', '--udp-port', '0', '--tcp-port', '0', '--turn-port', '0', '--data', data];
  if (config) {
    writeFileSync(join(data, 'tandem.yaml'), config);
    argv.push('--config', join(data, 'tandem.yaml'));
  }
  const child = spawn(binary(), [...argv, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RUST_LOG: process.env.TANDEM_LOG ?? 'info', RUST_BACKTRACE: '1', ...env },
  });
  const sink = createWriteStream(log);
  child.stderr.pipe(sink);
  let exited = null;
  const gone = new Promise((done) => {
    child.on('error', (error) => done((exited = { error })));
    child.on('exit', (code, signal) => done((exited = { code, signal })));
  });
  const stopOnExit = () => child.kill('SIGKILL');
  process.on('exit', stopOnExit);

  const lines = createInterface({ input: child.stdout });
  const ready = await new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the server was not ready within ${timeoutMs} ms, see ${log}`)), timeoutMs);
    lines.on('line', (line) => {
      sink.write(`stdout: ${line}\n`);
      try {
        const value = JSON.parse(line);
        if (value.ready) {
          clearTimeout(timer);
          done(value);
        }
      } catch {
        // Anything but the ready line is only logged.
      }
    });
    gone.then((why) => {
      clearTimeout(timer);
      fail(new Error(`the server ended before it was ready (${JSON.stringify(why)}), see ${log}`));
    });
  }).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });

  return {
    ...ready,
    ws: ready.http.replace(/^http/, 'ws'),
    pid: child.pid,
    log,
    data,
    gone,
    alive: () => exited === null,
    exit: () => exited,
    /** SIGTERM, then SIGKILL when it has not gone after `graceMs`. Fails when the server died by itself before. */
    async stop(graceMs = 3000) {
      const early = exited;
      if (!early) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
        await gone;
        clearTimeout(timer);
      }
      process.off('exit', stopOnExit);
      sink.end();
      rmSync(data, { recursive: true, force: true });
      if (early) throw new Error(`the server died during the test (${JSON.stringify(early)}), see ${log}`);
    },
  };
}
