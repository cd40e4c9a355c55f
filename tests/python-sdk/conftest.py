"""Rooms, clients and what tests wait for. The server is given by LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."""

import asyncio
import contextlib
import os
import time
import uuid

import pytest
from livekit import api, rtc

URL = os.environ["LIVEKIT_URL"]
KEY = os.environ["LIVEKIT_API_KEY"]
SECRET = os.environ["LIVEKIT_API_SECRET"]


def token(room, identity, **grants):
    name = grants.pop("name", identity.capitalize())
    metadata = grants.pop("metadata", "")
    attributes = grants.pop("attributes", {})
    grant = api.VideoGrants(**{"room_join": True, "room": room, **grants})
    return (
        api.AccessToken(KEY, SECRET)
        .with_identity(identity)
        .with_name(name)
        .with_metadata(metadata)
        .with_attributes(attributes)
        .with_grants(grant)
        .to_jwt()
    )


async def until(what, probe, timeout=10.0):
    """Polls until `probe` gives something truthy and returns that."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timed out after {timeout} s waiting for {what}; last: {value!r}")
        await asyncio.sleep(0.05)


class Client:
    """A room with everything that happened in it."""

    def __init__(self):
        self.room = rtc.Room()
        self.events = []
        self.data = []
        self.tracks = {}
        for name in (
            "participant_connected", "participant_disconnected", "track_published", "track_unpublished",
            "track_unsubscribed", "track_muted", "track_unmuted", "participant_attributes_changed",
            "participant_metadata_changed", "participant_name_changed", "room_metadata_changed", "disconnected",
            "reconnecting", "reconnected", "local_track_subscribed", "local_track_unpublished", "active_speakers_changed",
        ):
            self.room.on(name, lambda *args, name=name: self.events.append((name, args)))
        self.room.on("data_received", self.data.append)
        self.room.on("track_subscribed", self._subscribed)

    def _subscribed(self, track, publication, participant):
        self.tracks[(participant.identity, publication.name)] = track
        self.events.append(("track_subscribed", (track, publication, participant)))

    def happened(self, name):
        return [args for event, args in self.events if event == name]

    async def wait(self, name, match=lambda *args: True, timeout=10.0):
        found = await until(name, lambda: [a for a in self.happened(name) if match(*a)], timeout)
        return found[0]

    @property
    def me(self):
        return self.room.local_participant


@pytest.fixture(params=[False, True], ids=["v0", "v1"])
def single(request):
    return request.param


@pytest.fixture
def room_name():
    return f"python-{uuid.uuid4()}"


@pytest.fixture
async def join(single, room_name):
    """`await join("ana")` connects a participant in the mode of the test; all are disconnected afterwards."""
    clients = []

    async def go(identity, options=None, **grants):
        client = Client()
        options = options or rtc.RoomOptions()
        options.single_peer_connection = single
        await client.room.connect(URL, token(room_name, identity, **grants), options)
        clients.append(client)
        return client

    yield go
    for client in clients:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.room.disconnect(), 5)


@pytest.fixture
async def service():
    async with api.LiveKitAPI(URL.replace("ws", "http", 1), KEY, SECRET) as lk:
        yield lk.room
