import { connect, createServer } from 'node:net';

/** A TCP relay in front of the server's HTTP port that a test can cut, block and retarget. Media does not pass here. */
export async function startProxy(target) {
  let upstream = new URL(target);
  let blocked = false;
  const open = new Set();
  const server = createServer((client) => {
    if (blocked) {
      client.destroy();
      return;
    }
    const remote = connect(Number(upstream.port), upstream.hostname);
    const pair = { client, remote };
    open.add(pair);
    const end = () => {
      client.destroy();
      remote.destroy();
      open.delete(pair);
    };
    for (const socket of [client, remote]) socket.on('error', end).on('close', end);
    client.pipe(remote).pipe(client);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    ws: `ws://127.0.0.1:${server.address().port}`,
    http: `http://127.0.0.1:${server.address().port}`,
    connections: () => open.size,
    cut() {
      for (const { client, remote } of [...open]) {
        client.destroy();
        remote.destroy();
      }
    },
    block(value) {
      blocked = value;
    },
    retarget(url) {
      upstream = new URL(url);
    },
    stop() {
      this.cut();
      return new Promise((done) => server.close(done));
    },
  };
}
