// Broadcast with npm ws: every binary message goes to all other connections. A peer for `make bench`.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), perMessageDeflate: false });
server.on('listening', () => console.log(JSON.stringify({ ready: true, port: server.address().port })));
server.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, binary) => {
    for (const other of server.clients) {
      if (other !== socket && other.readyState === 1) other.send(data, { binary });
    }
  });
});
