import asyncio

import aiohttp
import pytest
from conftest import KEY, SECRET, URL, until
from livekit import api, rtc
from livekit.rtc.participant import PublishTrackError
from media import RATE, sounding
from test_media import heard, publish_audio, track_of


async def test_rooms(service, room_name):
    room = await service.create_room(api.CreateRoomRequest(name=room_name, empty_timeout=90, max_participants=5, metadata="m"))
    assert room.sid.startswith("RM_") and room.name == room_name
    assert (room.empty_timeout, room.max_participants, room.metadata) == (90, 5, "m")
    assert (await service.create_room(api.CreateRoomRequest(name=room_name))).sid == room.sid
    listed = await service.list_rooms(api.ListRoomsRequest(names=[room_name]))
    assert [r.sid for r in listed.rooms] == [room.sid]
    assert room_name in [r.name for r in (await service.list_rooms(api.ListRoomsRequest())).rooms]
    await service.delete_room(api.DeleteRoomRequest(room=room_name))
    assert not (await service.list_rooms(api.ListRoomsRequest(names=[room_name]))).rooms
    with pytest.raises(api.TwirpError) as error:
        await service.delete_room(api.DeleteRoomRequest(room=room_name))
    assert error.value.code == api.TwirpErrorCode.NOT_FOUND


async def test_participants(join, service, room_name):
    ana, ben = await join("ana", metadata="m"), await join("ben")
    listed = await service.list_participants(api.ListParticipantsRequest(room=room_name))
    assert sorted(p.identity for p in listed.participants) == ["ana", "ben"]
    got = await service.get_participant(api.RoomParticipantIdentity(room=room_name, identity="ana"))
    assert (got.sid, got.metadata, got.name) == (ana.me.sid, "m", "Ana")
    await service.remove_participant(api.RoomParticipantIdentity(room=room_name, identity="ben"))
    (reason,) = await ben.wait("disconnected")
    assert reason == rtc.DisconnectReason.PARTICIPANT_REMOVED
    await ana.wait("participant_disconnected", lambda p: p.identity == "ben")
    for call, request in [
        (service.get_participant, api.RoomParticipantIdentity(room=room_name, identity="ben")),
        (service.remove_participant, api.RoomParticipantIdentity(room=room_name, identity="ben")),
    ]:
        with pytest.raises(api.TwirpError) as error:
            await call(request)
        assert error.value.code == api.TwirpErrorCode.NOT_FOUND
    await service.delete_room(api.DeleteRoomRequest(room=room_name))
    (reason,) = await ana.wait("disconnected")
    assert reason == rtc.DisconnectReason.ROOM_DELETED


async def test_mute(join, service, room_name):
    ana, ben = await join("ana"), await join("ben")
    _, publication = await publish_audio(ana)
    await track_of(ben, "ana", "tone")
    answer = await service.mute_published_track(
        api.MuteRoomTrackRequest(room=room_name, identity="ana", track_sid=publication.sid, muted=True)
    )
    assert answer.track.muted
    await ben.wait("track_muted")
    await until("ana to know", lambda: publication.muted or ana.happened("track_muted"))
    with pytest.raises(api.TwirpError) as error:
        await service.mute_published_track(
            api.MuteRoomTrackRequest(room=room_name, identity="ana", track_sid="TR_AMnothing", muted=True)
        )
    assert error.value.code == api.TwirpErrorCode.NOT_FOUND


async def test_update_participant_and_room(join, service, room_name):
    ana, ben = await join("ana"), await join("ben")
    info = await service.update_participant(
        api.UpdateParticipantRequest(room=room_name, identity="ana", metadata="set", name="Set", attributes={"k": "v"})
    )
    assert (info.metadata, info.name, dict(info.attributes)) == ("set", "Set", {"k": "v"})
    seen = await until("ana", lambda: ben.room.remote_participants.get("ana"))
    await until("ben to see it", lambda: (seen.metadata, seen.name, seen.attributes) == ("set", "Set", {"k": "v"}))
    await until("ana to see it", lambda: ana.me.metadata == "set")
    room = await service.update_room_metadata(api.UpdateRoomMetadataRequest(room=room_name, metadata="plan"))
    assert room.metadata == "plan"
    for client in (ana, ben):
        await client.wait("room_metadata_changed", lambda old, new: new == "plan")
        assert client.room.metadata == "plan"


async def test_permissions(join, service, room_name):
    ana, ben = await join("ana"), await join("ben")
    _, publication = await publish_audio(ana)
    await track_of(ben, "ana", "tone")
    await service.update_participant(
        api.UpdateParticipantRequest(
            room=room_name, identity="ana", permission=api.ParticipantPermission(can_subscribe=True, can_publish=False)
        )
    )
    await ben.wait("track_unpublished")
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("again", source)
    with pytest.raises(PublishTrackError):
        await ana.me.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))


async def packets(track):
    stats = [s.inbound_rtp for s in await track.get_stats() if s.WhichOneof("stats") == "inbound_rtp"]
    return stats[0].received.packets_received if stats else 0


async def arrives(track):
    before = await packets(track)
    await asyncio.sleep(0.5)
    return await packets(track) > before + 5


async def stays_away(track):
    before = await packets(track)
    await asyncio.sleep(0.7)
    return await packets(track) == before


async def test_subscriptions_and_data(join, service, room_name):
    ana, ben = await join("ana"), await join("ben")
    source, publication = await publish_audio(ana)
    await track_of(ben, "ana", "tone")
    request = api.UpdateSubscriptionsRequest(room=room_name, identity="ben", track_sids=[publication.sid], subscribe=False)
    track = ben.tracks[("ana", "tone")]
    async with sounding(source, 440):
        await until("packets", lambda: arrives(track))
        # The client is not told in words: nothing comes any more.
        await service.update_subscriptions(request)
        await until("no more packets", lambda: stays_away(track))
        request.subscribe = True
        await service.update_subscriptions(request)
        await until("ben to hear it again", lambda: heard(ben, 440), 15)

    await service.send_data(
        api.SendDataRequest(room=room_name, data=b"to ben", destination_identities=["ben"], topic="t", kind=api.DataPacket.Kind.RELIABLE)
    )
    await service.send_data(api.SendDataRequest(room=room_name, data=b"to all", kind=api.DataPacket.Kind.RELIABLE))
    await until("ben", lambda: len(ben.data) == 2)
    await until("ana", lambda: len(ana.data) == 1)
    assert [(d.data, d.participant) for d in ben.data] == [(b"to ben", None), (b"to all", None)]


async def test_grants_are_checked(room_name):
    grants = api.VideoGrants(room_join=True, room=room_name)
    jwt = api.AccessToken(KEY, SECRET).with_identity("x").with_grants(grants).to_jwt()
    async with aiohttp.ClientSession() as session:
        url = URL.replace("ws", "http", 1) + "/twirp/livekit.RoomService/ListRooms"
        async with session.post(url, json={}, headers={"Authorization": f"Bearer {jwt}"}) as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == "unauthenticated"
