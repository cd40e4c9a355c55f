/** How something is from where the visitor stands. */
export interface Finding {
  name: string;
  state: "good" | "weak" | "bad";
  sentence: string;
}

const PATIENCE_MS = 6000;

const good = (name: string, sentence: string): Finding => ({ name, state: "good", sentence });
const weak = (name: string, sentence: string): Finding => ({ name, state: "weak", sentence });
const bad = (name: string, sentence: string): Finding => ({ name, state: "bad", sentence });

function secure(): Finding {
  return isSecureContext
    ? good("Secure page", "Browsers give this page camera and microphone.")
    : bad("Secure page", "Browsers give no camera and no microphone to pages over http. Open this page over https.");
}

function webrtc(): Finding {
  return "RTCPeerConnection" in globalThis
    ? good("WebRTC", "This browser can make calls.")
    : bad("WebRTC", "This browser makes no calls: WebRTC is switched off, perhaps by an extension or a policy.");
}

async function server(): Promise<Finding> {
  try {
    const response = await fetch("/healthz", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (response.ok) return good("Server", "The server answers.");
    return bad("Server", `The server answers ${response.status}; it may be starting. Try again in a moment.`);
  } catch {
    return bad(
      "Server",
      "The server cannot be reached. Look at your own connection first, then ask whoever runs the server.",
    );
  }
}

function websocket(): Promise<Finding> {
  const url = new URL("/connection/websocket", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new Promise((done) => {
    const socket = new WebSocket(url);
    const end = (finding: Finding) => {
      clearTimeout(timer);
      socket.close();
      done(finding);
    };
    const blocked = bad(
      "WebSocket",
      "WebSockets do not pass: a proxy or firewall between you and the server holds them up.",
    );
    const timer = setTimeout(() => end(blocked), PATIENCE_MS);
    socket.addEventListener("open", () => end(good("WebSocket", "WebSockets pass.")));
    socket.addEventListener("error", () => end(blocked));
  });
}

/** Whether a server of a list gives a candidate of a kind. */
async function candidate(iceServer: RTCIceServer, type: "relay" | "srflx"): Promise<boolean> {
  const connection = new RTCPeerConnection({
    iceServers: [iceServer],
    ...(type === "relay" ? { iceTransportPolicy: "relay" as const } : {}),
  });
  try {
    return await new Promise<boolean>((done) => {
      setTimeout(() => done(false), PATIENCE_MS);
      connection.addEventListener("icecandidate", ({ candidate: found }) => {
        if (found?.type === type) done(true);
      });
      connection.addEventListener("icegatheringstatechange", () => {
        if (connection.iceGatheringState === "complete") done(false);
      });
      connection.createDataChannel("probe");
      void connection.setLocalDescription();
    });
  } finally {
    connection.close();
  }
}

interface Way {
  name: string;
  fits: (url: string) => boolean;
  yes: string;
  no: string;
}

const WAYS: readonly Way[] = [
  {
    name: "UDP",
    fits: (url) => url.startsWith("turn:") && url.includes("udp"),
    yes: "UDP passes: calls take the best way.",
    no: "UDP does not pass from your network. Calls take TCP instead; if they stutter, ask for UDP to be opened.",
  },
  {
    name: "TCP",
    fits: (url) => url.startsWith("turn:") && url.includes("tcp"),
    yes: "The relay can be reached over TCP.",
    no: "The relay cannot be reached over TCP from your network.",
  },
  {
    name: "TLS",
    fits: (url) => url.startsWith("turns:"),
    yes: "The relay can be reached over TLS, as web pages are.",
    no: "The relay cannot be reached over TLS from your network.",
  },
];

async function relay(): Promise<Finding[]> {
  const response = await fetch("/v1/ice", { cache: "no-store" }).catch(() => null);
  if (response?.status === 401) return [weak("Relay", "The server tells its relay to invited people only.")];
  if (!response?.ok) return [bad("Relay", "The server has no relay: from strict networks calls do not work.")];
  const { iceServers } = (await response.json()) as { iceServers: RTCIceServer[] };
  const all = iceServers.flatMap((entry) => [entry.urls].flat().map((url) => ({ ...entry, urls: url })));
  const tried = WAYS.map(async ({ name, fits, yes, no }): Promise<Finding | null> => {
    const one = all.find(({ urls }) => fits(urls));
    if (!one) return name === "TLS" ? weak(name, "The server offers no relay over TLS.") : null;
    return (await candidate(one, "relay")) ? good(name, yes) : bad(name, no);
  });
  return (await Promise.all(tried)).filter((finding) => finding !== null);
}

/** Tries everything a call needs; `found` hears of each as it is known. */
export async function examine(found: (finding: Finding) => void): Promise<Finding[]> {
  const all: Finding[] = [];
  const note = (finding: Finding) => {
    all.push(finding);
    found(finding);
  };
  note(secure());
  note(webrtc());
  await Promise.all([
    server().then(note),
    websocket().then(note),
    "RTCPeerConnection" in globalThis ? relay().then((some) => some.forEach(note)) : undefined,
  ]);
  return all;
}

/** The one sentence people need. */
export function verdict(all: readonly Finding[]): string {
  const is = (name: string, state: Finding["state"]) => all.some((it) => it.name === name && it.state === state);
  for (const name of ["Server", "WebRTC", "Secure page", "WebSocket"]) {
    const found = all.find((it) => it.name === name && it.state === "bad");
    if (found) return found.sentence;
  }
  const ways = ["UDP", "TCP", "TLS"].filter((name) => is(name, "good"));
  if (ways.length === 0 && all.some(({ name }) => name === "UDP")) {
    return "Your network lets no call through. Try another network, such as a phone's, or ask for the ports of the relay to be opened.";
  }
  if (!is("UDP", "good") && ways.length > 0)
    return "Calls work, over TCP: pictures may stutter when your connection is busy.";
  return "Everything works from here.";
}
