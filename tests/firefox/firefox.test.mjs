import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { count, flows, happened, hear, hears, inbound, publishPicture, publishTone, roster, sees } from '../browser/setup.mjs';
import { joined, startStage } from '../lib/chromium.mjs';
import { startFirefox } from '../lib/firefox.mjs';
import { startServer } from '../lib/server.mjs';
import { roomName } from '../lib/token.mjs';
import { delay, until } from '../lib/wait.mjs';

let server;
let chromium;
let firefox;
beforeAll(async () => {
  server = await startServer({ suite: 'firefox' });
  chromium = await startStage('firefox');
  firefox = await startFirefox('firefox');
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await Promise.all([firefox.keep(`${task.suite?.name} ${task.name}`), chromium.keep(`${task.suite?.name} ${task.name}`)]);
  await Promise.all([firefox.clear(), chromium.clear()]);
  expect(server.alive(), 'the server is alive').toBe(true);
});
afterAll(async () => {
  await firefox?.stop();
  await chromium?.stop();
  await server?.stop();
});

describe.each(['v1', 'v0'])('%s Firefox', (mode) => {
  const fox = (room, who, rest = {}) => joined(firefox, server, room, who, { settings: { mode, ...rest } });
  const chrome = (room, who, rest = {}) => joined(chromium, server, room, who, { settings: { mode, ...rest } });
  const room = (label) => roomName(`firefox-${mode}-${label}`);

  test('both ways with Chromium: picture and tone', async () => {
    const name = room('pair');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await Promise.all([publishPicture(fx, { id: 3 }), publishPicture(cr, { id: 9 })]);
    await Promise.all([publishTone(fx, { frequency: 500 }), publishTone(cr, { frequency: 900 })]);
    await Promise.all([sees(cr, 'fox', 3), hears(cr, 'fox', 500), sees(fx, 'chrome', 9), hears(fx, 'chrome', 900)]);
  });

  test('late join of either', async () => {
    const name = room('late');
    const cr = await chrome(name, 'chrome');
    await Promise.all([publishPicture(cr, { id: 4 }), publishTone(cr, { frequency: 700 })]);
    const fx = await fox(name, 'fox');
    await Promise.all([sees(fx, 'chrome', 4), hears(fx, 'chrome', 700)]);
    await Promise.all([publishPicture(fx, { id: 5 }), publishTone(fx, { frequency: 1100 })]);
    const late = await chrome(name, 'late');
    await Promise.all([sees(late, 'fox', 5), hears(late, 'fox', 1100), sees(late, 'chrome', 4)]);
  });

  test('two Firefoxes', async () => {
    const name = room('foxes');
    const [one, two] = await Promise.all([fox(name, 'one'), fox(name, 'two')]);
    await Promise.all([publishPicture(one, { id: 1 }), publishTone(two, { frequency: 600 })]);
    await Promise.all([sees(two, 'one', 1), hears(one, 'two', 600)]);
  });

  test('camera and microphone of Firefox', async () => {
    const name = room('devices');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await fx.evaluate(async () => {
      await H.room.localParticipant.setCameraEnabled(true, { resolution: { width: 640, height: 360, frameRate: 15 } });
      await H.room.localParticipant.setMicrophoneEnabled(true, { echoCancellation: false, noiseSuppression: false, autoGainControl: false });
    });
    await flows(cr, 'fox', { frames: 20, timeoutMs: 20_000 });
    await until('sound', async () => (await hear(cr, 'fox')).level > -70);
    await fx.evaluate(() => H.room.localParticipant.setCameraEnabled(false));
    await happened(cr, 'trackMuted', { source: 'camera', identity: 'fox' });
    await fx.evaluate(() => H.room.localParticipant.setCameraEnabled(true));
    await happened(cr, 'trackUnmuted', { source: 'camera', identity: 'fox' });
    await flows(cr, 'fox', { frames: 10 });
  });

  test('simulcast from Firefox, layers switched', async () => {
    const name = room('simulcast');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await publishPicture(fx, { id: 7, width: 640, height: 360, options: { simulcast: true } });
    await sees(cr, 'fox', 7, { timeoutMs: 20_000 });
    const width = (w) => until(`width ${w}`, async () => (await inbound(cr, 'fox'))?.width === w, { timeoutMs: 20_000, describe: () => inbound(cr, 'fox') });
    await cr.evaluate(() => H.publication('fox', 'camera').setVideoQuality(LivekitClient.VideoQuality.LOW));
    await width(320);
    await sees(cr, 'fox', 7);
    await cr.evaluate(() => H.publication('fox', 'camera').setVideoQuality(LivekitClient.VideoQuality.HIGH));
    await width(640);
    await sees(cr, 'fox', 7);
  });

  test('simulcast to Firefox, layers switched', async () => {
    const name = room('to-fox');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await publishPicture(cr, { id: 8, width: 640, height: 360, options: { simulcast: true } });
    await sees(fx, 'chrome', 8, { timeoutMs: 20_000 });
    const width = (w) => until(`width ${w}`, async () => (await inbound(fx, 'chrome'))?.width === w, { timeoutMs: 20_000, describe: () => inbound(fx, 'chrome') });
    for (const [quality, w] of [['LOW', 320], ['HIGH', 640], ['LOW', 320]]) {
      await fx.evaluate((q) => H.publication('chrome', 'camera').setVideoQuality(LivekitClient.VideoQuality[q]), quality);
      await width(w);
      await sees(fx, 'chrome', 8);
    }
  });

  test('mute, unpublish and publish again', async () => {
    const name = room('again');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await publishTone(fx, { frequency: 800 });
    await hears(cr, 'fox', 800);
    await fx.evaluate(() => H.own('microphone').mute());
    await happened(cr, 'trackMuted', { source: 'microphone' });
    await fx.evaluate(() => H.own('microphone').unmute());
    await hears(cr, 'fox', 800);
    for (const [publisher, viewer, who] of [[fx, cr, 'fox'], [cr, fx, 'chrome']]) {
      for (const id of [1, 2]) {
        await publishPicture(publisher, { id });
        await sees(viewer, who, id);
        await publisher.evaluate(() => H.room.localParticipant.unpublishTrack(H.own('camera').track));
        await happened(viewer, 'trackUnpublished', { source: 'camera', identity: who }, { atLeast: id });
      }
    }
  });

  test('data both ways', async () => {
    const name = room('data');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await Promise.all([fx, cr].map((page) => page.evaluate(async () => {
      for (let i = 0; i < 200; i++) await H.send(`n${i}`);
      await H.room.localParticipant.publishData(new Uint8Array(14_000).fill(7), { reliable: true, topic: 'large' });
    })));
    for (const page of [fx, cr]) {
      await until('all', async () => (await page.evaluate(() => H.received.length)) === 201);
      expect(await page.evaluate(() => H.received.map((m) => m.text ?? m.length))).toEqual([...Array.from({ length: 200 }, (_, i) => `n${i}`), 14_000]);
    }
  });

  test('resume and full reconnect', async () => {
    const name = room('reconnect');
    const [fx, cr] = await Promise.all([fox(name, 'fox'), chrome(name, 'chrome')]);
    await Promise.all([publishPicture(fx, { id: 3 }), publishPicture(cr, { id: 9 }), publishTone(fx, { frequency: 500 })]);
    await Promise.all([sees(cr, 'fox', 3), sees(fx, 'chrome', 9), hears(cr, 'fox', 500)]);
    const sid = await fx.evaluate(() => H.room.localParticipant.sid);
    await fx.evaluate(() => { H.room.simulateScenario('signal-reconnect'); });
    await happened(fx, 'reconnected');
    await Promise.all([sees(cr, 'fox', 3), sees(fx, 'chrome', 9), hears(cr, 'fox', 500)]);
    expect(await fx.evaluate(() => H.room.localParticipant.sid)).toBe(sid);
    expect(await count(cr, 'participantDisconnected')).toBe(0);
    await delay(100);
    await fx.evaluate(() => { H.room.simulateScenario('leave-full-reconnect'); });
    await happened(fx, 'reconnected', {}, { atLeast: 2, timeoutMs: 30_000 });
    await Promise.all([sees(cr, 'fox', 3, { timeoutMs: 20_000 }), sees(fx, 'chrome', 9, { timeoutMs: 20_000 }), hears(cr, 'fox', 500)]);
    expect((await roster(cr)).map((p) => p.identity)).toEqual(['fox']);
  });
});
