// A page with a script, by default the official clients, bundled once, on a free port.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { TESTS } from '../lib/paths.mjs';

export async function startPage(script = 'page.mjs') {
  const bundle = await rolldown({ input: join(TESTS, 'p2p', script), platform: 'browser' });
  const { output } = await bundle.generate({ format: 'iife' });
  const { code } = output[0];
  const server = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8' });
    response.end(isScript ? code : '<!doctype html><title>page</title><script src="/page.js"></script><body></body>');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) };
}
