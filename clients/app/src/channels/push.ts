import { TandemError } from "tandem-client";

const DEVICE = "tandem.push.device";

/** A name for this browser that says nothing about it. */
function device(): string {
  const known = localStorage.getItem(DEVICE);
  if (known) return known;
  const fresh = crypto.randomUUID();
  localStorage.setItem(DEVICE, fresh);
  return fresh;
}

async function worker(): Promise<ServiceWorkerRegistration> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    throw new TandemError("unsupported_browser", "This browser cannot receive notifications while the page is closed.");
  }
  await navigator.serviceWorker.register("/push-worker.js");
  return navigator.serviceWorker.ready;
}

async function tell(method: "POST" | "DELETE", channel: string, subscription: PushSubscription): Promise<void> {
  const response = await fetch("/v1/push/subscriptions", {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ channel, subscription: subscription.toJSON(), device: device() }),
  });
  if (!response.ok) throw new TandemError("bad_answer", "The server did not take the subscription.");
}

/** From now on notifications come when the page is closed, too. */
export async function startPush(channel: string): Promise<void> {
  const answer = await fetch("/v1/push/key");
  if (!answer.ok) throw new TandemError("not_found", "This server sends no notifications to closed pages.");
  const { key } = (await answer.json()) as { key: string };
  if ((await Notification.requestPermission()) !== "granted") {
    throw new TandemError(
      "permission_denied",
      "Notifications are blocked for this page; allow them in the address bar.",
    );
  }
  const registration = await worker();
  const bytes = Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  try {
    const options = { userVisibleOnly: true, applicationServerKey: bytes };
    await tell("POST", channel, await registration.pushManager.subscribe(options));
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    throw new TandemError("unreachable", "The browser's notification service could not be reached.", { cause });
  }
}

/** And no more. */
export async function stopPush(channel: string): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration("/push-worker.js");
  const subscription = await registration?.pushManager.getSubscription();
  if (!subscription) return;
  await tell("DELETE", channel, subscription);
  await subscription.unsubscribe();
}
