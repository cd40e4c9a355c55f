import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { createRequire } from 'node:module';
import { TESTS } from './paths.mjs';

const client = dirname(createRequire(import.meta.url).resolve('livekit-client'));
const FILES = {
  '/': join(TESTS, 'lib/page/harness.html'),
  '/harness.js': join(TESTS, 'lib/page/harness.js'),
  '/livekit-client.umd.js': join(client, 'livekit-client.umd.js'),
  '/livekit-client.e2ee.worker.js': join(client, 'livekit-client.e2ee.worker.js'),
};
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

/** Serves the test page on a free port of the loopback interface. */
export async function startSite() {
  const server = createServer((request, response) => {
    const file = FILES[new URL(request.url, 'http://localhost').pathname];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)], 'cache-control': 'max-age=600' });
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) };
}
