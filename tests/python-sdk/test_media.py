import asyncio

import pytest
from conftest import until
from livekit import rtc
from livekit.rtc._proto import room_pb2
from media import RATE, close, colours, frame, listen, look, showing, sounding


async def publish_video(client, width=320, height=180, **options):
    source = rtc.VideoSource(width, height)
    track = rtc.LocalVideoTrack.create_video_track("picture", source)
    options = {"source": rtc.TrackSource.SOURCE_CAMERA, "simulcast": False, **options}
    publication = await client.me.publish_track(track, rtc.TrackPublishOptions(**options))
    return source, publication


async def publish_audio(client, **options):
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    options = {"source": rtc.TrackSource.SOURCE_MICROPHONE, "dtx": False, **options}
    publication = await client.me.publish_track(track, rtc.TrackPublishOptions(**options))
    return source, publication


async def track_of(client, identity, name, timeout=10.0):
    return await until(f"{name} of {identity}", lambda: client.tracks.get((identity, name)), timeout)


async def test_picture_and_tone(join):
    ana, ben = await join("ana"), await join("ben")
    video, video_publication = await publish_video(ana)
    audio, audio_publication = await publish_audio(ana)
    async with showing(video, frame(320, 180, "red", "blue")), sounding(audio, 440):
        # Agents wait here until somebody listens.
        await asyncio.wait_for(video_publication.wait_for_subscription(), 10)
        await asyncio.wait_for(audio_publication.wait_for_subscription(), 10)
        picture = await look(await track_of(ben, "ana", "picture"), lambda f: f.width == 320 and close(colours(f)[0], "red"))
        assert (picture.width, picture.height) == (320, 180)
        assert close(colours(picture)[1], "blue")
        await listen(await track_of(ben, "ana", "tone"), 440)
    remote = ben.room.remote_participants["ana"]
    assert {p.source for p in remote.track_publications.values()} == {
        rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_MICROPHONE,
    }


async def test_both_ways_and_late(join):
    ana = await join("ana")
    video, _ = await publish_video(ana)
    audio, _ = await publish_audio(ana)
    async with showing(video, frame(320, 180, "green", "grey")), sounding(audio, 700):
        ben = await join("ben")
        back, _ = await publish_audio(ben)
        async with sounding(back, 1200):
            await look(await track_of(ben, "ana", "picture"), lambda f: close(colours(f)[0], "green") and close(colours(f)[1], "grey"))
            await listen(await track_of(ben, "ana", "tone"), 700)
            await listen(await track_of(ana, "ben", "tone"), 1200)


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_codecs(join, codec):
    ana, ben = await join("ana"), await join("ben")
    source, publication = await publish_video(ana, video_codec=getattr(rtc.VideoCodec, codec))
    async with showing(source, frame(320, 180, "blue", "green")):
        await look(await track_of(ben, "ana", "picture"), lambda f: close(colours(f)[0], "blue") and close(colours(f)[1], "green"), 20)
        mime = ben.room.remote_participants["ana"].track_publications[publication.sid].mime_type
        assert mime.lower() == f"video/{codec.lower()}"


async def test_simulcast_quality(join):
    ana, ben = await join("ana"), await join("ben")
    source, _ = await publish_video(ana, 1280, 720, simulcast=True)
    async with showing(source, frame(1280, 720, "red", "green"), fps=10):
        track = await track_of(ben, "ana", "picture")
        publication = next(iter(ben.room.remote_participants["ana"].track_publications.values()))
        assert publication.simulcasted
        await look(track, lambda f: f.width == 1280, 30)
        publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
        low = await look(track, lambda f: f.width <= 480, 20)
        assert close(colours(low)[0], "red") and close(colours(low)[1], "green")
        publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_HIGH)
        await look(track, lambda f: f.width == 1280, 20)


async def test_subscribe_by_hand(join):
    ana = await join("ana")
    ben = await join("ben", rtc.RoomOptions(auto_subscribe=False))
    source, publication = await publish_video(ana)
    async with showing(source, frame(320, 180, "red", "blue")):
        await ben.wait("track_published")
        await asyncio.sleep(1)
        assert not ben.happened("track_subscribed")
        remote = ben.room.remote_participants["ana"].track_publications[publication.sid]
        remote.set_subscribed(True)
        await look(await track_of(ben, "ana", "picture"), lambda f: close(colours(f)[0], "red"))
        remote.set_subscribed(False)
        await ben.wait("track_unsubscribed")


async def test_mute_and_unpublish(join):
    ana, ben = await join("ana"), await join("ben")
    source, publication = await publish_audio(ana)
    async with sounding(source, 600):
        await listen(await track_of(ben, "ana", "tone"), 600)
        publication.track.mute()
        await ben.wait("track_muted", lambda participant, _: participant.identity == "ana")
        publication.track.unmute()
        await ben.wait("track_unmuted", lambda participant, _: participant.identity == "ana")
        await listen(await track_of(ben, "ana", "tone"), 600)
        await ana.me.unpublish_track(publication.sid)
        await ben.wait("track_unpublished")
        assert not ben.room.remote_participants["ana"].track_publications
        ben.tracks.clear()
    again, _ = await publish_audio(ana)
    async with sounding(again, 900):
        await listen(await track_of(ben, "ana", "tone"), 900)


@pytest.mark.parametrize("scenario", ["SIMULATE_SIGNAL_RECONNECT", "SIMULATE_FULL_RECONNECT", "SIMULATE_NODE_FAILURE", "SIMULATE_MIGRATION"])
async def test_reconnect_keeps_media(join, scenario):
    ana, ben = await join("ana"), await join("ben")
    source, _ = await publish_audio(ana)
    async with sounding(source, 500):
        await listen(await track_of(ben, "ana", "tone"), 500)
        await ana.room.simulate_scenario(getattr(room_pb2, scenario))
        await ana.wait("reconnected", timeout=25)
        await until("the track to be there", lambda: ("ana" in ben.room.remote_participants) and ben.room.remote_participants["ana"].track_publications, 15)
        await until("ben to hear it again", lambda: heard(ben, 500), 25)
        await ana.me.publish_data(b"still here")
        await until("data", lambda: any(d.data == b"still here" for d in ben.data))


async def heard(client, frequency):
    track = client.tracks.get(("ana", "tone"))
    try:
        return await listen(track, frequency, 3)
    except AssertionError:
        return None


async def test_no_packet_is_lost(join):
    """Five seconds of audio: every packet arrives."""
    ana, ben = await join("ana"), await join("ben")
    source, _ = await publish_audio(ana)
    async with sounding(source, 440):
        track = await track_of(ben, "ana", "tone")
        await listen(track, 440)

        async def inbound():
            return next((s.inbound_rtp for s in await track.get_stats() if s.WhichOneof("stats") == "inbound_rtp"), None)

        async def enough():
            stats = await inbound()
            return stats if stats and stats.received.packets_received > 250 else None

        stats = await until("250 packets", enough, 20)
        assert stats.received.packets_lost == 0
