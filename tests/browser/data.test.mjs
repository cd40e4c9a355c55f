import { expect, test } from 'vitest';
import { delay, never, until } from '../lib/wait.mjs';
import { bothModes } from './setup.mjs';

const received = (page) => page.evaluate(() => H.received);
const send = (page, text, options = {}) => page.evaluate(([t, o]) => H.send(t, o), [text, options]);

bothModes('data', ({ join, room }) => {
  test('a thousand reliable messages arrive once and in order', async () => {
    const name = room('order');
    const [ana, ben, cem] = await Promise.all([join(name, 'ana'), join(name, 'ben'), join(name, 'cem')]);
    await ana.evaluate(async () => {
      for (let i = 0; i < 1000; i++) await H.send(`n${i}`);
    });
    for (const page of [ben, cem]) {
      const got = await until(`${page.label} to have 1000`, async () => {
        const list = await received(page);
        return list.length >= 1000 ? list : null;
      }, { timeoutMs: 20_000, describe: async () => (await received(page)).length });
      expect(got.map((m) => m.text)).toEqual(Array.from({ length: 1000 }, (_, i) => `n${i}`));
      expect(new Set(got.map((m) => m.from))).toEqual(new Set(['ana']));
      expect(new Set(got.map((m) => m.kind))).toEqual(new Set([0]));
    }
    expect(await received(ana)).toEqual([]);
  });

  test('the first message right after joining is not lost', async () => {
    const name = room('early');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await Promise.all([send(ana, 'from ana'), send(ben, 'from ben')]);
    await until('both', async () => (await received(ana)).length === 1 && (await received(ben)).length === 1);
    expect((await received(ana))[0]).toMatchObject({ text: 'from ben', from: 'ben' });
    expect((await received(ben))[0]).toMatchObject({ text: 'from ana', from: 'ana' });
  });

  test('targeted messages and topics', async () => {
    const name = room('target');
    const [ana, ben, cem] = await Promise.all([join(name, 'ana'), join(name, 'ben'), join(name, 'cem')]);
    await send(ana, 'only ben', { destinationIdentities: ['ben'], topic: 'secret' });
    await send(ana, 'both', { destinationIdentities: ['ben', 'cem', 'ana', 'nobody'] });
    await send(ana, 'all', { topic: 'news' });
    await until('ben', async () => (await received(ben)).length === 3);
    await until('cem', async () => (await received(cem)).length === 2);
    expect((await received(ben)).map((m) => [m.text, m.topic])).toEqual([['only ben', 'secret'], ['both', undefined], ['all', 'news']].map(([t, topic]) => [t, topic]));
    expect((await received(cem)).map((m) => m.text)).toEqual(['both', 'all']);
    await never('an echo', async () => (await received(ana)).length > 0, 500);
  });

  test('lossy messages', async () => {
    const name = room('lossy');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await send(ana, 'open'); // both channels exist afterwards
    await until('the first', async () => (await received(ben)).length === 1);
    await ana.evaluate(async () => {
      for (let i = 0; i < 50; i++) {
        await H.send(`l${i}`, { reliable: false, topic: 'lossy' });
        await new Promise((done) => setTimeout(done, 10));
      }
    });
    await until('most of them', async () => (await received(ben)).filter((m) => m.topic === 'lossy').length >= 45);
    expect((await received(ben)).filter((m) => m.topic === 'lossy').every((m) => m.kind === 1)).toBe(true);
  });

  test('fourteen kilobytes in one message', async () => {
    const name = room('large');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const sum = await ana.evaluate(async () => {
      const bytes = Uint8Array.from({ length: 14_000 }, (_, i) => (i * 31) & 0xff);
      await H.room.localParticipant.publishData(bytes, { reliable: true });
      await H.room.localParticipant.publishData(bytes, { reliable: true, topic: 'again' });
      return bytes.reduce((a, b) => (a + b) % 65521, 0);
    });
    await until('both', async () => (await received(ben)).length === 2);
    for (const message of await received(ben)) expect(message).toMatchObject({ length: 14_000, sum });
  });

  test('text and byte streams', async () => {
    const name = room('streams');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ben.evaluate(() => {
      H.streams = [];
      H.room.registerTextStreamHandler('notes', async (reader, who) => {
        const text = await reader.readAll();
        H.streams.push({ kind: 'text', length: text.length, head: text.slice(0, 20), from: who.identity, attributes: reader.info.attributes });
      });
      H.room.registerByteStreamHandler('files', async (reader, who) => {
        const parts = await reader.readAll();
        let sum = 0;
        let length = 0;
        for (const part of parts) for (const byte of part) { sum = (sum + byte * ((length++ % 251) + 1)) % 65521; }
        H.streams.push({ kind: 'bytes', length, sum, name: reader.info.name, from: who.identity });
      });
    });
    const sum = await ana.evaluate(async () => {
      const me = H.room.localParticipant;
      await me.sendText('a short one', { topic: 'notes', attributes: { a: 'b' } });
      await me.sendText('0123456789'.repeat(10_000), { topic: 'notes' });
      const writer = await me.streamText({ topic: 'notes' });
      for (let i = 0; i < 20; i++) await writer.write(`part ${i} `);
      await writer.close();
      const bytes = new Uint8Array(200_000);
      let seed = 7;
      for (let i = 0; i < bytes.length; i++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        bytes[i] = seed >> 16;
      }
      await me.sendFile(new File([bytes], 'noise.bin', { type: 'application/octet-stream' }), { topic: 'files' });
      return bytes.reduce((total, byte, i) => (total + byte * ((i % 251) + 1)) % 65521, 0);
    });
    const got = await until('four streams', async () => {
      const list = await ben.evaluate(() => H.streams);
      return list.length === 4 ? list : null;
    }, { timeoutMs: 20_000, describe: () => ben.evaluate(() => H.streams) });
    const texts = got.filter((s) => s.kind === 'text');
    expect(texts.map((s) => s.length).sort((a, b) => a - b)).toEqual([11, 150, 100_000]);
    expect(texts.find((s) => s.length === 11)).toMatchObject({ head: 'a short one', from: 'ana', attributes: { a: 'b' } });
    expect(got.find((s) => s.kind === 'bytes')).toMatchObject({ length: 200_000, sum, name: 'noise.bin', from: 'ana' });
  });

  test('remote procedure calls', async () => {
    const name = room('rpc');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ben.evaluate(() => {
      H.room.registerRpcMethod('double', async ({ payload, callerIdentity }) => `${callerIdentity}:${payload}${payload}`);
      H.room.registerRpcMethod('refuse', async () => {
        throw new LivekitClient.RpcError(1999, 'no', 'details');
      });
      H.room.registerRpcMethod('hang', () => new Promise(() => {}));
    });
    const call = (options) => ana.evaluate((o) => H.outcome(() => H.room.localParticipant.performRpc(o)), options);
    expect(await call({ destinationIdentity: 'ben', method: 'double', payload: 'ab' })).toEqual({ value: 'ana:abab' });
    const large = 'x'.repeat(10_000);
    expect((await call({ destinationIdentity: 'ben', method: 'double', payload: large })).value).toHaveLength(20_004);
    expect((await call({ destinationIdentity: 'ben', method: 'refuse', payload: '' })).error).toMatchObject({ code: 1999, message: 'no', data: 'details' });
    expect((await call({ destinationIdentity: 'ben', method: 'missing', payload: '' })).error.code).toBe(1400);
    expect((await call({ destinationIdentity: 'ben', method: 'hang', payload: '', responseTimeout: 3000 })).error.code).toBe(1502);
    // Many at once, answered in any order.
    const many = await ana.evaluate(() => Promise.all(Array.from({ length: 30 }, (_, i) => H.room.localParticipant.performRpc({ destinationIdentity: 'ben', method: 'double', payload: `${i}` }))));
    expect(many).toEqual(Array.from({ length: 30 }, (_, i) => `ana:${i}${i}`));
    // The callee leaves while it works.
    const pending = call({ destinationIdentity: 'ben', method: 'hang', payload: '', responseTimeout: 20_000 });
    await delay(300);
    await ben.evaluate(() => H.leave());
    expect((await pending).error.code).toBe(1503);
  });

  test('a slow reader does not hold up the others', async () => {
    const name = room('slow');
    const [ana, ben, cem] = await Promise.all([join(name, 'ana'), join(name, 'ben'), join(name, 'cem')]);
    await send(ana, 'open');
    await until('ben', async () => (await received(ben)).length === 1);
    // The page of cem is stuck for two seconds; ben must not notice.
    const stuck = cem.evaluate(() => {
      const end = Date.now() + 2000;
      while (Date.now() < end);
    });
    await ana.evaluate(async () => {
      for (let i = 0; i < 200; i++) await H.send(`s${i}`.padEnd(2000, '.'));
    });
    await until('ben to have them', async () => (await received(ben)).length === 201, { timeoutMs: 10_000, describe: async () => (await received(ben)).length });
    await stuck;
    await until('cem to catch up', async () => (await received(cem)).length === 201, { timeoutMs: 15_000, describe: async () => (await received(cem)).length });
  });
});
