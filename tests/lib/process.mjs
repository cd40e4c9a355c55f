import { spawn } from 'node:child_process';

/** Runs a command with the terminal of ours and returns its status; signals to us go to it. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (status) => done(status ?? 1));
  });
}
