import { expect, test } from 'vitest';
import { roomService, token } from '../lib/token.mjs';
import { never, until } from '../lib/wait.mjs';
import { bothModes, count, events, happened, hears, publishPicture, publishTone, roster, see, sees } from './setup.mjs';

const REASON = { CLIENT_INITIATED: 1, DUPLICATE_IDENTITY: 2, SERVER_SHUTDOWN: 3, PARTICIPANT_REMOVED: 4, ROOM_DELETED: 5 };
const outcome = (page, code) => page.evaluate((text) => H.outcome(() => (0, eval)(`(async () => { ${text} })()`)), code);

bothModes('people', ({ mode, join, room, server, stage }) => {
  test('name, metadata and attributes', async () => {
    const name = room('meta');
    const ana = await join(name, 'ana', {
      tokenOptions: { name: 'Ana', metadata: 'm0', attributes: { colour: 'red', size: '1' }, grant: { canUpdateOwnMetadata: true } },
    });
    const ben = await join(name, 'ben');
    expect((await roster(ben))[0]).toMatchObject({ identity: 'ana', name: 'Ana', metadata: 'm0', attributes: { colour: 'red', size: '1' } });

    await ana.evaluate(() => H.room.localParticipant.setAttributes({ colour: 'blue', size: '', shape: 'round' }));
    await happened(ben, 'attributes', { identity: 'ana' });
    await until('the attributes', async () => JSON.stringify((await roster(ben))[0].attributes).includes('round'));
    expect((await roster(ben))[0].attributes).toEqual({ colour: 'blue', shape: 'round' });
    await ana.evaluate(() => H.room.localParticipant.setMetadata('m1'));
    await happened(ben, 'metadata', { identity: 'ana', value: 'm1' });
    await ana.evaluate(() => H.room.localParticipant.setName('Anna'));
    await happened(ben, 'name', { identity: 'ana', value: 'Anna' });
    expect((await roster(ben))[0]).toMatchObject({ name: 'Anna', metadata: 'm1', attributes: { colour: 'blue', shape: 'round' } });
    // Someone who comes later is told the same.
    const cem = await join(name, 'cem');
    expect((await roster(cem))[0]).toMatchObject({ name: 'Anna', metadata: 'm1', attributes: { colour: 'blue', shape: 'round' } });
  });

  test('without the permission metadata cannot be changed', async () => {
    const name = room('meta-no');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const { error } = await outcome(ana, "await H.room.localParticipant.setMetadata('x')");
    expect(error, 'the promise is rejected').toBeTruthy();
    expect(error.message).not.toMatch(/timed? ?out/i);
    expect((await roster(ben))[0].metadata ?? '').toBe('');
  });

  test('canPublish false', async () => {
    const name = room('no-publish');
    const ana = await join(name, 'ana', { tokenOptions: { grant: { canPublish: false } } });
    const ben = await join(name, 'ben');
    await publishPicture(ben, { id: 2 });
    await sees(ana, 'ben', 2);
    const { error } = await outcome(ana, 'await H.publishPicture({ id: 1 })');
    expect(error.message).toMatch(/permission/i);
    expect((await roster(ben))[0].tracks).toEqual([]);
  });

  test('canSubscribe false', async () => {
    const name = room('no-subscribe');
    const ana = await join(name, 'ana', { tokenOptions: { grant: { canSubscribe: false } } });
    const ben = await join(name, 'ben');
    await publishPicture(ben, { id: 2 });
    await happened(ana, 'trackPublished', { identity: 'ben' });
    await never('a subscription', async () => (await count(ana, 'trackSubscribed')) > 0, 1500);
    await publishPicture(ana, { id: 3 });
    await sees(ben, 'ana', 3);
  });

  test('canPublishSources', async () => {
    const name = room('sources');
    const ana = await join(name, 'ana', { tokenOptions: { grant: { canPublishSources: ['microphone'] } } });
    const ben = await join(name, 'ben');
    await publishTone(ana, { frequency: 700 });
    await hears(ben, 'ana', 700);
    const { error } = await outcome(ana, 'await H.publishPicture({ id: 1 })');
    expect(error.message).toMatch(/permission/i);
  });

  test('canPublishData false', async () => {
    const name = room('no-data');
    const ana = await join(name, 'ana', { tokenOptions: { grant: { canPublish: true, canPublishData: false } } });
    const ben = await join(name, 'ben');
    await ana.evaluate(() => H.outcome(() => H.send('forbidden')));
    await never('a forbidden message', async () => (await ben.evaluate(() => H.received.length)) > 0, 1500);
    await ben.evaluate(() => H.send('allowed'));
    await until('the allowed one', async () => (await ana.evaluate(() => H.received.length)) === 1);
  });

  test('permissions change while in the room', async () => {
    const name = room('promote');
    const ana = await join(name, 'ana', { tokenOptions: { grant: { canPublish: false } } });
    const ben = await join(name, 'ben');
    const service = roomService(server());
    await service.updateParticipant(name, 'ana', { permission: { canPublish: true, canSubscribe: true, canPublishData: true } });
    await happened(ana, 'permissions', { identity: 'ana' });
    const sid = await publishPicture(ana, { id: 6 });
    await sees(ben, 'ana', 6);
    await service.updateParticipant(name, 'ana', { permission: { canPublish: false, canSubscribe: true, canPublishData: true } });
    await happened(ben, 'trackUnpublished', { sid, identity: 'ana' });
    await happened(ana, 'localTrackUnpublished', { sid });
    expect(await count(ana, 'disconnected')).toBe(0);
  });

  test('a hidden participant sees and is not seen', async () => {
    const name = room('hidden');
    const ana = await join(name, 'ana');
    await publishPicture(ana, { id: 4 });
    const spy = await join(name, 'spy', { tokenOptions: { grant: { hidden: true, canPublish: false } } });
    await sees(spy, 'ana', 4);
    await never('the hidden one being seen', async () => (await roster(ana)).length > 0 || (await count(ana, 'participantConnected')) > 0, 1500);
    const ben = await join(name, 'ben');
    expect((await roster(ben)).map((p) => p.identity)).toEqual(['ana']);
    expect((await ben.evaluate(() => H.room.numParticipants))).toBe(2);
  });

  test('the same identity again: the first has to go, the second lives', async () => {
    const name = room('twice');
    const watcher = await join(name, 'watcher');
    const first = await join(name, 'ana');
    await publishPicture(first, { id: 1 });
    await sees(watcher, 'ana', 1);
    const second = await join(name, 'ana');
    await happened(first, 'disconnected', { reason: REASON.DUPLICATE_IDENTITY });
    expect(second.joined.sid).not.toBe(first.joined.sid);
    await publishPicture(second, { id: 2 });
    await sees(watcher, 'ana', 2);
    expect((await roster(watcher)).map((p) => p.sid)).toEqual([second.joined.sid]);
    await never('the first coming back', async () => (await count(second, 'disconnected')) > 0 || (await first.evaluate(() => H.room.state)) !== 'disconnected', 2500);
  });

  test('refused at the door', async () => {
    const name = room('refused');
    const page = await stage().open('refused');
    const attempt = (jwt, url = server().ws) => page.evaluate(([u, t, m]) => H.refused(u, t, { mode: m }), [url, jwt, mode]);
    for (const [label, jwt] of [
      ['another secret', await token(name, 'ana', { secret: 'another secret that is long enough to be one' })],
      ['an unknown key', await token(name, 'ana', { key: 'nokey' })],
      ['no roomJoin', await token(name, 'ana', { grant: { roomJoin: false } })],
      ['expired', await token(name, 'ana', { ttl: -3600 })],
    ]) {
      const error = await attempt(jwt);
      expect(error, label).not.toBeNull();
      expect(error.status, `${label}: ${JSON.stringify(error)}`).toBe(401);
    }
    expect(await attempt(await token(name, 'ana'))).toBeNull();
  });

  test('removed by the administrator, and the room deleted', async () => {
    const name = room('removed');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const service = roomService(server());
    await service.removeParticipant(name, 'ana');
    await happened(ana, 'disconnected', { reason: REASON.PARTICIPANT_REMOVED });
    await happened(ben, 'participantDisconnected', { identity: 'ana' });
    await service.deleteRoom(name);
    await happened(ben, 'disconnected', { reason: REASON.ROOM_DELETED });
    await until('the room to be gone', async () => (await service.listRooms([name])).length === 0);
  });

  test('muted by the administrator', async () => {
    const name = room('admin-mute');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const sid = await publishTone(ana, { frequency: 600 });
    await hears(ben, 'ana', 600);
    const info = await roomService(server()).mutePublishedTrack(name, 'ana', sid, true);
    expect(info.muted).toBe(true);
    await happened(ben, 'trackMuted', { source: 'microphone' });
    await until('ana to know', async () => ana.evaluate(() => H.own('microphone').isMuted));
    // The microphone is still hers: she may switch it on again.
    await ana.evaluate(() => H.own('microphone').unmute());
    await hears(ben, 'ana', 600);
  });

  test('subscriptions, metadata and data from the administrator', async () => {
    const name = room('admin');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    const service = roomService(server());
    const sid = await publishPicture(ana, { id: 5 });
    await sees(ben, 'ana', 5);
    await service.updateSubscriptions(name, 'ben', [sid], false);
    await happened(ben, 'trackUnsubscribed', { sid });
    await service.updateSubscriptions(name, 'ben', [sid], true);
    await sees(ben, 'ana', 5);
    await service.updateRoomMetadata(name, 'the plan');
    for (const page of [ana, ben]) await happened(page, 'roomMetadata', { value: 'the plan' });
    await service.updateParticipant(name, 'ana', { metadata: 'set', name: 'Set', attributes: { k: 'v' } });
    await happened(ana, 'metadata', { identity: 'ana', value: 'set' });
    await happened(ben, 'name', { identity: 'ana', value: 'Set' });
    await service.sendData(name, new TextEncoder().encode('from above'), 0, { destinationIdentities: ['ben'], topic: 'admin' });
    await until('the data', async () => (await ben.evaluate(() => H.received)).some((m) => m.text === 'from above' && m.topic === 'admin' && !m.from));
    expect(await ana.evaluate(() => H.received)).toEqual([]);
    const list = await service.listParticipants(name);
    expect(list.map((p) => p.identity).sort()).toEqual(['ana', 'ben']);
    expect((await service.getParticipant(name, 'ana')).tracks.map((t) => t.sid)).toEqual([sid]);
    expect((await see(ben, 'ana')).valid).toBe(true);
    expect(await events(ana, 'disconnected')).toEqual([]);
  });
});
