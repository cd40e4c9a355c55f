import { expect, test } from 'vitest';
import { joined } from '../lib/chromium.mjs';
import { startProxy } from '../lib/proxy.mjs';
import { startServer } from '../lib/server.mjs';
import { never, until } from '../lib/wait.mjs';
import { bothModes, count, flows, happened, hears, inbound, publishPicture, publishTone, roster, sees } from './setup.mjs';

const simulate = (page, scenario, arg) => page.evaluate(([s, a]) => { H.room.simulateScenario(s, a); }, [scenario, arg]);
const sid = (page) => page.evaluate(() => H.room.localParticipant.sid);

/** Two participants who see and hear each other. */
async function pair(join, name, options = {}) {
  const [ana, ben] = await Promise.all([join(name, 'ana', options), join(name, 'ben')]);
  await Promise.all([publishPicture(ana, { id: 3 }), publishPicture(ben, { id: 5 })]);
  await Promise.all([publishTone(ana, { frequency: 500 }), publishTone(ben, { frequency: 900 })]);
  await everything(ana, ben);
  return [ana, ben];
}

async function everything(ana, ben, timeoutMs = 20_000) {
  await Promise.all([
    sees(ben, 'ana', 3, { timeoutMs }), hears(ben, 'ana', 500, { timeoutMs }),
    sees(ana, 'ben', 5, { timeoutMs }), hears(ana, 'ben', 900, { timeoutMs }),
  ]);
}

/** Reliable data works both ways. */
async function talks(ana, ben) {
  const word = `after-${Math.random()}`;
  await ana.evaluate((w) => H.send(w), word);
  await ben.evaluate((w) => H.send(w), word);
  for (const page of [ana, ben]) await until(`${page.label} to get data`, () => page.evaluate((w) => H.received.some((m) => m.text === w), word));
}

bothModes('reconnect', ({ join, room, server, stage, mode }) => {
  test('signal-reconnect resumes, media goes on meanwhile', async () => {
    const [ana, ben] = await pair(join, room('signal'));
    const before = { sid: await sid(ana), atBen: await inbound(ben, 'ana'), atAna: await inbound(ana, 'ben') };
    await simulate(ana, 'signal-reconnect');
    await happened(ana, 'reconnected');
    await everything(ana, ben);
    await Promise.all([flows(ben, 'ana'), flows(ana, 'ben')]);
    expect(await sid(ana)).toBe(before.sid);
    expect(await count(ben, 'participantDisconnected')).toBe(0);
    expect(await count(ben, 'trackUnsubscribed')).toBe(0);
    expect(await count(ana, 'trackUnsubscribed')).toBe(0);
    // A busy machine may drop a frame or two; a gap in the media would be longer.
    expect((await inbound(ben, 'ana')).freezeTime - before.atBen.freezeTime).toBeLessThan(0.7);
    expect((await inbound(ana, 'ben')).freezeTime - before.atAna.freezeTime).toBeLessThan(0.7);
    await talks(ana, ben);
  });

  test('three resumes in a row', async () => {
    const [ana, ben] = await pair(join, room('thrice'));
    const before = await sid(ana);
    for (let i = 1; i <= 3; i++) {
      await simulate(ana, 'signal-reconnect');
      await happened(ana, 'reconnected', {}, { atLeast: i });
    }
    await everything(ana, ben);
    expect(await sid(ana)).toBe(before);
    await talks(ana, ben);
  });

  test('reliable messages survive a resume without gap or double', async () => {
    const name = room('gap');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const sending = ana.evaluate(async () => {
      for (let i = 0; i < 200; i++) {
        await H.send(`n${i}`);
        await new Promise((done) => setTimeout(done, 10));
      }
    });
    await until('the first', () => ben.evaluate(() => H.received.length > 20));
    await Promise.all([simulate(ana, 'signal-reconnect'), simulate(ben, 'signal-reconnect')]);
    await Promise.all([happened(ana, 'reconnected'), happened(ben, 'reconnected')]);
    await sending;
    await until('all', () => ben.evaluate(() => H.received.length >= 200), { describe: () => ben.evaluate(() => H.received.length) });
    const texts = await ben.evaluate(() => H.received.map((m) => m.text));
    expect(texts).toEqual(Array.from({ length: 200 }, (_, i) => `n${i}`));
  });

  test('what happened while away is told after the resume', async () => {
    const name = room('missed');
    const proxy = await startProxy(server().http);
    try {
      const [ben, cem] = await Promise.all([join(name, 'ben'), join(name, 'cem')]);
      await publishPicture(ben, { id: 5 });
      const ana = await joined(stage(), { ...server(), ws: proxy.ws }, name, 'ana', { settings: { mode } });
      await sees(ana, 'ben', 5);
      proxy.block(true);
      proxy.cut();
      await happened(ana, 'signalReconnecting');
      await cem.evaluate(() => H.leave());
      await ben.evaluate(() => H.room.localParticipant.unpublishTrack(H.own('camera').track));
      const dan = await join(name, 'dan');
      await publishPicture(dan, { id: 8 });
      proxy.block(false);
      await happened(ana, 'reconnected');
      await happened(ana, 'participantDisconnected', { identity: 'cem' });
      await happened(ana, 'trackUnpublished', { identity: 'ben' });
      await sees(ana, 'dan', 8);
      expect((await roster(ana)).map((p) => p.identity)).toEqual(['ben', 'dan']);
      expect(await count(ana, 'restarted')).toBe(0);
    } finally {
      await proxy.stop();
    }
  });

  test('the WebSocket breaks: media never stops', async () => {
    const name = room('cut');
    const proxy = await startProxy(server().http);
    try {
      const ana = await joined(stage(), { ...server(), ws: proxy.ws }, name, 'ana', { settings: { mode } });
      const ben = await join(name, 'ben');
      await Promise.all([publishPicture(ana, { id: 3 }), publishPicture(ben, { id: 5 })]);
      await Promise.all([sees(ben, 'ana', 3), sees(ana, 'ben', 5)]);
      const before = await sid(ana);
      for (let i = 1; i <= 2; i++) {
        proxy.cut();
        await happened(ana, 'reconnected', {}, { atLeast: i });
      }
      await Promise.all([sees(ben, 'ana', 3), sees(ana, 'ben', 5)]);
      expect(await sid(ana)).toBe(before);
      expect((await inbound(ben, 'ana')).freezeTime).toBeLessThan(0.7);
      expect(await count(ben, 'participantDisconnected')).toBe(0);
      // A mute that was pressed while the line was down lands afterwards.
      proxy.block(true);
      proxy.cut();
      await happened(ana, 'signalReconnecting', {}, { atLeast: 3 });
      await ana.evaluate(() => { H.own('camera').mute(); });
      proxy.block(false);
      await happened(ben, 'trackMuted', { source: 'camera', identity: 'ana' });
    } finally {
      await proxy.stop();
    }
  });

  test('resume-reconnect: a failed resume becomes a full reconnect', async () => {
    const [ana, ben] = await pair(join, room('failed-resume'));
    const before = await sid(ana);
    await simulate(ana, 'resume-reconnect');
    await happened(ana, 'reconnected', {}, { timeoutMs: 25_000 });
    await everything(ana, ben);
    expect(await sid(ana)).not.toBe(before);
    await talks(ana, ben);
  });

  for (const scenario of ['full-reconnect', 'leave-full-reconnect', 'node-failure', 'migration']) {
    test(`${scenario}: everything is there again`, async () => {
      const [ana, ben] = await pair(join, room(scenario));
      const before = await sid(ana);
      await simulate(ana, scenario);
      await happened(ana, 'restarted', {}, { timeoutMs: 30_000 });
      await happened(ana, 'reconnected', {}, { timeoutMs: 30_000 });
      await everything(ana, ben, 25_000);
      expect(await sid(ana)).not.toBe(before);
      const people = await roster(ben);
      expect(people.map((p) => p.identity)).toEqual(['ana']);
      expect(people[0].tracks.map((t) => t.source).sort()).toEqual(['camera', 'microphone']);
      await talks(ana, ben);
    });
  }

  for (const scenario of ['disconnect-signal-on-resume', 'disconnect-signal-on-resume-no-messages']) {
    test(`${scenario}: comes back`, async () => {
      const [ana, ben] = await pair(join, room(scenario));
      await simulate(ana, scenario);
      await happened(ana, 'reconnected', {}, { timeoutMs: 40_000 });
      await everything(ana, ben, 25_000);
      await talks(ana, ben);
    });
  }

  test('server-leave: really leaves', async () => {
    const [ana, ben] = await pair(join, room('server-leave'));
    await simulate(ana, 'server-leave');
    await happened(ana, 'disconnected');
    await happened(ben, 'participantDisconnected', { identity: 'ana' });
    await never('coming back', async () => (await ana.evaluate(() => H.room.state)) !== 'disconnected', 1500);
  });

  test('force-tcp: media comes over TCP', async () => {
    const [ana, ben] = await pair(join, room('tcp'));
    await simulate(ana, 'force-tcp');
    await happened(ana, 'reconnected', {}, { timeoutMs: 30_000 });
    await everything(ana, ben, 25_000);
    const protocols = await ana.evaluate(async () => {
      const list = [];
      const manager = H.room.engine.pcManager;
      for (const transport of [manager.publisher, manager.subscriber]) {
        if (!transport) continue;
        const report = await transport.getStats();
        for (const stat of report.values()) {
          if (stat.type === 'transport' && stat.selectedCandidatePairId) {
            list.push(report.get(report.get(stat.selectedCandidatePairId).localCandidateId).protocol);
          }
        }
      }
      return list;
    });
    expect(new Set(protocols)).toEqual(new Set(['tcp']));
  });

  test('the client falls back to two peer connections when the first path fails', async () => {
    const name = room('fallback');
    const page = await stage().open('ana');
    const { token } = await import('../lib/token.mjs');
    const jwt = await token(name, 'ana');
    await page.evaluate(async ([url, jwt, mode]) => {
      await H.create({ mode });
      await H.room.simulateScenario('fail-on-v1-path').catch(() => {});
      await H.room.connect(url, jwt);
    }, [server().ws, jwt, mode]);
    const ben = await join(name, 'ben');
    await publishPicture(page, { id: 3 });
    await sees(ben, 'ana', 3);
  });

  test('the server is restarted: planned, everyone comes back', async () => {
    const name = room('restart');
    let first = await startServer({ suite: 'browser' });
    const proxy = await startProxy(first.http);
    let second;
    try {
      const through = { ...first, ws: proxy.ws };
      const [ana, ben] = await Promise.all(['ana', 'ben'].map((who) => joined(stage(), through, name, who, { settings: { mode } })));
      await publishPicture(ana, { id: 3 });
      await publishTone(ana, { frequency: 500 });
      await Promise.all([sees(ben, 'ana', 3), hears(ben, 'ana', 500)]);
      second = await startServer({ suite: 'browser' });
      proxy.retarget(second.http);
      await first.stop(10_000);
      first = null;
      for (const page of [ana, ben]) await happened(page, 'reconnected', {}, { timeoutMs: 40_000 });
      await Promise.all([sees(ben, 'ana', 3, { timeoutMs: 20_000 }), hears(ben, 'ana', 500)]);
    } finally {
      await proxy.stop();
      await first?.stop();
      await second?.stop();
    }
  });

  test('the server dies: everyone comes back to another', async () => {
    const name = room('crash');
    const first = await startServer({ suite: 'browser' });
    const proxy = await startProxy(first.http);
    let second;
    try {
      const through = { ...first, ws: proxy.ws };
      const [ana, ben] = await Promise.all(['ana', 'ben'].map((who) => joined(stage(), through, name, who, { settings: { mode } })));
      await publishPicture(ana, { id: 3 });
      await sees(ben, 'ana', 3);
      second = await startServer({ suite: 'browser' });
      proxy.retarget(second.http);
      process.kill(first.pid, 'SIGKILL');
      await first.gone;
      for (const page of [ana, ben]) await happened(page, 'reconnected', {}, { timeoutMs: 40_000 });
      await sees(ben, 'ana', 3, { timeoutMs: 20_000 });
    } finally {
      await proxy.stop();
      await first.stop().catch(() => {});
      await second?.stop();
    }
  });
});
