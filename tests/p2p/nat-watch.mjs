/**
 * Runs in a page: looks all the time whether somebody is seen and heard, and what the page says of the way. `notes()` then tells
 * the interruptions so far, the words of the page and since when, all in ms, and in which states the meeting was.
 */
export function watch(name) {
  // A beep comes twice a second, so a shorter silence is none.
  const SECOND = 1000;
  const began = performance.now();
  const context = new AudioContext();
  const analysers = new WeakMap();
  const samples = new Float32Array(2048);
  const last = { picture: null, sound: null };
  const interruptions = { picture: [], sound: [] };
  const words = [];
  const statuses = new Set();
  const watched = new WeakSet();
  const pictures = new Set();

  // The clock of a video goes on without pictures, so each of them is noted.
  function sees() {
    const video = document.querySelector(`[data-testid=tile][data-name="${name}"] video`);
    if (video && !watched.has(video)) follow(video);
    return pictures.delete(video);
  }
  function follow(video) {
    watched.add(video);
    video.requestVideoFrameCallback(() => (pictures.add(video), follow(video)));
  }
  function sounds(audio) {
    const stream = audio.srcObject;
    if (audio.muted || audio.paused || !stream?.getAudioTracks().length) return false;
    const analyser = analysers.get(stream) ?? context.createAnalyser();
    if (!analysers.has(stream)) context.createMediaStreamSource(stream).connect(analyser);
    analysers.set(stream, analyser);
    analyser.getFloatTimeDomainData(samples);
    return samples.some((sample) => Math.abs(sample) > 0.01);
  }
  function note(kind, comes, now) {
    if (!comes) return;
    if (last[kind] !== null && now - last[kind] > SECOND) interruptions[kind].push({ at: Math.round(last[kind] - began), ms: Math.round(now - last[kind]) });
    last[kind] = now;
  }
  function look() {
    const now = performance.now();
    note('picture', sees(), now);
    note('sound', [...document.querySelectorAll('audio')].some(sounds), now);
    const says = document.querySelector('[data-testid=path]')?.textContent.trim() ?? '';
    if (words.at(-1)?.says !== says) words.push({ at: Math.round(now - began), says });
    statuses.add(document.querySelector('[data-testid=meeting]')?.dataset.status ?? 'gone');
  }
  void context.resume();
  setInterval(look, 20);
  globalThis.notes = () => {
    const now = performance.now();
    const flows = Object.values(last).every((at) => at !== null && now - at < SECOND);
    return { flows, ...interruptions, words, statuses: [...statuses] };
  };
}
