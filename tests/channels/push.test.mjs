// Notifications to closed pages: what arrives at a push service is for one browser alone (RFC 8291), and signed (RFC 8292).
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from '../lib/server.mjs';
import { api, channelName, until } from './clients.mjs';

let server;
let service;
const got = [];
let status = 201;

beforeAll(async () => {
  server = await startServer({ suite: 'channels' });
  service = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      got.push({ url: request.url, headers: request.headers, body: Buffer.concat(parts) });
      response.statusCode = status;
      response.end();
    });
  });
  await new Promise((done) => service.listen(0, '127.0.0.1', done));
});
afterAll(async () => {
  await server.stop();
  service.close();
});

/** What a browser has: keys, and an address at a push service. */
function browser(name) {
  const keys = createECDH('prime256v1');
  keys.generateKeys();
  const auth = randomBytes(16);
  const endpoint = `http://127.0.0.1:${service.address().port}/${name}`;
  return { keys, auth, subscription: { endpoint, keys: { p256dh: keys.getPublicKey('base64url'), auth: auth.toString('base64url') } } };
}

/** Opens a message as the browser does. */
function open({ keys, auth }, body) {
  const salt = body.subarray(0, 16);
  const theirs = body.subarray(21, 21 + body[20]);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), theirs]);
  const input = Buffer.from(hkdfSync('sha256', keys.computeSecret(theirs), auth, info, 32));
  const key = Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: aes128gcm\0', 16));
  const nonce = Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: nonce\0', 12));
  const sealed = body.subarray(21 + body[20]);
  const decipher = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(sealed.subarray(-16));
  const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  expect(plain.at(-1)).toBe(2);
  return JSON.parse(plain.subarray(0, -1));
}

const ask = (method, body) => fetch(`${server.http}/v1/push/subscriptions`, { method, body: JSON.stringify(body) }).then((response) => response.status);

test('a publication reaches a browser that is away, and nobody else can read it', async () => {
  const channel = channelName('notify');
  const ana = browser('ana');
  expect(await ask('POST', { channel, device: 'a', subscription: ana.subscription })).toBe(204);
  await api(server, 'publish', { channel, data: { title: 'Lunch', body: 'At one?' } });
  const message = await until('the message', () => got.find(({ url }) => url === '/ana'));
  expect(open(ana, message.body)).toEqual({ title: 'Lunch', body: 'At one?' });
  expect(message.headers).toMatchObject({ 'content-encoding': 'aes128gcm', ttl: '86400' });

  const [, token, key] = /^vapid t=(.+), k=(.+)$/.exec(message.headers.authorization);
  expect((await (await fetch(`${server.http}/v1/push/key`)).json()).key).toBe(key);
  const point = Buffer.from(key, 'base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
  const [head, claims, signature] = token.split('.');
  const signed = verify('sha256', Buffer.from(`${head}.${claims}`), { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  expect(signed).toBe(true);
  expect(JSON.parse(Buffer.from(claims, 'base64url')).aud).toBe(new URL(ana.subscription.endpoint).origin);

  expect(await ask('DELETE', { channel, device: 'a', subscription: ana.subscription })).toBe(204);
  const before = got.length;
  await api(server, 'publish', { channel, data: { title: 'Later' } });
  const bens = channelName('notify');
  const ben = browser('ben');
  await ask('POST', { channel: bens, device: 'b', subscription: ben.subscription });
  await api(server, 'publish', { channel: bens, data: 'not an object' });
  await until("Ben's", () => got.length > before);
  expect(got.slice(before).map(({ url }) => url)).toEqual(['/ben']);
  expect(open(ben, got.at(-1).body).title).toBe(bens);
});

test('a browser that is gone is forgotten', async () => {
  const channel = channelName('gone');
  await ask('POST', { channel, device: 'c', subscription: browser('cem').subscription });
  status = 410;
  await api(server, 'publish', { channel, data: { title: 'one' } });
  await until('the answer', () => got.some(({ url }) => url === '/cem'));
  status = 201;
  await until('it is forgotten', async () => {
    const before = got.filter(({ url }) => url === '/cem').length;
    await api(server, 'publish', { channel, data: { title: 'again' } });
    await new Promise((done) => setTimeout(done, 100));
    return got.filter(({ url }) => url === '/cem').length === before;
  });
});

test('this node is not sent to places of its own', async () => {
  for (const endpoint of ['https://10.0.0.1/x', 'http://169.254.169.254/latest/meta-data', 'https://[::ffff:192.168.0.1]/', 'ftp://127.0.0.1/']) {
    const subscription = { ...browser('x').subscription, endpoint };
    expect(await ask('POST', { channel: 'any', device: 'd', subscription }), endpoint).toBe(403);
  }
  expect(await ask('POST', { channel: '$private', device: 'd', subscription: browser('x').subscription })).toBe(403);
  expect(await ask('POST', { channel: 'any' })).toBe(400);
});
