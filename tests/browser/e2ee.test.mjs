import { expect, test } from 'vitest';
import { never, until } from '../lib/wait.mjs';
import { bothModes, happened, hears, inbound, publishPicture, publishTone, roster, see, sees } from './setup.mjs';

bothModes('end-to-end encryption', ({ join, room }) => {
  const keyed = (key) => ({ settings: { e2eeKey: key } });

  test('with the right key picture and tone come through', async () => {
    const name = room('e2ee');
    const [ana, ben] = await Promise.all([join(name, 'ana', keyed('one key')), join(name, 'ben', keyed('one key'))]);
    await Promise.all([publishPicture(ana, { id: 3 }), publishTone(ana, { frequency: 500 }), publishPicture(ben, { id: 6 })]);
    await Promise.all([sees(ben, 'ana', 3), hears(ben, 'ana', 500), sees(ana, 'ben', 6)]);
    expect((await roster(ben))[0].tracks.every((t) => t.encrypted)).toBe(true);
    const late = await join(name, 'late', keyed('one key'));
    await Promise.all([sees(late, 'ana', 3), hears(late, 'ana', 500)]);
  });

  test('with another key nothing can be seen or heard', async () => {
    const name = room('wrong');
    const ana = await join(name, 'ana', keyed('one key'));
    const ben = await join(name, 'ben', keyed('one key'));
    const eve = await join(name, 'eve', keyed('another key'));
    await Promise.all([publishPicture(ana, { id: 3 }), publishTone(ana, { frequency: 500 })]);
    await Promise.all([sees(ben, 'ana', 3), hears(ben, 'ana', 500)]);
    await until('eve to get packets', async () => (await inbound(eve, 'ana'))?.packets > 20);
    await never('a picture without the key', async () => (await see(eve, 'ana')).valid, 3000);
    // Data is encrypted too: eve gets it and can make nothing of it.
    await ana.evaluate(() => H.send('for those who have the key'));
    await until('ben to read it', () => ben.evaluate(() => H.received.some((m) => m.text === 'for those who have the key')));
    expect(await eve.evaluate(() => H.received.filter((m) => m.text === 'for those who have the key'))).toEqual([]);
  });

  test('without a key neither', async () => {
    const name = room('plain');
    const [ana, eve] = await Promise.all([join(name, 'ana', keyed('one key')), join(name, 'eve')]);
    await publishPicture(ana, { id: 3 });
    await happened(eve, 'trackSubscribed', { source: 'camera' });
    await until('eve to get packets', async () => (await inbound(eve, 'ana'))?.packets > 20);
    await never('a picture without the key', async () => (await see(eve, 'ana')).valid, 3000);
  });

  test('simulcast and resume under encryption', async () => {
    const name = room('layers');
    const [ana, ben] = await Promise.all([join(name, 'ana', keyed('one key')), join(name, 'ben', keyed('one key'))]);
    await publishPicture(ana, { id: 7, width: 640, height: 360, options: { simulcast: true } });
    await sees(ben, 'ana', 7);
    await ben.evaluate(() => H.publication('ana', 'camera').setVideoQuality(LivekitClient.VideoQuality.LOW));
    await until('the small layer', async () => (await inbound(ben, 'ana')).width === 320, { timeoutMs: 20_000, describe: () => inbound(ben, 'ana') });
    await sees(ben, 'ana', 7);
    await ben.evaluate(() => { H.room.simulateScenario('signal-reconnect'); });
    await happened(ben, 'reconnected');
    await sees(ben, 'ana', 7);
  });
});
