import type { TransferOptions } from "tandem-client";
import { tokenIn } from "../lib/router";

/** This node, with its relay for whoever has no direct way. */
export function options(): TransferOptions {
  const base = new URL(location.origin);
  const token = tokenIn(location.hash);
  return {
    base,
    iceServers: async () => {
      const response = await fetch(
        new URL("/v1/ice", base),
        token ? { headers: { authorization: `Bearer ${token}` } } : {},
      );
      // Without a relay two in one network still find each other.
      if (!response.ok) return [];
      return ((await response.json()) as { iceServers: RTCIceServer[] }).iceServers;
    },
    ...(token ? { token } : {}),
  };
}
