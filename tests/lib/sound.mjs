import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.mjs';

/** A sound server of our own that plays into nothing: without one the audio clock of Firefox stands still. */
export async function startSound() {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-sound-'));
  const socket = join(dir, 'native');
  const child = spawn(
    'pulseaudio',
    ['-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no', '--disable-shm=yes', '-L', 'module-null-sink', '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`],
    { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: dir, XDG_RUNTIME_DIR: dir } },
  );
  let problem = null;
  child.on('error', (error) => (problem = error));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  await until('the sound server', () => {
    if (problem) return true;
    return existsSync(socket);
  });
  if (problem) throw new Error(`pulseaudio cannot be started (${problem.message}): run scripts/setup.sh`);
  return {
    env: { PULSE_SERVER: `unix:${socket}` },
    stop() {
      process.off('exit', kill);
      child.kill('SIGTERM');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
