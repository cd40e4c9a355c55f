import { Dialog } from "../ui/Dialog";

const KEYS: readonly (readonly [string, string])[] = [
  ["M", "Microphone on or off"],
  ["Space", "Speak while it is held"],
  ["V", "Camera on or off"],
  ["C", "Open or close the chat"],
  ["P", "Open or close the list of people"],
  ["H", "Raise or lower your hand"],
  ["L", "Change the layout"],
  ["?", "Show this help"],
];

interface Props {
  enabled: boolean;
  onEnable: (enabled: boolean) => void;
  onClose: () => void;
}

export function HelpDialog({ enabled, onEnable, onClose }: Props) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={enabled} onChange={(event) => onEnable(event.target.checked)} />
        Use single-key shortcuts
      </label>
      <p className="soft">
        They rest while you type. Switch them off if your speech input or screen reader uses the same keys.
      </p>
    </Dialog>
  );
}
