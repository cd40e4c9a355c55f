/** What this browser remembers between visits. Nothing of it leaves the browser. */
export interface Remembered {
  name: string;
  theme: "light" | "dark" | "";
  microphone: string;
  camera: string;
  speaker: string;
  /** "on" or "off": how the person joined last time. */
  joinMicrophone: string;
  joinCamera: string;
  shortcuts: string;
  layout: string;
}

const PREFIX = "tandem.";

/** Private windows and strict settings make storage throw; forgetting is then the right behaviour. */
export function recall(key: keyof Remembered): string {
  try {
    return localStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

export function remember(key: keyof Remembered, value: string): void {
  try {
    if (value === "") localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // See `recall`.
  }
}
