import type { Capture, Support, TandemError } from "tandem-client";

/** What to tell somebody whose device did not open: what happened, and what to do in order. */
export interface Repair {
  title: string;
  steps: string[];
  /** Whether pressing "try again" can help without leaving the page. */
  again: boolean;
}

const NOUN: Record<Capture, string> = { microphone: "microphone", camera: "camera" };

/** The repair for a failure, in the words of the browser and the system at hand. */
export function repairFor(error: TandemError, kind: Capture, support: Support): Repair {
  const noun = NOUN[kind];
  switch (error.code) {
    case "permission_denied":
      return {
        title: `The browser blocks the ${noun} for this site`,
        steps: [...unblock(noun, support), "Then press “Try again”. If nothing changes, reload the page."],
        again: true,
      };
    case "permission_dismissed":
      return {
        title: `The question about your ${noun} was closed`,
        steps: [`Press “Try again” and choose “Allow” when the browser asks for the ${noun}.`],
        again: true,
      };
    case "permission_denied_by_system":
      return {
        title: `Your system does not let the browser use the ${noun}`,
        steps: [...systemSettings(kind, support), "Restart the browser if it asks you to, then press “Try again”."],
        again: true,
      };
    case "permission_denied_by_policy":
      return {
        title: `The ${noun} is forbidden for this page`,
        steps: [
          "If this page is inside another site, open it in a tab of its own.",
          "On a managed computer an administrator may have switched it off; ask them to allow this address.",
        ],
        again: true,
      };
    case "device_not_found":
      return {
        title: `No ${noun} was found`,
        steps: [
          `Plug in or switch on a ${noun}; some laptops have a key or a slider for it.`,
          "Then press “Try again”.",
        ],
        again: true,
      };
    case "device_in_use":
      return {
        title: `The ${noun} did not start`,
        steps: [
          `Close other programs and tabs that may be using the ${noun}.`,
          "Unplug it and plug it in again, then press “Try again”.",
        ],
        again: true,
      };
    case "constraint_not_met":
      return {
        title: `The chosen ${noun} cannot be used`,
        steps: [`Choose another ${noun} in the list below; the one from last time may be gone.`],
        again: true,
      };
    case "insecure_context":
      return {
        title: `The ${noun} needs a secure address`,
        steps: [
          "This page was opened over http. Browsers open devices only on https pages and on localhost.",
          `Try https://${location.host} or ask whoever runs this server to set up a certificate.`,
        ],
        again: false,
      };
    case "unsupported_browser":
      return {
        title: `This browser cannot use the ${noun}`,
        steps: [
          "Update the browser, or open the link in a current Chrome, Edge, Firefox or Safari.",
          "If you came here from inside another app, use its “open in browser” command.",
        ],
        again: false,
      };
    default:
      return {
        title: `The ${noun} did not open`,
        steps: [`The browser says: ${error.message}`, "Press “Try again”, or choose another device."],
        again: true,
      };
  }
}

function unblock(noun: string, { browser, system }: Support): string[] {
  if (system === "ios") {
    return [`Tap the symbol beside the address, then “Website settings”, and set the ${noun} to “Allow”.`];
  }
  switch (browser) {
    case "firefox":
      return [`Click the crossed-out ${noun} beside the address and remove the block.`];
    case "safari":
      return [`In the menu choose Safari, “Settings for this website”, and set the ${noun} to “Allow”.`];
    default:
      return ["Click the symbol at the left end of the address bar.", `Switch the ${noun} on, or set it to “Allow”.`];
  }
}

function systemSettings(kind: Capture, { system }: Support): string[] {
  const noun = NOUN[kind];
  const title = kind === "camera" ? "Camera" : "Microphone";
  switch (system) {
    case "macos":
      return [`Open System Settings, “Privacy & Security”, “${title}”, and switch your browser on.`];
    case "windows":
      return [`Open Settings, “Privacy & security”, “${title}”, and allow desktop apps to use it.`];
    case "android":
      return [`Open the phone's settings, “Apps”, your browser, “Permissions”, and allow the ${noun}.`];
    case "ios":
      return [`Open the Settings app, find your browser in the list and switch the ${noun} on.`];
    default:
      return [`Look in the privacy settings of your system for the ${noun} and allow the browser to use it.`];
  }
}
