import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from '../lib/server.mjs';
import { TRANSPORTS, api, channelName, inSeconds, jwt, once, subscribed, until } from './clients.mjs';

let server;
beforeAll(async () => (server = await startServer({ suite: 'channels' })));
afterAll(() => server.stop());

describe.each(Object.entries(TRANSPORTS))('%s', (_, transport) => {
  test('publications come in order, to everybody, with who sent them', async () => {
    const channel = channelName('order');
    const ana = await subscribed(transport, server, channel, { client: { token: jwt({ sub: 'ana', exp: inSeconds(60), info: { name: 'Ana' } }) } });
    const ben = await subscribed(transport, server, channel);
    let info;
    ben.sub.once('publication', (publication) => (info = publication.info));
    for (let n = 0; n < 200; n++) await ana.sub.publish(transport.encode({ n }));
    await until('everything is there', () => ben.got.length === 200 && ana.got.length === 200);
    expect(ben.got.map(({ n }) => n)).toEqual([...Array(200).keys()]);
    expect(ana.got).toEqual(ben.got);
    expect(info.user).toBe('ana');
    expect(transport.decode(info.connInfo)).toEqual({ name: 'Ana' });
    ana.client.disconnect();
    ben.client.disconnect();
  });

  test('history, presence, who comes and goes', async () => {
    const channel = channelName('history');
    const ana = await subscribed(transport, server, channel, { sub: { joinLeave: true } });
    for (let n = 0; n < 10; n++) await ana.sub.publish(transport.encode({ n }));
    const numbers = (result) => result.publications.map((publication) => transport.decode(publication.data).n);
    const all = await ana.sub.history({ limit: -1 });
    expect(numbers(all)).toEqual([...Array(10).keys()]);
    expect(Number(all.offset)).toBe(10);
    expect(numbers(await ana.sub.history({ limit: 2, since: { offset: 3, epoch: all.epoch } }))).toEqual([3, 4]);
    expect(numbers(await ana.sub.history({ limit: 2, reverse: true }))).toEqual([9, 8]);
    expect(numbers(await ana.sub.history())).toEqual([]);
    await expect(ana.sub.history({ limit: 1, since: { offset: 1, epoch: 'other' } })).rejects.toMatchObject({ code: 112 });
    const came = once(ana.sub, 'join');
    const ben = await subscribed(transport, server, channel);
    expect((await came).info.client).toBeTruthy();
    expect(Object.keys((await ana.sub.presence()).clients)).toHaveLength(2);
    expect((await ana.sub.presenceStats()).numClients).toBe(2);
    const left = once(ana.sub, 'leave');
    ben.client.disconnect();
    await left;
    ana.client.disconnect();
  });

  test('what was missed is recovered, once', async () => {
    const channel = channelName('recover');
    const ana = await subscribed(transport, server, channel);
    const ben = await subscribed(transport, server, channel);
    await ben.sub.publish(transport.encode({ n: 0 }));
    await until('the first', () => ana.got.length === 1);
    ana.client.disconnect();
    for (let n = 1; n <= 50; n++) await ben.sub.publish(transport.encode({ n }));
    const again = once(ana.sub, 'subscribed');
    ana.client.connect();
    expect(await again).toMatchObject({ wasRecovering: true, recovered: true });
    await ben.sub.publish(transport.encode({ n: 51 }));
    await until('the rest', () => ana.got.length >= 52);
    expect(ana.got.map(({ n }) => n)).toEqual([...Array(52).keys()]);
    ana.client.disconnect();
    ben.client.disconnect();
  });

  test('what is gone is said to be gone', async () => {
    const channel = `short:${channelName('gone')}`;
    const ana = await subscribed(transport, server, channel);
    await ana.sub.publish(transport.encode({ n: 0 }));
    await until('the first', () => ana.got.length === 1);
    ana.client.disconnect();
    await api(server, 'publish', { channel, data: { n: 1 } });
    await until('it is too old', async () => (await api(server, 'history', { channel, limit: 10 })).publications.length === 0);
    const again = once(ana.sub, 'subscribed');
    ana.client.connect();
    expect(await again).toMatchObject({ wasRecovering: true, recovered: false });
    ana.client.disconnect();
  });

  test('differences arrive as whole publications', async () => {
    const channel = channelName('delta');
    const ana = await subscribed(transport, server, channel, { sub: { delta: 'fossil' } });
    const text = 'the same words again and again and again, and then a number: ';
    for (let n = 0; n < 20; n++) await api(server, 'publish', { channel, data: { text: `${text}${n} ü€` } });
    await until('all of them', () => ana.got.length === 20);
    expect(ana.got.map(({ text }) => text)).toEqual([...Array(20).keys()].map((n) => `${text}${n} ü€`));
    ana.client.disconnect();
  });

  test('a filter leaves out what nobody asked for', async () => {
    const channel = channelName('filter');
    const tagsFilter = { op: 'and', nodes: [{ key: 'side', cmp: 'eq', val: 'buy' }, { key: 'price', cmp: 'gte', val: '10.5' }] };
    const ana = await subscribed(transport, server, channel, { sub: { tagsFilter } });
    for (const [n, tags] of [{ side: 'buy', price: '9' }, { side: 'buy', price: '10.50' }, { side: 'sell', price: '11' }, { side: 'buy', price: '12' }].entries()) {
      await api(server, 'publish', { channel, data: { n }, tags });
    }
    await until('two of four', () => ana.got.length === 2);
    expect(ana.got.map(({ n }) => n)).toEqual([1, 3]);
    ana.client.disconnect();
  });

  test('a token that ends is renewed while connected', async () => {
    let made = 0;
    const getToken = async () => jwt({ sub: 'ana', exp: inSeconds(++made < 3 ? 2 : 100) });
    const client = transport.make(server, { getToken });
    const lost = [];
    client.on('disconnected', (context) => lost.push(context));
    client.on('connecting', (context) => context.code !== 0 && lost.push(context));
    client.connect();
    await once(client, 'connected');
    await until('three tokens', () => made >= 3, 15_000);
    expect(lost).toEqual([]);
    client.disconnect();
  });

  test('an expired token asks for another one, a wrong one ends it', async () => {
    const getToken = async () => jwt({ sub: 'ana', exp: inSeconds(100) });
    const client = transport.make(server, { token: jwt({ sub: 'ana', exp: inSeconds(-100) }), getToken });
    client.connect();
    await once(client, 'connected');
    client.disconnect();
    const wrong = transport.make(server, { token: jwt({ sub: 'ana', exp: inSeconds(100) }, 'another secret') });
    wrong.connect();
    expect(await once(wrong, 'disconnected')).toMatchObject({ code: 3500, reason: 'invalid token' });
  });

  test('private channels, channels of users, subscriptions the server makes', async () => {
    const client = transport.make(server, { token: jwt({ sub: '42', exp: inSeconds(100), channels: ['of-the-server'] }) });
    const made = once(client, 'subscribed');
    client.connect();
    expect((await made).channel).toBe('of-the-server');
    const heard = once(client, 'publication');
    await api(server, 'publish', { channel: 'of-the-server', data: { a: 1 } });
    expect(transport.decode((await heard).data)).toEqual({ a: 1 });
    const subscribe = async (channel, options) => {
      const sub = client.newSubscription(channel, options);
      const ended = Promise.race([once(sub, 'subscribed').then(() => 'subscribed'), once(sub, 'unsubscribed').then(({ code }) => code)]);
      sub.subscribe();
      return ended;
    };
    expect(await subscribe('$secret')).toBe(103);
    expect(await subscribe('$other', { token: jwt({ sub: '42', channel: '$other', exp: inSeconds(100) }) })).toBe('subscribed');
    expect(await subscribe(`${channelName('mine')}#42`)).toBe('subscribed');
    expect(await subscribe(`${channelName('theirs')}#43`)).toBe(103);
    client.disconnect();
  });

  test('the server API reaches connections', async () => {
    const user = channelName('user');
    const client = transport.make(server, { token: jwt({ sub: user, exp: inSeconds(100) }) });
    client.connect();
    await once(client, 'connected');
    const made = once(client, 'subscribed');
    await api(server, 'subscribe', { user, channel: 'by-api' });
    expect((await made).channel).toBe('by-api');
    expect(Object.values((await api(server, 'connections', { user })).connections)).toMatchObject([{ user, channels: ['by-api'] }]);
    const ended = once(client, 'unsubscribed');
    await api(server, 'unsubscribe', { user, channel: 'by-api' });
    await ended;
    const away = once(client, 'disconnected');
    await api(server, 'disconnect', { user, disconnect: { code: 4501, reason: 'go away' } });
    expect(await away).toMatchObject({ code: 4501, reason: 'go away' });
  });

  test('what is not there is said', async () => {
    const client = transport.make(server);
    client.connect();
    await once(client, 'connected');
    await expect(client.rpc('unheard', transport.encode({}))).rejects.toMatchObject({ code: 108 });
    client.disconnect();
  });
});
