// A sender of files that does not keep to the rules.
import WebSocket from 'ws';
import { until } from '../lib/wait.mjs';

/** Offers under a code what a test wants, to one receiver after the other. */
export async function liar(ws) {
  const control = new WebSocket(`${ws}/v1/transfer`);
  const messages = [];
  control.on('message', (data) => messages.push(JSON.parse(data)));
  await until('a code', () => messages.length > 0);
  const { code, secret } = messages.shift();
  return {
    code,
    /** The next receiver, and what it says. */
    async meet() {
      await until('the receiver', () => messages.length > 0);
      const pipe = new WebSocket(`${ws}/v1/transfer?${new URLSearchParams({ code, secret, peer: messages.shift().peer })}`);
      const said = [];
      pipe.on('message', (data) => said.push(JSON.parse(data)));
      await new Promise((done) => pipe.on('open', done));
      const say = (message) => pipe.send(JSON.stringify(message));
      say({ type: 'hello', version: 1, direct: false });
      const offer = (id, path) => say({ type: 'offer', id, entries: [{ path, size: 5, changed: 0 }] });
      const heard = (...types) => until(types.join(' or '), () => said.some(({ type }) => types.includes(type)));
      return { offer, heard, said, end: () => pipe.terminate() };
    },
    end: () => control.terminate(),
  };
}
