import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomUUID } from 'node:crypto';
import { startServer } from '../lib/server.mjs';
import { roomName, roomService, token } from '../lib/token.mjs';
import { never, until } from '../lib/wait.mjs';
import { BASE, DOORS, Offers, P, query, rawToken, url, Wire } from './client.mjs';

const { DisconnectReason, LeaveRequest_Action: Action, RequestResponse_Reason: Reason, TrackSource, TrackType, SignalTarget, ParticipantInfo_State: State } = P;

let server;
beforeAll(async () => {
  server = await startServer({ suite: 'protocol' });
});
afterAll(() => server?.stop());

const video = { roomJoin: true, room: 'doors' };

describe.each(DOORS)('the door %s', (door) => {
  const path = door === 'v0' ? '/rtc' : '/rtc/v1';
  const room = (label) => roomName(`${door}-${label}`);
  const join = async (name, identity, { tokenOptions, ...options } = {}) => Wire.join(server, door, await token(name, identity, tokenOptions), options);

  describe('tokens', () => {
    test.each([
      ['none', null, 401],
      ['not a token', 'nonsense', 401],
      ['three parts of nonsense', 'a.b.c', 401],
      ['an unknown key', rawToken({ iss: 'nokey', sub: 'ana', video }), 401],
      ['no issuer', rawToken({ sub: 'ana', video }), 401],
      ['the wrong secret', rawToken({ iss: 'devkey', sub: 'ana', video }, { secret: 'other' }), 401],
      ['unsigned', `${rawToken({ iss: 'devkey', sub: 'ana', video }, { header: { alg: 'none', typ: 'JWT' } }).split('.').slice(0, 2).join('.')}.`, 401],
      ['expired', rawToken({ iss: 'devkey', sub: 'ana', video, exp: Math.floor(Date.now() / 1000) - 3600 }), 401],
      ['not valid yet', rawToken({ iss: 'devkey', sub: 'ana', video, nbf: Math.floor(Date.now() / 1000) + 3600 }), 401],
      ['no grant', rawToken({ iss: 'devkey', sub: 'ana' }), 401],
      ['no roomJoin', rawToken({ iss: 'devkey', sub: 'ana', video: { room: 'doors' } }), 401],
      ['roomJoin false', rawToken({ iss: 'devkey', sub: 'ana', video: { room: 'doors', roomJoin: false } }), 401],
      ['no identity', rawToken({ iss: 'devkey', video }), 400],
      ['an empty identity', rawToken({ iss: 'devkey', sub: '', video }), 400],
      ['no room', rawToken({ iss: 'devkey', sub: 'ana', video: { roomJoin: true } }), 400],
      ['an identity that is too long', rawToken({ iss: 'devkey', sub: 'a'.repeat(300), video }), 400],
      ['a room name that is too long', rawToken({ iss: 'devkey', sub: 'ana', video: { roomJoin: true, room: 'r'.repeat(300) } }), 400],
    ])('%s is refused before the upgrade', async (label, jwt, status) => {
      const wire = await Wire.open(server, door, jwt);
      expect(wire.refused, 'the upgrade is refused').not.toBeNull();
      expect(wire.refused.status, wire.refused.body).toBe(status);
      expect(wire.refused.body.length).toBeGreaterThan(0);
      expect(wire.refused.body).not.toContain('requested room does not exist');
      const check = await fetch(`${server.http}${path}/validate?${query(door, jwt)}`);
      expect(check.status).toBe(status);
      expect(check.headers.get('access-control-allow-origin')).toBe('*');
    });

    test('a header that is no bearer token is refused', async () => {
      const wire = await Wire.open(server, door, null, { headers: { authorization: `Basic ${await token('doors', 'ana')}` } });
      expect(wire.refused.status).toBe(401);
    });

    test('the token may come in the header', async () => {
      const jwt = await token(room('header'), 'ana');
      const wire = await Wire.join(server, door, null, { headers: { authorization: `Bearer ${jwt}` } });
      expect(wire.hello.participant.identity).toBe('ana');
      wire.close();
    });

    test('validate says success', async () => {
      const response = await fetch(`${server.http}${path}/validate?${query(door, await token('doors', 'ana'))}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(await response.text()).toBe('success');
      expect((await roomService(server).listRooms(['doors'])).length).toBe(0);
    });

    test('without an upgrade there is nothing here', async () => {
      const response = await fetch(`${server.http}${path}?${query(door, await token('doors', 'ana'))}`);
      expect(response.status).toBe(404);
    });

    test('a doubled slash is forgiven', async () => {
      const wire = await Wire.join(server, door, await token(room('slash'), 'ana'), { path: `/${path}` });
      wire.close();
    });
  });

  test('the first message is a complete join', async () => {
    const name = room('join');
    const wire = await join(name, 'ana', { tokenOptions: { name: 'Ana', metadata: 'meta', attributes: { a: 'b' } } });
    const hello = wire.hello;
    expect(hello.room.sid).toMatch(/^RM_.{8,}/);
    expect(hello.room.name).toBe(name);
    expect(Number(hello.room.creationTime)).toBeGreaterThan(1_600_000_000);
    expect(hello.participant.sid).toMatch(/^PA_.{8,}/);
    expect(hello.participant).toMatchObject({ identity: 'ana', name: 'Ana', metadata: 'meta', attributes: { a: 'b' } });
    expect([State.JOINING, State.JOINED, State.ACTIVE]).toContain(hello.participant.state);
    expect(hello.participant.permission).toMatchObject({ canPublish: true, canSubscribe: true, canPublishData: true });
    expect(Number(hello.participant.joinedAt)).toBeGreaterThan(1_600_000_000);
    expect(Number(hello.participant.joinedAt)).toBeLessThan(10_000_000_000);
    expect(Number(hello.participant.joinedAtMs)).toBeGreaterThan(1_600_000_000_000);
    expect(hello.participant.clientProtocol).toBe(2);
    expect(hello.serverInfo.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(hello.serverInfo.nodeId).not.toBe('');
    expect(hello.serverInfo.protocol).toBeGreaterThanOrEqual(16);
    expect(hello.pingInterval).toBeGreaterThan(0);
    expect(hello.pingTimeout).toBeGreaterThan(hello.pingInterval);
    expect(hello.subscriberPrimary).toBe(door === 'v0');
    expect(hello.otherParticipants).toEqual([]);
    expect(hello.enabledPublishCodecs.map((c) => c.mime.toLowerCase())).toEqual(expect.arrayContaining(['video/vp8', 'audio/opus']));
    const refreshed = await wire.next('refreshToken');
    expect(refreshed.split('.')).toHaveLength(3);
    const claims = JSON.parse(Buffer.from(refreshed.split('.')[1], 'base64url'));
    expect(claims).toMatchObject({ sub: 'ana', iss: 'devkey', video: { roomJoin: true, room: name } });
    // It opens the door again.
    const again = await Wire.join(server, door, refreshed);
    again.close();
    wire.close();
  });

  test('the second one is told of the first and the first of the second', async () => {
    const name = room('two');
    const ana = await join(name, 'ana', { tokenOptions: { name: 'Ana', metadata: 'm' } });
    const ben = await join(name, 'ben');
    expect(ben.hello.otherParticipants.map((p) => p.identity)).toEqual(['ana']);
    expect(ben.hello.otherParticipants[0]).toMatchObject({ sid: ana.sid, name: 'Ana', metadata: 'm', clientProtocol: 2 });
    expect(ben.hello.room.sid).toBe(ana.hello.room.sid);
    const update = await ana.next('update', (u) => u.participants.some((p) => p.identity === 'ben'));
    expect(update.participants.find((p) => p.identity === 'ben').sid).toBe(ben.sid);
    ben.leave();
    const gone = await ana.next('update', (u) => u.participants.some((p) => p.identity === 'ben' && p.state === State.DISCONNECTED));
    const info = gone.participants.find((p) => p.identity === 'ben');
    expect(info.sid).toBe(ben.sid);
    expect(info.tracks).toEqual([]);
    await until('ben to be closed', () => ben.closed);
    ana.close();
  });

  test('both kinds of ping are answered', async () => {
    const wire = await join(room('ping'), 'ana');
    wire.send('ping', BigInt(Date.now()));
    const pong = await wire.next('pong');
    expect(Math.abs(Number(pong) - Date.now())).toBeLessThan(5000);
    const timestamp = 123_456_789n;
    wire.send('pingReq', new P.Ping({ timestamp, rtt: 5n }));
    const answer = await wire.next('pongResp');
    expect(answer.lastPingTimestamp).toBe(timestamp);
    expect(Math.abs(Number(answer.timestamp) - Date.now())).toBeLessThan(5000);
    wire.close();
  });

  if (door === 'v0') {
    test('the subscriber offer comes without being asked for', async () => {
      const wire = await join(room('offer'), 'ana');
      const offer = await wire.next('offer', () => true, { timeoutMs: 1000 });
      expect(offer.type).toBe('offer');
      expect(offer.sdp).toMatch(/^m=application /m);
      expect(offer.sdp).toMatch(/a=fingerprint:sha-256 /);
      wire.close();
    });
  } else {
    test('the offer in the join request is answered after the join', async () => {
      const offers = new Offers();
      const wire = await join(room('join-offer'), 'ana', { join: { publisherOffer: offers.next(BASE.v1) } });
      const answer = await wire.next('answer');
      expect(answer.id).toBe(1);
      expect(answer.type).toBe('answer');
      // Sections nobody uses yet stay silent: no track may fire on them.
      expect(answer.sdp.match(/^m=/gm)).toHaveLength(7);
      expect(answer.sdp).not.toMatch(/a=sendonly/);
      expect(answer.sdp).not.toMatch(/a=msid:/);
      expect(wire.all('offer')).toEqual([]);
      wire.close();
    });

    test('the path without a version takes a join request too', async () => {
      // The Go SDK does this.
      const offers = new Offers();
      const wire = await join(room('go'), 'ana', { path: '/rtc', join: { publisherOffer: offers.next(BASE.v1) } });
      expect(wire.hello.subscriberPrimary).toBe(false);
      await wire.next('answer');
      await never('an offer of the server', () => wire.all('offer').length > 0, 500);
      const check = await fetch(`${server.http}/rtc/validate?${query(door, await token('doors', 'ana'))}`);
      expect(await check.text()).toBe('success');
      wire.close();
    });

    test('an uncompressed join request works as well', async () => {
      const wire = await join(room('plain'), 'ana', { gzip: false });
      wire.close();
    });

    test('track and offer in the join request', async () => {
      const name = room('join-track');
      const ben = await join(name, 'ben');
      const offers = new Offers();
      const cid = randomUUID();
      const wire = await join(name, 'ana', {
        join: {
          addTrackRequests: [new P.AddTrackRequest({ cid, name: 'mic', type: TrackType.AUDIO, source: TrackSource.MICROPHONE })],
          publisherOffer: offers.next([...BASE.v1, { kind: 'audio', cid }]),
        },
      });
      const published = await wire.next('trackPublished');
      expect(published).toMatchObject({ cid, track: { name: 'mic', type: TrackType.AUDIO, source: TrackSource.MICROPHONE } });
      await wire.next('answer', (a) => a.id === 1);
      await until('ben to learn of the track', () => ben.participant('ana')?.tracks.some((t) => t.sid === published.track.sid));
      wire.close();
      ben.close();
    });

    test.each([
      ['missing', null],
      ['empty', ''],
      ['not base64', '%%%'],
      ['not a message', Buffer.from('nonsense that is no protobuf at all').toString('base64url')],
      ['broken gzip', Buffer.from(new P.WrappedJoinRequest({ compression: P.WrappedJoinRequest_Compression.GZIP, joinRequest: Buffer.from('not gzip') }).toBinary()).toString('base64url')],
      ['broken inner message', Buffer.from(new P.WrappedJoinRequest({ joinRequest: Buffer.from([0xff, 0xff, 0xff, 0xff]) }).toBinary()).toString('base64url')],
    ])('a join request that is %s is refused', async (label, raw) => {
      const wire = await Wire.open(server, door, await token(room('bad'), 'ana'), { raw });
      expect(wire.refused?.status, wire.refused?.body).toBe(400);
      expect(wire.refused.body.length).toBeGreaterThan(0);
    });

    test('a join request that unpacks to far too much is refused', async () => {
      const { gzipSync } = await import('node:zlib');
      const bomb = new P.WrappedJoinRequest({ compression: P.WrappedJoinRequest_Compression.GZIP, joinRequest: gzipSync(Buffer.alloc(30_000_000)) });
      const wire = await Wire.open(server, door, await token(room('bomb'), 'ana'), { raw: Buffer.from(bomb.toBinary()).toString('base64url') });
      expect(wire.refused?.status).toBe(400);
    });

    test('a join request of thirty kilobytes fits', async () => {
      const offers = new Offers();
      const sections = [...BASE.v1];
      while (offers.sdp(sections).length < 30_000) sections.push({ kind: 'video', direction: 'recvonly' });
      const wire = await join(room('long'), 'ana', { gzip: false, join: { publisherOffer: offers.next(sections) } });
      await wire.next('answer');
      wire.close();
    });
  }

  test('offer n gets answer n', async () => {
    const offers = new Offers();
    const wire = await join(room('ids'), 'ana');
    for (let i = 1; i <= 3; i++) {
      wire.send('offer', offers.next(BASE[door]));
      const answer = await wire.next('answer', (a) => a.id === i);
      expect(answer.type).toBe('answer');
      expect(answer.sdp.match(/^m=/gm)).toHaveLength(BASE[door].length);
    }
    expect(wire.all('answer').map((a) => a.id)).toEqual([1, 2, 3]);
    wire.close();
  });

  test('an offer that is no SDP does not end anybody else', async () => {
    const name = room('bad-offer');
    const [ana, ben] = [await join(name, 'ana'), await join(name, 'ben')];
    ana.send('offer', new P.SessionDescription({ type: 'offer', sdp: 'v=0\r\nnonsense', id: 1 }));
    ana.send('offer', new P.SessionDescription({ type: 'offer', sdp: '', id: 2 }));
    ana.send('answer', new P.SessionDescription({ type: 'answer', sdp: 'nothing asked', id: 77 }));
    ana.send('trickle', new P.TrickleRequest({ candidateInit: 'not json', target: SignalTarget.PUBLISHER }));
    ana.send('trickle', new P.TrickleRequest({ candidateInit: '{"candidate":"candidate:1 1 udp 1 999.999.1.1 99999 typ host","sdpMid":"0","sdpMLineIndex":0}', target: SignalTarget.SUBSCRIBER }));
    await ben.alive();
    ana.close();
    ben.close();
  });

  test('add_track is answered at once, twice with the same sid', async () => {
    const name = room('track');
    const [ana, ben] = [await join(name, 'ana'), await join(name, 'ben')];
    const cid = randomUUID();
    const request = new P.AddTrackRequest({
      cid, name: 'cam', type: TrackType.VIDEO, source: TrackSource.CAMERA, width: 640, height: 360,
      layers: [
        new P.VideoLayer({ quality: P.VideoQuality.LOW, width: 320, height: 180, bitrate: 100_000 }),
        new P.VideoLayer({ quality: P.VideoQuality.MEDIUM, width: 640, height: 360, bitrate: 400_000 }),
      ],
      simulcastCodecs: [new P.SimulcastCodec({ codec: 'vp8', cid })],
    });
    ana.send('addTrack', request);
    const published = await ana.next('trackPublished');
    expect(published.cid).toBe(cid);
    expect(published.track).toMatchObject({ name: 'cam', type: TrackType.VIDEO, source: TrackSource.CAMERA, width: 640, height: 360, muted: false });
    expect(published.track.sid).toMatch(/^TR_VC/);
    const from = ana.messages.length;
    ana.send('addTrack', request);
    const again = await ana.next('trackPublished', () => true, { from });
    expect(again.track.sid).toBe(published.track.sid);
    // The others hear of it when the section is there, not before.
    expect(ben.participant('ana').tracks).toEqual([]);
    const offers = new Offers();
    ana.send('offer', offers.next([...BASE[door], { kind: 'video', cid }]));
    await ana.next('answer', (a) => a.id === 1);
    await until('ben to learn of the track', () => ben.participant('ana').tracks.length === 1);
    expect(ben.participant('ana').tracks[0]).toMatchObject({ sid: published.track.sid, name: 'cam', source: TrackSource.CAMERA });
    // Mute is told, and somebody who comes later sees it too.
    ana.send('mute', new P.MuteTrackRequest({ sid: published.track.sid, muted: true }));
    await until('the mute', () => ben.participant('ana').tracks[0].muted);
    const cem = await join(name, 'cem');
    expect(cem.hello.otherParticipants.find((p) => p.identity === 'ana').tracks[0]).toMatchObject({ sid: published.track.sid, muted: true });
    // Versions of a participant only grow.
    const versions = ben.all('update').flatMap((u) => u.participants.filter((p) => p.identity === 'ana').map((p) => p.version));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    // The section stops: the track is gone.
    ana.send('offer', offers.next([...BASE[door], { kind: 'video', direction: 'inactive' }]));
    await until('the track to be gone', () => ben.participant('ana').tracks.length === 0);
    for (const wire of [ana, ben, cem]) wire.close();
  });

  test('sids tell what a track is', async () => {
    const wire = await join(room('sids'), 'ana');
    for (const [type, source, prefix] of [
      [TrackType.AUDIO, TrackSource.MICROPHONE, 'TR_AM'], [TrackType.VIDEO, TrackSource.SCREEN_SHARE, 'TR_VS'], [TrackType.AUDIO, TrackSource.SCREEN_SHARE_AUDIO, 'TR_As'],
    ]) {
      const cid = randomUUID();
      wire.send('addTrack', new P.AddTrackRequest({ cid, type, source, name: prefix }));
      const { track } = await wire.next('trackPublished', (t) => t.cid === cid);
      expect(track.sid.startsWith(prefix), `${track.sid} for ${prefix}`).toBe(true);
    }
    wire.close();
  });

  test.each([
    ['canPublish false', { canPublish: false }, TrackSource.CAMERA, false],
    ['another source', { canPublishSources: ['microphone'] }, TrackSource.CAMERA, false],
    ['the allowed source', { canPublishSources: ['microphone'] }, TrackSource.MICROPHONE, true],
    ['sources supersede canPublish', { canPublish: false, canPublishSources: ['camera'] }, TrackSource.CAMERA, true],
  ])('add_track with %s', async (label, grant, source, allowed) => {
    const wire = await join(room('allowed'), 'ana', { tokenOptions: { grant } });
    const cid = randomUUID();
    wire.send('addTrack', new P.AddTrackRequest({ cid, type: source === TrackSource.CAMERA ? TrackType.VIDEO : TrackType.AUDIO, source }));
    if (allowed) {
      await wire.next('trackPublished', (t) => t.cid === cid);
    } else {
      const response = await wire.next('requestResponse');
      expect(response.reason).toBe(Reason.NOT_ALLOWED);
      expect(response.request.case).toBe('addTrack');
      expect(response.request.value.cid).toBe(cid);
      expect(wire.all('trackPublished')).toEqual([]);
    }
    wire.close();
  });

  test('the same identity again', async () => {
    const name = room('twice');
    const watcher = await join(name, 'watcher');
    const first = await join(name, 'ana');
    const second = await join(name, 'ana');
    const leave = await first.next('leave');
    expect(leave.reason).toBe(DisconnectReason.DUPLICATE_IDENTITY);
    expect(leave.action).toBe(Action.DISCONNECT);
    expect(first.messages.at(-1).case).toBe('leave');
    await until('the first to be closed', () => first.closed);
    expect(first.closed.code).toBe(1000);
    expect(second.sid).not.toBe(first.sid);
    await until('the watcher to know the second', () => watcher.participant('ana')?.sid === second.sid && watcher.participant('ana').state !== State.DISCONNECTED);
    const later = await join(name, 'later');
    expect(later.hello.otherParticipants.filter((p) => p.identity === 'ana').map((p) => p.sid)).toEqual([second.sid]);
    await second.alive();
    // The one that was thrown out cannot come back by a resume.
    const back = await Wire.open(server, door, await token(name, 'ana'), { reconnect: first.sid });
    const answer = await back.first();
    expect(answer.case).toBe('leave');
    await second.alive();
    for (const wire of [watcher, second, later, back]) wire.close();
  });

  test('a resume of nothing ends in a full reconnect', async () => {
    const name = room('lost');
    const there = await join(name, 'ben');
    for (const reconnect of ['PA_unknownunknown', there.sid]) {
      const wire = await Wire.open(server, door, await token(name, 'ana'), { reconnect });
      expect(wire.refused).toBeNull();
      const first = await wire.first();
      expect(first.case).toBe('leave');
      expect(first.value.reason).toBe(DisconnectReason.STATE_MISMATCH);
      expect(first.value.action).toBe(Action.RECONNECT);
      await until('the close', () => wire.closed);
      expect(wire.messages).toHaveLength(1);
    }
    await there.alive();
    there.close();
  });

  test('a resume: reconnect first, then everybody', async () => {
    const name = room('resume');
    const ben = await join(name, 'ben');
    const ana = await join(name, 'ana');
    const again = await Wire.open(server, door, await token(name, 'ana'), { reconnect: ana.sid });
    const first = await again.first();
    expect(first.case, JSON.stringify(again.messages.map((m) => m.case))).toBe('reconnect');
    expect(first.value.serverInfo?.version ?? '').not.toBe('');
    await again.next('update', (u) => u.participants.some((p) => p.identity === 'ana' && p.sid === ana.sid));
    await again.next('update', (u) => u.participants.some((p) => p.identity === 'ben' && p.sid === ben.sid));
    const update = await again.next('roomUpdate');
    expect(update.room.name).toBe(name);
    if (door === 'v0') await again.next('offer');
    await until('the old connection to end', () => ana.closed);
    expect(ana.all('leave')).toEqual([]);
    await again.alive();
    await never('ana leaving', () => ben.participant('ana')?.state === State.DISCONNECTED, 700);
    again.close();
    ben.close();
  });

  test('sync_state of tracks the server does not know asks for a full reconnect', async () => {
    const name = room('sync');
    const ana = await join(name, 'ana');
    const again = await Wire.open(server, door, await token(name, 'ana'), { reconnect: ana.sid });
    await again.next('reconnect');
    again.send('syncState', new P.SyncState({
      subscription: new P.UpdateSubscription({ subscribe: false }),
      publishTracks: [new P.TrackPublishedResponse({ cid: 'x', track: new P.TrackInfo({ sid: 'TR_VCunknownunkn', type: TrackType.VIDEO }) })],
    }));
    const leave = await again.next('leave');
    expect(leave.action).toBe(Action.RECONNECT);
    again.close();
  });

  test('own metadata, name and attributes', async () => {
    const name = room('meta');
    const ben = await join(name, 'ben');
    const ana = await join(name, 'ana', { tokenOptions: { metadata: 'm0', attributes: { keep: '1', drop: '2' }, grant: { canUpdateOwnMetadata: true } } });
    ana.send('updateMetadata', new P.UpdateParticipantMetadata({ metadata: 'm1', name: 'Ana', attributes: { drop: '', fresh: '3' }, requestId: 41 }));
    const ok = await ana.next('requestResponse', (r) => r.requestId === 41);
    expect(ok.reason).toBe(Reason.OK);
    for (const wire of [ana, ben]) {
      await until('the update', () => wire.participant('ana')?.metadata === 'm1');
      expect(wire.participant('ana')).toMatchObject({ name: 'Ana', attributes: { keep: '1', fresh: '3' } });
      expect(Object.keys(wire.participant('ana').attributes).sort()).toEqual(['fresh', 'keep']);
    }
    // Empty name and metadata mean: as they are.
    ana.send('updateMetadata', new P.UpdateParticipantMetadata({ attributes: { fresh: '4' }, requestId: 42 }));
    await ana.next('requestResponse', (r) => r.requestId === 42 && r.reason === Reason.OK);
    await until('the update', () => ben.participant('ana').attributes.fresh === '4');
    expect(ben.participant('ana')).toMatchObject({ name: 'Ana', metadata: 'm1' });

    ben.send('updateMetadata', new P.UpdateParticipantMetadata({ metadata: 'forbidden', requestId: 7 }));
    const refused = await ben.next('requestResponse', (r) => r.requestId === 7);
    expect(refused.reason).toBe(Reason.NOT_ALLOWED);
    expect(refused.request.case).toBe('updateMetadata');
    expect(ana.participant('ben').metadata).toBe('');

    ana.send('updateMetadata', new P.UpdateParticipantMetadata({ metadata: 'x'.repeat(600_000), requestId: 43 }));
    expect((await ana.next('requestResponse', (r) => r.requestId === 43)).reason).toBe(Reason.LIMIT_EXCEEDED);
    ana.send('updateMetadata', new P.UpdateParticipantMetadata({ attributes: { big: 'x'.repeat(70_000) }, requestId: 44 }));
    expect((await ana.next('requestResponse', (r) => r.requestId === 44)).reason).toBe(Reason.LIMIT_EXCEEDED);
    ana.close();
    ben.close();
  });

  test('an invisible participant is not seen and not counted', async () => {
    const name = room('hidden');
    const ana = await join(name, 'ana');
    const spy = await join(name, 'spy', { tokenOptions: { grant: { hidden: true } } });
    expect(spy.hello.otherParticipants.map((p) => p.identity)).toEqual(['ana']);
    const ben = await join(name, 'ben');
    expect(ben.hello.otherParticipants.map((p) => p.identity)).toEqual(['ana']);
    await never('the spy showing', () => ana.participant('spy') || ben.participant('spy'), 500);
    await until('the count', async () => (await roomService(server).listRooms([name]))[0].numParticipants === 2);
    spy.leave();
    await until('the spy to be gone', () => spy.closed);
    await never('the spy showing as it goes', () => ana.participant('spy') || ben.participant('spy'), 500);
    for (const wire of [ana, ben]) wire.close();
  });

  test('the administrator deletes the room, or removes one', async () => {
    const name = room('delete');
    const service = roomService(server);
    const [ana, ben] = [await join(name, 'ana'), await join(name, 'ben')];
    await service.removeParticipant(name, 'ana');
    const removed = await ana.next('leave');
    expect(removed).toMatchObject({ reason: DisconnectReason.PARTICIPANT_REMOVED, action: Action.DISCONNECT });
    await ben.next('update', (u) => u.participants.some((p) => p.identity === 'ana' && p.state === State.DISCONNECTED));
    await service.deleteRoom(name);
    const deleted = await ben.next('leave');
    expect(deleted).toMatchObject({ reason: DisconnectReason.ROOM_DELETED, action: Action.DISCONNECT });
    await until('both to be closed', () => ana.closed && ben.closed);
    expect([ana.closed.code, ben.closed.code]).toEqual([1000, 1000]);
    // Whoever comes next is in a new room.
    const next = await join(name, 'ana');
    expect(next.hello.room.sid).not.toBe(ana.hello.room.sid);
    next.close();
  });

  test('simulated departures', async () => {
    const name = room('simulate');
    const watcher = await join(name, 'watcher');
    const one = await join(name, 'one');
    one.send('simulate', new P.SimulateScenario({ scenario: { case: 'serverLeave', value: true } }));
    expect((await one.next('leave')).action).toBe(Action.DISCONNECT);
    const two = await join(name, 'two');
    two.send('simulate', new P.SimulateScenario({ scenario: { case: 'leaveRequestFullReconnect', value: true } }));
    expect((await two.next('leave')).action).toBe(Action.RECONNECT);
    const three = await join(name, 'three');
    three.send('simulate', new P.SimulateScenario({ scenario: { case: 'nodeFailure', value: true } }));
    await until('three to lose the line', () => three.closed);
    expect(three.all('leave')).toEqual([]);
    const back = await Wire.open(server, door, await token(name, 'three'), { reconnect: three.sid });
    expect(await back.first()).toMatchObject({ case: 'leave', value: { action: Action.RECONNECT } });
    const four = await join(name, 'four');
    four.send('simulate', new P.SimulateScenario({ scenario: { case: 'speakerUpdate', value: 3 } }));
    const speakers = await four.next('speakersChanged');
    expect(speakers.speakers[0]).toMatchObject({ sid: four.sid, active: true });
    await watcher.alive();
    for (const wire of [watcher, two, four, back]) wire.close();
  });

  describe('what nobody should send', () => {
    test('garbage frames', async () => {
      const name = room('garbage');
      const [bad, good] = [await join(name, 'bad'), await join(name, 'good')];
      for (const bytes of [Buffer.alloc(0), Buffer.from([0xff]), Buffer.from('nonsense'), Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(5000, 0x5a)]) bad.socket.send(bytes);
      bad.socket.send('{"neither": "this"}');
      bad.socket.send('not even JSON');
      await good.alive();
      // A few are forgiven.
      await bad.alive();
      for (let i = 0; i < 500; i++) bad.socket.send(Buffer.from([0xff, 0xff]));
      await until('the line to be cut for good', () => bad.closed);
      expect(bad.closed.code).toBe(1008);
      await good.alive();
      good.close();
    });

    test('a message beyond two mebibytes closes the line, one below does not', async () => {
      const name = room('large');
      const [bad, good] = [await join(name, 'bad'), await join(name, 'good')];
      good.send('trickle', new P.TrickleRequest({ candidateInit: 'x'.repeat(1_900_000), target: SignalTarget.PUBLISHER }));
      await good.alive();
      bad.send('trickle', new P.TrickleRequest({ candidateInit: 'x'.repeat(2_200_000), target: SignalTarget.PUBLISHER }));
      await until('the close', () => bad.closed);
      expect(bad.closed.code).toBe(1009);
      await good.alive();
      const other = await join(name, 'other');
      other.socket.send(Buffer.alloc(12_000_000));
      await until('the close', () => other.closed);
      await good.alive();
      good.close();
    });

    test('text frames are answered in text', async () => {
      const wire = await join(room('json'), 'ana');
      wire.socket.send(JSON.stringify({ pingReq: { timestamp: '4711', rtt: '0' } }));
      const pong = await wire.next('pongResp', (p) => p.lastPingTimestamp === 4711n);
      expect(pong.timestamp).toBeGreaterThan(0n);
      const pongs = () => wire.messages.filter((m) => m.case === 'pongResp').map((m) => Boolean(m.text));
      expect(pongs()).toEqual([true]);
      await wire.alive(); // binary switches back
      expect(pongs()).toEqual([true, false]);
      wire.close();
    });

    test('requests about tracks that do not exist', async () => {
      const name = room('absent');
      const [ana, ben] = [await join(name, 'ana'), await join(name, 'ben')];
      ana.send('mute', new P.MuteTrackRequest({ sid: 'TR_VCnothing', muted: true }));
      ana.send('trackSetting', new P.UpdateTrackSettings({ trackSids: ['TR_VCnothing'], disabled: true }));
      ana.send('subscription', new P.UpdateSubscription({ trackSids: ['TR_VCnothing'], subscribe: true }));
      ana.send('subscriptionPermission', new P.SubscriptionPermission({ allParticipants: false, trackPermissions: [new P.TrackPermission({ participantIdentity: 'nobody', allTracks: true })] }));
      ana.send('updateAudioTrack', new P.UpdateLocalAudioTrack({ trackSid: 'TR_AMnothing' }));
      ana.send('updateVideoTrack', new P.UpdateLocalVideoTrack({ trackSid: 'TR_VCnothing', width: 1, height: 1 }));
      await ana.alive();
      await ben.alive();
      ana.close();
      ben.close();
    });

    test('a thousand tracks announced and never sent', async () => {
      const wire = await join(room('greedy'), 'ana');
      for (let i = 0; i < 1000; i++) wire.send('addTrack', new P.AddTrackRequest({ cid: `cid${i}`, type: TrackType.AUDIO, source: TrackSource.MICROPHONE }));
      const refused = await wire.next('requestResponse', (r) => r.reason === Reason.LIMIT_EXCEEDED, { timeoutMs: 8000 });
      expect(refused.request.case).toBe('addTrack');
      await wire.alive(8000);
      wire.close();
    });
  });
});

describe('across the doors', () => {
  test('both see each other', async () => {
    const name = roomName('across');
    const ana = await Wire.join(server, 'v0', await token(name, 'ana'));
    const ben = await Wire.join(server, 'v1', await token(name, 'ben'));
    expect(ben.hello.otherParticipants.map((p) => p.identity)).toEqual(['ana']);
    await ana.next('update', (u) => u.participants.some((p) => p.identity === 'ben'));
    ana.close();
    ben.close();
  });

  test('paths that do not exist', async () => {
    for (const path of ['/rtc/v2', '/rtc/v2/validate', '/rtc/nothing', '/settings/regions']) {
      const response = await fetch(`${server.http}${path}`);
      expect(response.status, path).toBe(404);
      expect(await response.text()).not.toContain('requested room does not exist');
    }
  });

  test('the root answers probes from anywhere', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(server.http, { method, headers: { origin: 'https://example.org' } });
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      if (method === 'GET') expect((await response.text()).trim()).toBe('OK');
    }
  });

  test('hundreds of participants come and go', async () => {
    const name = roomName('crowd');
    const watcher = await Wire.join(server, 'v1', await token(name, 'watcher'));
    const crowd = await Promise.all(Array.from({ length: 150 }, async (_, i) => Wire.join(server, i % 2 ? 'v0' : 'v1', await token(name, `p${i}`))));
    await until('the watcher to know them all', () => crowd.every((_, i) => watcher.participant(`p${i}`)), { timeoutMs: 15_000 });
    for (const wire of crowd) wire.leave();
    await until('the watcher to see them go', () => crowd.every((_, i) => watcher.participant(`p${i}`).state === State.DISCONNECTED), { timeoutMs: 15_000 });
    await watcher.alive();
    watcher.close();
  });

  test('the url carries everything', () => {
    expect(url(server, 'v0', 'x')).toContain('/rtc?access_token=x');
  });
});
