/** What this browser can do, asked by feature and never by its name. */
export interface Support {
  /** Whether the page is https or localhost; without it there is no camera and no microphone. */
  secureContext: boolean;
  webrtc: boolean;
  /** `getUserMedia`. */
  capture: boolean;
  screenShare: boolean;
  /** Whether sound can be sent to a speaker of one's choice. */
  speakerChoice: boolean;
  /** Only for wording: which browser's address bar a repair text should describe. */
  browser: "chromium" | "firefox" | "safari" | "other";
  /** Only for wording: which system's settings a repair text should describe. */
  system: "windows" | "macos" | "linux" | "android" | "ios" | "other";
}

/** Examines the browser that runs this. */
export function support(): Support {
  const agent = typeof navigator === "undefined" ? "" : navigator.userAgent;
  const media = typeof navigator === "undefined" ? undefined : navigator.mediaDevices;
  const touchPoints = typeof navigator === "undefined" ? 0 : (navigator.maxTouchPoints ?? 0);
  return {
    secureContext: globalThis.isSecureContext ?? false,
    webrtc: typeof globalThis.RTCPeerConnection === "function",
    capture: typeof media?.getUserMedia === "function",
    screenShare: typeof media?.getDisplayMedia === "function",
    speakerChoice: typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype,
    browser: browserFrom(agent),
    system: systemFrom(agent, touchPoints),
  };
}

/** The browser family in a user agent string. */
export function browserFrom(agent: string): Support["browser"] {
  if (/Firefox|FxiOS/.test(agent)) return "firefox";
  if (/Chrome|Chromium|CriOS|Edg/.test(agent)) return "chromium";
  if (/Safari/.test(agent)) return "safari";
  return "other";
}

/** The operating system in a user agent string. iPads say they are Macs; Macs have no touch screen. */
export function systemFrom(agent: string, touchPoints = 0): Support["system"] {
  if (/iPhone|iPad|iPod/.test(agent)) return "ios";
  if (/Macintosh/.test(agent)) return touchPoints > 1 ? "ios" : "macos";
  if (/Android/.test(agent)) return "android";
  if (/Windows/.test(agent)) return "windows";
  if (/Linux|CrOS/.test(agent)) return "linux";
  return "other";
}
