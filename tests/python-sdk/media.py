"""Pictures and tones that can be recognised again."""

import asyncio
import contextlib

import numpy as np
from livekit import rtc

RATE = 48_000
COLOURS = {"red": (200, 40, 40), "green": (40, 190, 40), "blue": (50, 50, 210), "grey": (128, 128, 128)}


def frame(width, height, left, right):
    """A picture whose left half has one colour and whose right half another."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, : width // 2, :3] = COLOURS[left]
    pixels[:, width // 2 :, :3] = COLOURS[right]
    pixels[:, :, 3] = 255
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, pixels.tobytes())


def colours(picture):
    """The mean colours of both halves of a received frame."""
    picture = picture.convert(rtc.VideoBufferType.RGBA)
    pixels = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 4)[:, :, :3].astype(int)
    quarter, height = picture.width // 4, picture.height
    band = slice(height // 4, 3 * height // 4)
    return [pixels[band, x - 8 : x + 8].mean(axis=(0, 1)) for x in (quarter, 3 * quarter)]


def close(colour, name, tolerance=30):
    return all(abs(a - b) < tolerance for a, b in zip(colour, COLOURS[name]))


def pitch(samples):
    """The strongest frequency of mono samples and the share of the energy around it."""
    window = np.asarray(samples, float) * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(window)) ** 2
    peak = int(spectrum[1:].argmax()) + 1
    around = spectrum[max(1, peak - 3) : peak + 4].sum()
    return peak * RATE / len(samples), around / max(spectrum[1:].sum(), 1e-9)


@contextlib.asynccontextmanager
async def showing(source, picture, fps=15):
    """Feeds the same picture until the block ends."""

    async def feed():
        while True:
            source.capture_frame(picture)
            await asyncio.sleep(1 / fps)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def sounding(source, frequency, amplitude=10_000):
    """Feeds a sine until the block ends."""

    async def feed():
        at = 0
        step = RATE // 100
        while True:
            wave = amplitude * np.sin(2 * np.pi * frequency * (at + np.arange(step)) / RATE)
            at += step
            await source.capture_frame(rtc.AudioFrame(wave.astype(np.int16).tobytes(), RATE, 1, step))

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def look(track, accept, timeout=15.0):
    """The first frame of a track that `accept` takes."""
    stream = rtc.VideoStream(track, capacity=1)
    last = None
    try:
        async with asyncio.timeout(timeout):
            async for event in stream:
                last = (event.frame.width, event.frame.height, [c.round().tolist() for c in colours(event.frame)])
                if accept(event.frame):
                    return event.frame
    except TimeoutError:
        raise AssertionError(f"no acceptable picture within {timeout} s; the last was {last}") from None
    finally:
        await stream.aclose()
    raise AssertionError("the video stream ended")


async def listen(track, frequency, timeout=15.0):
    """Waits until half a second of the track is the tone."""
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    buffer = np.zeros(0, np.int16)
    last = None
    try:
        async with asyncio.timeout(timeout):
            async for event in stream:
                buffer = np.concatenate([buffer, np.frombuffer(event.frame.data, np.int16)])
                if len(buffer) < RATE // 2:
                    continue
                found, purity = pitch(buffer)
                rms = float(np.sqrt(np.mean(buffer.astype(float) ** 2)))
                last = (found, purity, rms)
                if abs(found - frequency) < 6 and purity > 0.7 and rms > 2000:
                    return last
                buffer = buffer[RATE // 10 :]
    except TimeoutError:
        raise AssertionError(f"{frequency} Hz was not heard within {timeout} s; the last was {last}") from None
    finally:
        await stream.aclose()
    raise AssertionError("the audio stream ended")
