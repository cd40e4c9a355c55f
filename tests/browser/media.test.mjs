import { expect, test } from 'vitest';
import { delay, never, until } from '../lib/wait.mjs';
import { bothModes, count, flows, happened, hear, hears, inbound, publishPicture, publishTone, roster, see, sees } from './setup.mjs';

bothModes('media', ({ mode, join, room }) => {
  test('two participants see and hear each other', async () => {
    const name = room('pair');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    expect(ana.joined.sid).toMatch(/^PA_/);
    expect(ana.joined.room).toMatch(/^RM_/);
    expect(ben.joined.room).toBe(ana.joined.room);
    const sids = [
      await publishPicture(ana, { id: 3 }), await publishTone(ana, { frequency: 440 }),
      await publishPicture(ben, { id: 9 }), await publishTone(ben, { frequency: 1000 }),
    ];
    for (const sid of sids) expect(sid).toMatch(/^TR_/);
    await Promise.all([sees(ben, 'ana', 3), hears(ben, 'ana', 440), sees(ana, 'ben', 9), hears(ana, 'ben', 1000)]);
    for (const [page, other] of [[ana, 'ben'], [ben, 'ana']]) {
      const video = await inbound(page, other);
      expect(video.lost).toBe(0);
      const [who] = await roster(page);
      expect(who.tracks.map((t) => t.source).sort()).toEqual(['camera', 'microphone']);
      expect(who.tracks.every((t) => t.subscribed && !t.muted)).toBe(true);
    }
    // The publisher is told once that somebody takes the track; agents wait for this.
    for (const sid of sids.slice(0, 2)) await happened(ana, 'localTrackSubscribed', { sid });
    expect(await ana.evaluate(() => H.errors)).toEqual([]);
  });

  test('late join gets what is already there', async () => {
    const name = room('late');
    const ana = await join(name, 'ana');
    await publishPicture(ana, { id: 4 });
    await publishTone(ana, { frequency: 660 });
    await until('the publisher to send', async () => (await ana.evaluate(() => H.outbound())).some((o) => o.packets > 20));
    const ben = await join(name, 'ben');
    expect((await roster(ben)).map((p) => p.identity)).toEqual(['ana']);
    await Promise.all([sees(ben, 'ana', 4), hears(ben, 'ana', 660)]);
  });

  test('four participants all see each other', async () => {
    const name = room('four');
    const names = ['ana', 'ben', 'cem', 'dan'];
    const pages = await Promise.all(names.map((who) => join(name, who)));
    await Promise.all(pages.map((page, i) => publishPicture(page, { id: i + 1, width: 160, height: 90, fps: 10 })));
    await Promise.all(pages.map((page, i) => publishTone(page, { frequency: 400 + 200 * i })));
    await Promise.all(pages.flatMap((page, i) => names.flatMap((other, j) => (i === j ? [] : [
      sees(page, other, j + 1, { timeoutMs: 30_000 }),
      hears(page, other, 400 + 200 * j, { timeoutMs: 30_000 }),
    ]))));
  });

  test('mute and unmute video and audio', async () => {
    const name = room('mute');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await publishPicture(ana, { id: 5 });
    await publishTone(ana, { frequency: 800 });
    await Promise.all([sees(ben, 'ana', 5), hears(ben, 'ana', 800)]);

    await ana.evaluate(() => H.own('camera').mute());
    await happened(ben, 'trackMuted', { source: 'camera', identity: 'ana' });
    await until('video to stop', async () => {
      const before = (await inbound(ben, 'ana')).frames;
      await delay(400);
      return (await inbound(ben, 'ana')).frames === before;
    });
    await hears(ben, 'ana', 800);
    await ana.evaluate(() => H.own('camera').unmute());
    await happened(ben, 'trackUnmuted', { source: 'camera', identity: 'ana' });
    await flows(ben, 'ana');
    await sees(ben, 'ana', 5);

    await ana.evaluate(() => H.own('microphone').mute());
    await happened(ben, 'trackMuted', { source: 'microphone', identity: 'ana' });
    await until('silence', async () => {
      const now = await hear(ben, 'ana');
      return now.level < -90 || Number.isNaN(now.level);
    });
    await ana.evaluate(() => H.own('microphone').unmute());
    await happened(ben, 'trackUnmuted', { source: 'microphone', identity: 'ana' });
    await hears(ben, 'ana', 800);
  });

  test('a track published muted is known at once and seen when unmuted', async () => {
    const name = room('born-muted');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ana.evaluate(async () => {
      const track = new LivekitClient.LocalVideoTrack(H.picture({ id: 6 }), undefined, true);
      await track.mute();
      await H.room.localParticipant.publishTrack(track, { simulcast: false, source: 'camera' });
    });
    await until('the muted publication', async () => (await roster(ben))[0]?.tracks.some((t) => t.source === 'camera' && t.muted));
    await ana.evaluate(() => H.own('camera').unmute());
    await happened(ben, 'trackUnmuted', { source: 'camera' });
    await sees(ben, 'ana', 6);
  });

  test('unpublish and publish again', async () => {
    const name = room('again');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    for (const id of [1, 2, 3]) {
      const sids = [await publishPicture(ana, { id }), await publishTone(ana, { frequency: 400 + 100 * id })];
      await Promise.all([sees(ben, 'ana', id), hears(ben, 'ana', 400 + 100 * id)]);
      await ana.evaluate(() => H.room.localParticipant.unpublishTrack(H.own('camera').track));
      await ana.evaluate(() => H.room.localParticipant.unpublishTrack(H.own('microphone').track));
      for (const sid of sids) {
        await happened(ben, 'trackUnpublished', { sid });
        await happened(ben, 'trackUnsubscribed', { sid });
      }
      expect((await roster(ben))[0].tracks).toEqual([]);
    }
    await Promise.all([publishPicture(ana, { id: 7 }), publishTone(ana, { frequency: 520 })]);
    await Promise.all([sees(ben, 'ana', 7), hears(ben, 'ana', 520)]);
  });

  test('screen share beside the camera', async () => {
    const name = room('screen');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await publishPicture(ana, { id: 2 });
    await publishPicture(ana, { id: 12, width: 640, height: 360, options: { source: 'screen_share' } });
    await Promise.all([sees(ben, 'ana', 2), sees(ben, 'ana', 12, { source: 'screen_share' })]);
    const sources = (await roster(ben))[0].tracks.map((t) => t.source).sort();
    expect(sources).toEqual(['camera', 'screen_share']);
  });

  test('screen share by getDisplayMedia, stopped again', async () => {
    const name = room('display');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ana.evaluate(() => H.room.localParticipant.setScreenShareEnabled(true, { resolution: { width: 640, height: 360, frameRate: 10 } }, { simulcast: false }));
    await happened(ben, 'trackSubscribed', { source: 'screen_share', identity: 'ana' });
    await until('a picture of the screen', async () => ((await inbound(ben, 'ana', 'screen_share'))?.frames ?? 0) > 3);
    await ana.evaluate(() => H.room.localParticipant.setScreenShareEnabled(false));
    await happened(ben, 'trackUnpublished', { source: 'screen_share', identity: 'ana' });
  });

  test('microphone and camera of the browser', async () => {
    const name = room('devices');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ana.evaluate(async () => {
      await H.room.localParticipant.setCameraEnabled(true, { resolution: { width: 320, height: 180, frameRate: 15 } });
      await H.room.localParticipant.setMicrophoneEnabled(true, { echoCancellation: false, noiseSuppression: false, autoGainControl: false });
    });
    await flows(ben, 'ana', { frames: 10 });
    // The fake microphone beeps once a second: loud samples have to come through.
    await until('the beep', async () => (await hear(ben, 'ana')).level > -60, { everyMs: 30 });
    // Off and on again, as the buttons of every app do.
    await ana.evaluate(() => H.room.localParticipant.setCameraEnabled(false));
    await happened(ben, 'trackMuted', { source: 'camera' });
    await ana.evaluate(() => H.room.localParticipant.setCameraEnabled(true));
    await happened(ben, 'trackUnmuted', { source: 'camera' });
    await flows(ben, 'ana', { frames: 10 });
  });

  test('many tracks of one participant', async () => {
    const name = room('many');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await ana.evaluate(async () => {
      for (let i = 0; i < 5; i++) {
        const track = H.picture({ id: i + 1, width: 160, height: 90, fps: 8, name: `video${i}` });
        await H.room.localParticipant.publishTrack(track, { simulcast: false, name: `video${i}` });
        const tone = H.tone({ frequency: 500 + 100 * i, name: `audio${i}` });
        await H.room.localParticipant.publishTrack(tone, { dtx: false, name: `audio${i}` });
      }
    });
    // More than the three sections of each kind that a single peer connection begins with.
    await until('all ten tracks', async () => (await count(ben, 'trackSubscribed', { identity: 'ana' })) === 10);
    await until(
      'frames on every video track',
      () => ben.evaluate(async () => {
        const pubs = [...H.participant('ana').trackPublications.values()];
        const counts = [];
        for (const pub of pubs) {
          const stats = [...(await pub.track.receiver.getStats()).values()].find((s) => s.type === 'inbound-rtp');
          counts.push(pub.kind === 'video' ? (stats?.framesDecoded ?? 0) > 5 : (stats?.packetsReceived ?? 0) > 20);
        }
        return counts.length === 10 && counts.every(Boolean);
      }),
      { timeoutMs: 25_000 },
    );
    // Each picture on the right publication: the name says which number must be in it.
    const wrong = await ben.evaluate(async () => {
      const bad = [];
      for (const pub of H.participant('ana').trackPublications.values()) {
        if (pub.kind !== 'video') continue;
        const element = pub.track.attachedElements[0];
        const canvas = document.createElement('canvas');
        canvas.width = element.videoWidth;
        canvas.height = element.videoHeight;
        const context = canvas.getContext('2d');
        context.drawImage(element, 0, 0);
        const seen = decodePicture(context.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height);
        if (!seen.valid || seen.id !== Number(pub.trackName.slice(5)) + 1) bad.push({ name: pub.trackName, ...seen });
      }
      return bad;
    });
    expect(wrong).toEqual([]);
  });

  test('active speakers', async () => {
    const name = room('speakers');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await publishTone(ana, { frequency: 440, gain: 0.8 });
    const speaking = (page) => page.evaluate(() => H.room.activeSpeakers.map((p) => p.identity));
    await until('ben to learn that ana speaks', async () => (await speaking(ben)).includes('ana'));
    await until('ana to learn it herself', async () => (await speaking(ana)).includes('ana'));
    await ana.evaluate(() => H.own('microphone').mute());
    await until('ana to have stopped', async () => !(await speaking(ben)).includes('ana'));
  });

  test('leaving is seen at once and without leave too', async () => {
    const name = room('leave');
    const [ana, ben, cem] = await Promise.all([join(name, 'ana'), join(name, 'ben'), join(name, 'cem')]);
    await publishPicture(ben, { id: 2 });
    await sees(ana, 'ben', 2);
    await ben.evaluate(() => H.leave());
    await happened(ana, 'participantDisconnected', { identity: 'ben' }, { timeoutMs: 3000 });
    await happened(cem, 'participantDisconnected', { identity: 'ben' }, { timeoutMs: 3000 });
    expect((await roster(ana)).map((p) => p.identity)).toEqual(['cem']);
    // A page that is closed says goodbye by itself; one that crashes is missed after the transport has timed out.
    const session = await cem.context().newCDPSession(cem);
    session.send('Page.crash').catch(() => {});
    await happened(ana, 'participantDisconnected', { identity: 'cem' }, { timeoutMs: 40_000 });
  });

  test('auto-subscribe off, subscribe and unsubscribe', async () => {
    const name = room('manual');
    const ana = await join(name, 'ana');
    const ben = await join(name, 'ben', { settings: { connect: { autoSubscribe: false } } });
    await publishPicture(ana, { id: 8 });
    await publishTone(ana, { frequency: 900 });
    await happened(ben, 'trackPublished', { source: 'camera' });
    await happened(ben, 'trackPublished', { source: 'microphone' });
    await never('a subscription nobody asked for', async () => (await count(ben, 'trackSubscribed')) > 0, 1500);

    await ben.evaluate(() => H.publication('ana', 'camera').setSubscribed(true));
    await sees(ben, 'ana', 8);
    expect(await count(ben, 'trackSubscribed')).toBe(1);
    await ben.evaluate(() => H.publication('ana', 'camera').setSubscribed(false));
    await happened(ben, 'trackUnsubscribed', { source: 'camera' });
    await ben.evaluate(() => {
      H.publication('ana', 'camera').setSubscribed(true);
      H.publication('ana', 'microphone').setSubscribed(true);
    });
    await Promise.all([sees(ben, 'ana', 8), hears(ben, 'ana', 900)]);
  });

  test('unsubscribe and subscribe again with auto-subscribe', async () => {
    const name = room('resubscribe');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await publishPicture(ana, { id: 11 });
    await sees(ben, 'ana', 11);
    for (let i = 0; i < 3; i++) {
      await ben.evaluate(() => H.publication('ana', 'camera').setSubscribed(false));
      await happened(ben, 'trackUnsubscribed', { source: 'camera' }, { atLeast: i + 1 });
      expect((await see(ben, 'ana')).valid).toBe(false);
      await ben.evaluate(() => H.publication('ana', 'camera').setSubscribed(true));
      await sees(ben, 'ana', 11);
    }
  });

  test('disabling a subscribed track pauses it', async () => {
    const name = room('disable');
    const [ana, ben] = await Promise.all([join(name, 'ana'), join(name, 'ben')]);
    await publishPicture(ana, { id: 10 });
    await sees(ben, 'ana', 10);
    await ben.evaluate(() => H.publication('ana', 'camera').setEnabled(false));
    await until('video to pause', async () => {
      const before = (await inbound(ben, 'ana')).frames;
      await delay(500);
      return (await inbound(ben, 'ana')).frames === before;
    });
    expect(await count(ben, 'trackUnsubscribed')).toBe(0);
    await ben.evaluate(() => H.publication('ana', 'camera').setEnabled(true));
    await flows(ben, 'ana');
    await sees(ben, 'ana', 10);
  });

  test('the publisher decides who may subscribe', async () => {
    const name = room('allow');
    const [ana, ben, cem] = await Promise.all([join(name, 'ana'), join(name, 'ben'), join(name, 'cem')]);
    await ana.evaluate(() => H.room.localParticipant.setTrackSubscriptionPermissions(false, [{ participantIdentity: 'ben', allowAll: true }]));
    await publishPicture(ana, { id: 13 });
    await sees(ben, 'ana', 13);
    await happened(cem, 'trackPublished', { source: 'camera' });
    await never('a forbidden subscription', async () => (await see(cem, 'ana')).valid, 1500);
    await ana.evaluate(() => H.room.localParticipant.setTrackSubscriptionPermissions(true));
    await sees(cem, 'ana', 13);
    await ana.evaluate(() => H.room.localParticipant.setTrackSubscriptionPermissions(false, []));
    await Promise.all([happened(ben, 'trackUnsubscribed', { source: 'camera' }), happened(cem, 'trackUnsubscribed', { source: 'camera' })]);
  });

  test('the token is refreshed after joining', async () => {
    const ana = await join(room('refresh'), 'ana');
    await happened(ana, 'tokenRefreshed', {}, { timeoutMs: 10_000 });
    const claims = JSON.parse(Buffer.from((await ana.evaluate(() => H.token)).split('.')[1], 'base64url'));
    expect(claims.sub).toBe('ana');
    expect(claims.video.roomJoin).toBe(true);
    expect(claims.exp * 1000).toBeGreaterThan(Date.now() + 5 * 60_000);
  });

  test('the mode is the one that was asked for', async () => {
    const ana = await join(room('mode'), 'ana');
    await publishPicture(ana, { id: 1 });
    const modes = await ana.evaluate(() => ({ subscriber: !!H.room.engine.pcManager.subscriber, mode: H.room.engine.pcManager.mode }));
    expect(modes.subscriber, JSON.stringify(modes)).toBe(mode === 'v0');
  });
});
