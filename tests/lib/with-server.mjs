// Runs a command with a fresh server: node lib/with-server.mjs SUITE -- COMMAND ARGS…
// The command finds it through LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and TANDEM_HTTP.
import { spawn } from 'node:child_process';
import { API_KEY, API_SECRET, startServer } from './server.mjs';

const [suite, dash, command, ...args] = process.argv.slice(2);
if (dash !== '--' || !command) {
  console.error('usage: with-server.mjs SUITE -- COMMAND ARGS…');
  process.exit(2);
}
const server = await startServer({ suite });
const child = spawn(command, args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    LIVEKIT_URL: server.ws,
    LIVEKIT_API_KEY: API_KEY,
    LIVEKIT_API_SECRET: API_SECRET,
    TANDEM_HTTP: server.http,
    TANDEM_SERVER_LOG: server.log,
  },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
const code = await new Promise((done) => child.on('exit', (status) => done(status ?? 1)));
let died = 0;
try {
  await server.stop();
} catch (error) {
  console.error(String(error));
  died = 1;
}
process.exit(code || died);
