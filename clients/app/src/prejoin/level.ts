/** Calls back about 60 times a second with the loudness of a stream, 0 to 1; returns how to stop, once or more often. */
export function watchLevel(stream: MediaStream, callback: (level: number) => void): () => void {
  const context = new AudioContext();
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  let shown = 0;
  const measure = () => {
    analyser.getFloatTimeDomainData(samples);
    const level = loudness(samples);
    // Up at once, down slowly: a meter that flickers cannot be read.
    shown = Math.max(level, shown * 0.88);
    frame = requestAnimationFrame(measure);
    // Last, because it may stop the meter.
    callback(shown);
  };
  measure();
  // Without a click the browser keeps audio code asleep; the first one wakes it.
  const wake = () => void context.resume();
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    cancelAnimationFrame(frame);
    removeEventListener("pointerdown", wake);
    removeEventListener("keydown", wake);
    source.disconnect();
    void context.close();
  };
}

/** Root mean square in decibels, mapped so that -55 dB is 0 and -10 dB is 1. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < samples.length; index += 1) sum += (samples[index] ?? 0) ** 2;
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-10);
  return Math.min(1, Math.max(0, (decibels + 55) / 45));
}
