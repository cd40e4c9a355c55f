const PEOPLE = [
  { x: 0, y: 0, fill: "var(--art-a)", body: "var(--coral)", skin: "#f3c9a5", hair: "#4a2f22" },
  { x: 216, y: 28, fill: "var(--art-b)", body: "var(--teal)", skin: "#8d5a3b", hair: "#1d1512" },
  { x: 0, y: 152, fill: "var(--art-c)", body: "#d9a441", skin: "#e6b08a", hair: "#7a7570" },
  { x: 216, y: 180, fill: "var(--art-d)", body: "#5b7fb8", skin: "#c98f68", hair: "#2b1b14" },
];

/** Four people in a meeting, drawn; decoration only. */
export function Illustration() {
  return (
    <svg className="illustration" viewBox="-12 -12 440 356" aria-hidden="true" focusable="false">
      {PEOPLE.map((person, index) => (
        <g key={person.body} transform={`translate(${person.x} ${person.y})`}>
          <clipPath id={`tile-${index}`}>
            <rect width="200" height="136" rx="20" />
          </clipPath>
          {index === 1 && <rect className="illustration-ring" x="-5" y="-5" width="210" height="146" rx="25" />}
          <g clipPath={`url(#tile-${index})`}>
            <rect width="200" height="136" fill={person.fill} />
            <path d="M42 150c4-40 28-54 58-54s54 14 58 54Z" fill={person.body} />
            <rect x="88" y="76" width="24" height="30" rx="11" fill={person.skin} />
            <circle cx="100" cy="58" r="27" fill={person.skin} />
            <Hair kind={index} colour={person.hair} />
            <rect x="12" y="108" width={52 + index * 7} height="17" rx="8.5" fill="#12100e" opacity="0.62" />
            <rect x="20" y="114.5" width={30 + index * 7} height="4" rx="2" fill="#fff" opacity="0.9" />
          </g>
        </g>
      ))}
      <g transform="translate(176 128)">
        <circle cx="32" cy="32" r="30" fill="var(--surface)" stroke="var(--line)" />
        <g fill="none" strokeWidth="5" transform="translate(16 16)">
          <circle cx="11.5" cy="16" r="8" stroke="var(--coral)" />
          <circle cx="20.5" cy="16" r="8" stroke="var(--teal)" />
        </g>
      </g>
    </svg>
  );
}

function Hair({ kind, colour }: { kind: number; colour: string }) {
  if (kind === 0)
    return <path d="M70 66c-4-30 14-40 30-40s36 10 30 42c-4-14-12-22-20-24-14 2-32 2-40 22Z" fill={colour} />;
  if (kind === 1) return <circle cx="100" cy="42" r="27" fill={colour} clipPath="inset(0 0 26px 0)" />;
  if (kind === 2) return <path d="M73 54c0-18 12-27 27-27s27 9 27 27c-6-8-14-11-27-11s-21 3-27 11Z" fill={colour} />;
  return <path d="M68 96c-4-50 8-70 32-70s36 20 32 70c-8-6-6-30-12-44-14 0-28-2-36-8-8 12-8 44-16 52Z" fill={colour} />;
}
