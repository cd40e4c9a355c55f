import { spawn, type ChildProcess } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";

export const DIST = join(import.meta.dirname, "../../dist");

/** The first line that `tandem serve` prints. */
interface Ready {
  http: string;
  udp: number[];
  tcp: number;
  turn: number | null;
}

/** A running Tandem, ours or somebody else's. */
export interface TestNode {
  url: string;
  /** Absent when the node is not ours: then it cannot be killed and restarted. */
  process?: OwnNode;
  stop: () => Promise<void>;
}

/** The node from `TANDEM_URL`, or one started from `TANDEM_BIN`. */
export async function startNode(): Promise<TestNode> {
  const url = process.env["TANDEM_URL"];
  if (url) return { url: url.replace(/\/$/, ""), stop: async () => undefined };
  const binary = process.env["TANDEM_BIN"];
  if (!binary) {
    throw new Error("Set TANDEM_BIN to the tandem binary, or TANDEM_URL to the address of a node started with --dev.");
  }
  const own = new OwnNode(binary);
  await own.start();
  return { url: own.url, process: own, stop: () => own.remove() };
}

/** A node that the tests start, kill and start again. */
export class OwnNode {
  readonly #binary: string;
  #child: ChildProcess | undefined;
  #data: string | undefined;
  #ready: Ready | undefined;
  #log: string[] = [];

  constructor(binary: string) {
    this.#binary = binary;
  }

  get url(): string {
    return (this.#ready?.http ?? "").replace(/\/$/, "");
  }

  /** Starts on free ports the first time, and on the same ports afterwards. */
  async start(): Promise<void> {
    this.#data ??= await mkdtemp(join(tmpdir(), "tandem-test-"));
    const before = this.#ready;
    const ports = before
      ? [
          "--port",
          new URL(before.http).port,
          "--udp-port",
          String(before.udp[0]),
          "--tcp-port",
          String(before.tcp),
          "--turn-port",
          String(before.turn ?? 0),
        ]
      : ["--port", "0", "--udp-port", "0", "--tcp-port", "0", "--turn-port", "0"];
    const child = spawn(this.#binary, ["serve", "--dev", ...ports, "--data", this.#data], {
      stdio: ["ignore", "pipe", "pipe"],
      // Settings of the person who runs the tests must not reach the node; it also refuses names it does not know.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TANDEM_"))),
    });
    this.#child = child;
    child.stderr.on("data", (text: Buffer) => void (this.#log = [...this.#log.slice(-200), text.toString()]));
    this.#ready = await new Promise<Ready>((resolve, reject) => {
      const lines = createInterface({ input: child.stdout });
      lines.once("line", (line) => {
        try {
          resolve(JSON.parse(line) as Ready);
        } catch {
          reject(new Error(`The first line of tandem is not JSON: ${line}`));
        }
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`tandem ended with ${code} before it was ready:\n${this.log}`)));
    });
  }

  get log(): string {
    return this.#log.join("");
  }

  /** Ends the process and waits until it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill("SIGKILL");
    if (process.env["SHOW_NODE_LOG"]) process.stderr.write(this.log);
    if (this.#data) await rm(this.#data, { recursive: true, force: true });
  }
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** The file of the built app that a path means; every page is index.html. */
export function distFile(path: string): { file: string; type: string } {
  const wanted = join(DIST, normalize(path));
  const file =
    wanted.startsWith(DIST) && extname(wanted) !== "" && existsSync(wanted) ? wanted : join(DIST, "index.html");
  return { file, type: TYPES[extname(file)] ?? "application/octet-stream" };
}

/** Serves the built app without a node, for the pages that need none. */
export async function serveDist(): Promise<TestNode> {
  if (!existsSync(join(DIST, "index.html"))) throw new Error("Build the app first: npm run build");
  const server: Server = createServer((request, response) => {
    const { file, type } = distFile(new URL(request.url ?? "/", "http://x").pathname);
    response.writeHead(200, { "Content-Type": type });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A node if one is configured, else only the pages. */
export function startPages(): Promise<TestNode> {
  return process.env["TANDEM_URL"] || process.env["TANDEM_BIN"] ? startNode() : serveDist();
}
