import asyncio
import os

import pytest
from conftest import until
from livekit import rtc


async def test_everyone_targeted_and_topics(join):
    ana, ben, cem = await join("ana"), await join("ben"), await join("cem")
    await ana.me.publish_data(b"all", topic="news")
    await ana.me.publish_data(b"ben only", destination_identities=["ben"])
    await ana.me.publish_data("both", destination_identities=["ben", "cem"], topic="t")
    await until("ben", lambda: len(ben.data) == 3)
    await until("cem", lambda: len(cem.data) == 2)
    assert [(d.data, d.topic or "") for d in ben.data] == [(b"all", "news"), (b"ben only", ""), (b"both", "t")]
    assert [(d.data, d.topic or "") for d in cem.data] == [(b"all", "news"), (b"both", "t")]
    assert all(d.participant.identity == "ana" for d in ben.data + cem.data)
    assert not ana.data


async def test_order_and_lossy(join):
    ana, ben = await join("ana"), await join("ben")
    for i in range(500):
        await ana.me.publish_data(str(i))
    await until("500 messages", lambda: len(ben.data) >= 500, 20)
    assert [d.data for d in ben.data] == [str(i).encode() for i in range(500)]
    assert all(d.kind == rtc.DataPacketKind.KIND_RELIABLE for d in ben.data)
    ben.data.clear()
    for i in range(50):
        await ana.me.publish_data(str(i), reliable=False)
        await asyncio.sleep(0.01)
    await until("most of the lossy ones", lambda: len(ben.data) >= 45)
    assert all(d.kind == rtc.DataPacketKind.KIND_LOSSY for d in ben.data)


async def test_large(join):
    ana, ben = await join("ana"), await join("ben")
    payload = os.urandom(14_000)
    await ana.me.publish_data(payload)
    await until("the message", lambda: ben.data)
    assert ben.data[0].data == payload


async def test_streams(join):
    ana, ben = await join("ana"), await join("ben")
    texts, files = [], []

    def on_text(reader, identity):
        async def read():
            texts.append((identity, await reader.read_all(), reader.info.attributes))

        asyncio.create_task(read())

    def on_bytes(reader, identity):
        async def read():
            files.append((identity, b"".join([chunk async for chunk in reader])))

        asyncio.create_task(read())

    ben.room.register_text_stream_handler("notes", on_text)
    ben.room.register_byte_stream_handler("files", on_bytes)
    await ana.me.send_text("hello", topic="notes", attributes={"a": "b"})
    long = "äöü" * 40_000
    await ana.me.send_text(long, topic="notes")
    blob = os.urandom(150_000)
    writer = await ana.me.stream_bytes("noise.bin", topic="files")
    await writer.write(blob)
    await writer.aclose()
    await until("the texts", lambda: len(texts) == 2)
    await until("the file", lambda: len(files) == 1)
    assert sorted(texts, key=lambda t: len(t[1]))[0] == ("ana", "hello", {"a": "b"})
    assert sorted(texts, key=lambda t: len(t[1]))[1][1] == long
    assert files == [("ana", blob)]


async def test_rpc(join):
    ana, ben = await join("ana"), await join("ben")

    @ben.me.register_rpc_method("double")
    async def double(data):
        return data.payload * 2

    @ben.me.register_rpc_method("refuse")
    async def refuse(data):
        raise rtc.RpcError(1999, "no", "details")

    assert await ana.me.perform_rpc(destination_identity="ben", method="double", payload="ab") == "abab"
    large = "x" * 9000
    assert await ana.me.perform_rpc(destination_identity="ben", method="double", payload=large) == large * 2
    with pytest.raises(rtc.RpcError) as error:
        await ana.me.perform_rpc(destination_identity="ben", method="refuse", payload="")
    assert (error.value.code, error.value.message, error.value.data) == (1999, "no", "details")
    with pytest.raises(rtc.RpcError) as error:
        await ana.me.perform_rpc(destination_identity="ben", method="missing", payload="")
    assert error.value.code == 1400


async def test_data_track(join):
    ana, ben = await join("ana"), await join("ben")
    got = []

    def published(track):
        async def read():
            stream = track.subscribe()
            if asyncio.iscoroutine(stream):
                stream = await stream
            async for frame in stream:
                got.append(bytes(frame.payload))

        asyncio.create_task(read())

    ben.room.on("data_track_published", published)
    track = await ana.me.publish_data_track(name="numbers")
    end = asyncio.get_running_loop().time() + 10
    sent = 0
    while len(got) < 20 and asyncio.get_running_loop().time() < end:
        track.try_push(rtc.DataTrackFrame(payload=f"frame {sent}".encode()))
        sent += 1
        await asyncio.sleep(0.02)
    assert len(got) >= 20
    numbers = [int(g.split()[1]) for g in got]
    assert numbers == sorted(numbers)


async def test_attributes_and_metadata(join):
    ana = await join("ana", can_update_own_metadata=True, metadata="m0", attributes={"keep": "1", "drop": "2"})
    ben = await join("ben")
    seen = ben.room.remote_participants["ana"]
    assert (seen.name, seen.metadata, seen.attributes) == ("Ana", "m0", {"keep": "1", "drop": "2"})
    await ana.me.set_attributes({"drop": "", "fresh": "3"})
    await until("the attributes", lambda: seen.attributes == {"keep": "1", "fresh": "3"})
    await ana.me.set_metadata("m1")
    await ana.me.set_name("Anna")
    await until("metadata", lambda: seen.metadata == "m1")
    await until("name", lambda: seen.name == "Anna")
    assert seen.attributes == {"keep": "1", "fresh": "3"}


async def test_clean_disconnects(join):
    ana, ben = await join("ana"), await join("ben")
    assert set(ana.room.remote_participants) == {"ben"} or await until("ben", lambda: "ben" in ana.room.remote_participants)
    assert (await ana.room.sid).startswith("RM_")
    await ben.room.disconnect()
    await ana.wait("participant_disconnected", lambda p: p.identity == "ben", timeout=3)
    assert not ana.room.remote_participants
    again = await join("ben")
    await until("ben again", lambda: "ben" in ana.room.remote_participants)
    await ana.room.disconnect()
    await again.wait("participant_disconnected", lambda p: p.identity == "ana", timeout=3)


async def test_a_token_that_is_refused(single, room_name):
    from conftest import URL, Client, token

    for jwt in ["nonsense", token(room_name, "ana", room_join=False)]:
        client = Client()
        with pytest.raises(rtc.ConnectError):
            await client.room.connect(URL, jwt, rtc.RoomOptions(single_peer_connection=single))
