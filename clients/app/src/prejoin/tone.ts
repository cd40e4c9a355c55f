interface Sinkable {
  setSinkId?: (id: string) => Promise<void>;
}

/** Plays a short chime on the chosen speaker; resolves when it is over. */
export async function playTone(speakerId: string): Promise<void> {
  const context = new AudioContext();
  try {
    const output = context.createMediaStreamDestination();
    const notes = [523.25, 659.25, 783.99];
    notes.forEach((frequency, index) => {
      const start = context.currentTime + 0.05 + index * 0.22;
      const oscillator = new OscillatorNode(context, { frequency, type: "sine" });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.3, start + 0.03);
      gain.gain.exponentialRampToValueAtTime(0.001, start + 0.6);
      oscillator.connect(gain).connect(output);
      oscillator.start(start);
      oscillator.stop(start + 0.65);
    });
    // An audio element and not the context's own output: only the element can choose a speaker everywhere.
    const audio = new Audio();
    audio.srcObject = output.stream;
    if (speakerId) await (audio as Sinkable).setSinkId?.(speakerId);
    await context.resume();
    await audio.play();
    await new Promise((resolve) => setTimeout(resolve, 1300));
    audio.srcObject = null;
  } finally {
    await context.close();
  }
}
