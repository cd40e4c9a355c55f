const PATHS = {
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  micOff:
    "M9 9v2a3 3 0 0 0 4.6 2.5M15 10.5V6a3 3 0 0 0-5.9-.8M5.5 11a6.5 6.5 0 0 0 10 5.5M18.5 11a6.4 6.4 0 0 1-.5 2.5M12 17.5V21M4 4l16 16",
  camera: "M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM15.5 10.8l6-3.3v9l-6-3.3",
  cameraOff:
    "M9.5 6.5h4a2 2 0 0 1 2 2v4M15.5 15.5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2M15.5 10.8l6-3.3v9l-4-2.2M4 4l16 16",
  screen:
    "M3.5 5h17a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-17a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1ZM8 20.5h8M12 14V8.5M9.3 11 12 8.3l2.7 2.7",
  hand: "M7.5 12.5V6.2a1.4 1.4 0 0 1 2.8 0V11M10.3 10.5V4.4a1.4 1.4 0 0 1 2.8 0V11M13.1 11V5.4a1.4 1.4 0 0 1 2.8 0V12M15.9 11.5V8a1.4 1.4 0 0 1 2.8 0v6.5a6.5 6.5 0 0 1-6.5 6.5c-2.7 0-4-1-5.4-3l-3-4.6a1.5 1.5 0 0 1 2.4-1.8l1.3 1.4",
  smile:
    "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM8.5 14.2c.9 1.4 2.1 2 3.5 2s2.6-.6 3.5-2M9.2 9.6v.2M14.8 9.6v.2",
  chat: "M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9.5a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 3.7V17h-2A1.5 1.5 0 0 1 3 15.5V6a1.5 1.5 0 0 1 1.5-1.5ZM7.5 9h9M7.5 12.5h6",
  people:
    "M9 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM2.5 19.5c.3-3.5 2.9-5.5 6.5-5.5s6.2 2 6.5 5.5M15.5 4.9a3.5 3.5 0 0 1 0 6.2M17.5 14.4c2.3.7 3.8 2.4 4 5.1",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  leave:
    "M3.3 14.8c-.6-2 .3-3.6 2.4-4.4a17.5 17.5 0 0 1 12.6 0c2.1.8 3 2.4 2.4 4.4-.2.7-.8 1-1.5.8l-3-.8a1.3 1.3 0 0 1-1-1.3v-1.7a12.7 12.7 0 0 0-6.4 0v1.7c0 .6-.4 1.1-1 1.3l-3 .8c-.7.2-1.3-.1-1.5-.8Z",
  grid: "M4 4.5h6.5V11H4ZM13.5 4.5H20V11h-6.5ZM4 13.5h6.5V20H4ZM13.5 13.5H20V20h-6.5Z",
  speaker: "M3.5 4.5h17v10h-17ZM3.5 17.5h4.5v2.5H3.5ZM9.750 17.5h4.5v2.5h-4.5ZM16 17.5h4.5v2.5H16Z",
  volume: "M4 9.5v5h3.5l5 4v-13l-5 4ZM16 9a4.2 4.2 0 0 1 0 6M18.6 6.5a8 8 0 0 1 0 11",
  link: "M10 13.5a4 4 0 0 0 5.9.3l3-3a4 4 0 0 0-5.7-5.7l-1.5 1.5M14 10.5a4 4 0 0 0-5.9-.3l-3 3a4 4 0 0 0 5.7 5.7l1.5-1.5",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  down: "m6.5 9.5 5.5 5.5 5.5-5.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M20 14.2A8.3 8.3 0 0 1 9.8 4a8.3 8.3 0 1 0 10.2 10.2Z",
  dice: "M4 8.5a8.5 8.5 0 0 1 14.8-1.8M20 4v4h-4M20 15.5a8.5 8.5 0 0 1-14.8 1.8M4 20v-4h4",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM9.5 9.5a2.5 2.5 0 1 1 3.7 2.2c-.8.4-1.2.9-1.2 1.8M12 16.5v.1",
  stats: "M4 20V11M10 20V4M16 20v-7M21 20H3",
  pin: "M9 4h6l-.7 6 3.2 3v1.5h-11V13l3.2-3ZM12 14.5V21",
  send: "M4 12 20 4.5 15.5 20l-3.7-6.2ZM11.8 13.8 20 4.5",
  warning: "M12 4 2.8 19.5h18.4ZM12 10v4.5M12 17v.1",
  ear: "M7 9.5a5 5 0 0 1 10 0c0 3.5-3.5 4.2-3.5 7.5a3 3 0 0 1-5.5 1.7M9.8 9.7a2.2 2.2 0 1 1 4.4 0c0 1.8-2 2-2 4",
  flag: "M5 21V4M5 4.5c4-2.5 8 2.5 14 0v9c-6 2.5-10-2.5-14 0",
  bell: "M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15ZM10 21h4",
  pause: "M8.5 5v14M15.5 5v14",
  play: "M7 4.5 19 12 7 19.5Z",
  copy: "M8.5 8.5h11v11h-11ZM15.5 8.5v-4h-11v11h4",
  left: "m14.5 6-6 6 6 6",
  right: "m9.5 6 6 6-6 6",
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing beside words or inside a labelled button; never the only carrier of meaning. */
export function Icon({ name, size = 22 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth={name === "more" ? 3.2 : 1.8}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

export function Logo({ size = 30 }: { size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <g fill="none" strokeWidth="4.5">
        <circle cx="11.5" cy="16" r="8" stroke="var(--coral)" />
        <circle cx="20.5" cy="16" r="8" stroke="var(--teal)" />
        <path d="M16 9.4a8 8 0 0 1 3.2 8.8" stroke="var(--coral)" />
      </g>
    </svg>
  );
}
