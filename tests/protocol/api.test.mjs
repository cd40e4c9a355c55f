import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessToken } from 'livekit-server-sdk';
import * as P from '@livekit/protocol';
import { API_KEY, API_SECRET, startServer } from '../lib/server.mjs';
import { roomName, roomService, token } from '../lib/token.mjs';
import { until } from '../lib/wait.mjs';
import { Wire } from './client.mjs';

let server;
beforeAll(async () => {
  server = await startServer({ suite: 'protocol' });
});
afterAll(() => server?.stop());

async function admin(grant) {
  const access = new AccessToken(API_KEY, API_SECRET, { identity: 'admin', ttl: '5m' });
  access.addGrant(grant);
  return access.toJwt();
}

async function call(method, body, { grant = { roomCreate: true, roomList: true, roomAdmin: true, room: body?.room }, type = 'application/json', service = 'RoomService', headers = {}, raw } = {}) {
  const response = await fetch(`${server.http}/twirp/livekit.${service}/${method}`, {
    method: 'POST',
    headers: { 'content-type': type, ...(grant ? { authorization: `Bearer ${await admin(grant)}` } : {}), ...headers },
    body: raw ?? JSON.stringify(body),
  });
  const text = await response.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    // not JSON: the test looks at the status
  }
  return { status: response.status, json, text, headers: response.headers };
}

describe('room service', () => {
  test('create, list and delete', async () => {
    const name = roomName('api');
    const service = roomService(server);
    const room = await service.createRoom({ name, emptyTimeout: 120, maxParticipants: 7, metadata: 'hello' });
    expect(room.sid).toMatch(/^RM_/);
    expect(room).toMatchObject({ name, emptyTimeout: 120, maxParticipants: 7, metadata: 'hello' });
    expect((await service.createRoom({ name })).sid).toBe(room.sid);
    expect((await service.listRooms()).map((r) => r.name)).toContain(name);
    expect((await service.listRooms([name, 'absent'])).map((r) => r.sid)).toEqual([room.sid]);
    const wire = await Wire.join(server, 'v1', await token(name, 'ana'));
    expect(wire.hello.room).toMatchObject({ sid: room.sid, metadata: 'hello', maxParticipants: 7 });
    wire.close();
    await service.deleteRoom(name);
    expect(await service.listRooms([name])).toEqual([]);
  });

  test('a full room refuses', async () => {
    const name = roomName('full');
    await roomService(server).createRoom({ name, maxParticipants: 1 });
    const one = await Wire.join(server, 'v1', await token(name, 'one'));
    const two = await Wire.open(server, 'v1', await token(name, 'two'));
    expect(two.refused?.status).toBeGreaterThanOrEqual(400);
    // The same identity takes its own place.
    const again = await Wire.join(server, 'v1', await token(name, 'one'));
    again.close();
    one.close();
  });

  test('protobuf and JSON speak of the same room', async () => {
    const name = roomName('both');
    const binary = await fetch(`${server.http}/twirp/livekit.RoomService/CreateRoom`, {
      method: 'POST',
      headers: { 'content-type': 'application/protobuf', authorization: `Bearer ${await admin({ roomCreate: true })}` },
      body: new P.CreateRoomRequest({ name, metadata: 'x' }).toBinary(),
    });
    expect(binary.status).toBe(200);
    expect(binary.headers.get('content-type')).toContain('application/protobuf');
    const room = P.Room.fromBinary(new Uint8Array(await binary.arrayBuffer()));
    const listed = await call('ListRooms', { names: [name] });
    expect(listed.json.rooms[0]).toMatchObject({ sid: room.sid, name, metadata: 'x', num_participants: 0 });
    // Names of fields in either spelling.
    for (const body of [{ room: name, metadata: 'snake' }, { room: name, metadata: 'camel', unknownField: 1 }]) {
      expect((await call('UpdateRoomMetadata', body)).json.metadata).toBe(body.metadata);
    }
    const camel = await call('CreateRoom', { name: `${name}-2`, emptyTimeout: 77 });
    expect(camel.json.empty_timeout).toBe(77);
    const snake = await call('CreateRoom', { name: `${name}-3`, empty_timeout: 78 });
    expect(snake.json.empty_timeout).toBe(78);
  });

  test.each([
    ['delete an absent room', 'DeleteRoom', { room: 'absent' }, {}, 404, 'not_found'],
    ['get an absent participant', 'GetParticipant', { room: 'absent', identity: 'x' }, {}, 404, 'not_found'],
    ['remove an absent participant', 'RemoveParticipant', { room: 'absent', identity: 'x' }, {}, 404, 'not_found'],
    ['no token', 'ListRooms', {}, { grant: null }, 401, 'unauthenticated'],
    ['a wrong grant', 'CreateRoom', { name: 'x' }, { grant: { roomList: true } }, 401, 'unauthenticated'],
    ['admin of another room', 'ListParticipants', { room: 'a' }, { grant: { roomAdmin: true, room: 'b' } }, 401, 'unauthenticated'],
    ['a join token', 'DeleteRoom', { room: 'a' }, { grant: { roomJoin: true, room: 'a' } }, 401, 'unauthenticated'],
    ['an unknown method', 'Nothing', {}, {}, 404, 'bad_route'],
    ['an unknown service', 'ListRooms', {}, { service: 'NoService' }, 404, 'bad_route'],
    ['an unknown content type', 'ListRooms', {}, { type: 'text/plain' }, 404, 'bad_route'],
    ['a room without name', 'CreateRoom', {}, {}, 400, 'invalid_argument'],
  ])('%s', async (label, method, body, options, status, code) => {
    const answer = await call(method, body, options);
    expect(answer.status, answer.text).toBe(status);
    expect(answer.json.code).toBe(code);
    expect(typeof answer.json.msg).toBe('string');
  });

  test('bodies that are no request', async () => {
    for (const raw of ['', '{', '[]', '"x"', 'nonsense']) {
      const answer = await call('ListRooms', null, { raw, grant: { roomList: true } });
      if (raw !== '') expect(answer.status, raw).toBe(400);
      expect(answer.status).toBeLessThan(500);
    }
    const answer = await call('ListRooms', null, { raw: Buffer.from([0xff, 0xff, 0xff]), type: 'application/protobuf', grant: { roomList: true } });
    expect(answer.status).toBe(400);
  });

  test('a body beyond ten mebibytes is too much', async () => {
    const answer = await call('UpdateRoomMetadata', { room: 'x', metadata: 'x'.repeat(11_000_000) }).catch((error) => ({ status: 413, error }));
    expect(answer.status).toBe(413);
    expect((await call('ListRooms', {})).status).toBe(200);
  });

  test('a preflight from a page of another origin', async () => {
    const response = await fetch(`${server.http}/twirp/livekit.RoomService/ListRooms`, {
      method: 'OPTIONS',
      headers: { origin: 'https://example.org', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    });
    expect(response.status).toBeLessThan(300);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toBeTruthy();
  });

  test('participants', async () => {
    const name = roomName('people');
    const service = roomService(server);
    const ana = await Wire.join(server, 'v1', await token(name, 'ana', { metadata: 'm' }));
    const spy = await Wire.join(server, 'v0', await token(name, 'spy', { grant: { hidden: true } }));
    expect((await service.listParticipants(name)).map((p) => p.identity).sort()).toEqual(['ana', 'spy']);
    expect(await service.getParticipant(name, 'ana')).toMatchObject({ sid: ana.sid, metadata: 'm' });
    const changed = await service.updateParticipant(name, 'ana', { metadata: 'n', name: 'Ana', attributes: { a: '1' } });
    expect(changed).toMatchObject({ metadata: 'n', name: 'Ana', attributes: { a: '1' } });
    await until('ana to be told', () => ana.participant('ana')?.metadata === 'n');
    const down = await service.updateParticipant(name, 'ana', { permission: { canPublish: false, canSubscribe: true } });
    expect(down.permission).toMatchObject({ canPublish: false, canSubscribe: true });
    await until('ana to know', () => ana.participant('ana').permission.canPublish === false);
    await expect(service.mutePublishedTrack(name, 'ana', 'TR_nothing', true)).rejects.toMatchObject({ code: 'not_found' });
    await expect(service.updateParticipant(name, 'ana', { metadata: 'x'.repeat(600_000) })).rejects.toMatchObject({ code: 'invalid_argument' });
    ana.close();
    spy.close();
  });

  test('what is not offered says so', async () => {
    for (const [service, method] of [['Egress', 'ListEgress'], ['Ingress', 'ListIngress'], ['SIP', 'ListSIPTrunk'], ['AgentDispatchService', 'ListDispatch']]) {
      const answer = await call(method, {}, { service, grant: { roomRecord: true, ingressAdmin: true, roomAdmin: true, room: '' } });
      expect(answer.status, `${service}/${method}: ${answer.text}`).toBe(501);
      expect(answer.json.code).toBe('unimplemented');
    }
    for (const method of ['MoveParticipant', 'ForwardParticipant']) {
      const answer = await call(method, { room: 'a', identity: 'x', destination_room: 'b' }, { grant: { roomAdmin: true, room: 'a', destinationRoom: 'b' } });
      expect(answer.status, `${method}: ${answer.text}`).toBe(501);
    }
  });
});

describe('the life of a room', () => {
  test('it ends after the last one has left and is a new one afterwards', async () => {
    const name = roomName('life');
    const service = roomService(server);
    await service.createRoom({ name, departureTimeout: 1, emptyTimeout: 1 });
    const first = await Wire.join(server, 'v1', await token(name, 'ana'));
    const { sid } = first.hello.room;
    first.leave();
    await until('the room to end', async () => (await service.listRooms([name])).length === 0, { timeoutMs: 8000 });
    const second = await Wire.join(server, 'v1', await token(name, 'ana'));
    expect(second.hello.room.sid).not.toBe(sid);
    second.close();
  });

  test('a room nobody enters ends too', async () => {
    const name = roomName('empty');
    const service = roomService(server);
    await service.createRoom({ name, emptyTimeout: 1 });
    await until('the room to end', async () => (await service.listRooms([name])).length === 0, { timeoutMs: 8000 });
  });

  test('health and readiness', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await fetch(`${server.http}${path}`)).status, path).toBe(200);
    const metrics = await (await fetch(`${server.http}/metrics`)).text();
    expect(metrics).toMatch(/^tandem_/m);
  });

  test('SIGTERM tells everyone and exits in peace', async () => {
    const other = await startServer({ suite: 'protocol' });
    const wire = await Wire.join(other, 'v1', await token('drain', 'ana'));
    process.kill(other.pid, 'SIGTERM');
    const leave = await wire.next('leave');
    expect([P.LeaveRequest_Action.RECONNECT, P.LeaveRequest_Action.RESUME]).toContain(leave.action);
    const exit = await Promise.race([other.gone, new Promise((done) => setTimeout(done, 10_000, 'still there'))]);
    expect(exit).toEqual({ code: 0, signal: null });
    await other.stop().catch(() => {});
  });
});
