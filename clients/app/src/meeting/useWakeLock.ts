import { useEffect } from "react";

/** Keeps the screen on while a meeting is in view; nobody touches a phone they are listening to. */
export function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let gone = false;
    const request = async () => {
      if (document.visibilityState !== "visible") return;
      // Refused on low battery and by some browsers; the meeting goes on without.
      const granted = await navigator.wakeLock?.request("screen").catch(() => null);
      if (gone) void granted?.release();
      else lock = granted ?? null;
    };
    void request();
    // The system takes the lock back whenever the page is hidden.
    document.addEventListener("visibilitychange", request);
    return () => {
      gone = true;
      document.removeEventListener("visibilitychange", request);
      void lock?.release();
    };
  }, []);
}
