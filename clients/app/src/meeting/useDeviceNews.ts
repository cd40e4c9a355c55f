import { useEffect } from "react";
import { watchDevices } from "tandem-client";
import { notify } from "../lib/announce";

/** Says when a device is plugged in or out, because nobody looks into a menu for that. */
export function useDeviceNews(): void {
  useEffect(() => {
    let known: ReadonlyMap<string, string> | null = null;
    return watchDevices((devices) => {
      // "default" and "communications" are second names of devices that are listed anyway.
      const now = new Map(
        devices
          .filter((device) => device.id !== "default" && device.id !== "communications")
          .map((device) => [`${device.kind} ${device.id}`, device.label]),
      );
      const before = known;
      known = now;
      if (!before) return;
      const came = [...now].filter(([key]) => !before.has(key)).map(([, label]) => label);
      const went = [...before].filter(([key]) => !now.has(key)).map(([, label]) => label);
      // A headset is a microphone and a speaker; one message is enough for it.
      if (came.length > 0) notify(`New device: ${[...new Set(came)].join(", ")}. Choose it under “Devices”.`);
      if (went.length > 0) notify(`Device removed: ${[...new Set(went)].join(", ")}.`, "warning");
    });
  }, []);
}
