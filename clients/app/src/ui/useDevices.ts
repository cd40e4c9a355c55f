import { useEffect, useState } from "react";
import { watchDevices, type Device } from "tandem-client";

/** The devices of this computer, live. Labels appear after a permission, so `refresh` lists them anew. */
export function useDevices(refresh: unknown): readonly Device[] {
  const [devices, setDevices] = useState<readonly Device[]>([]);
  useEffect(() => watchDevices(setDevices), [refresh]);
  return devices;
}
