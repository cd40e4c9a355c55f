import { support, type RoomSession } from "tandem-client";
import { Icon, type IconName } from "../ui/Icon";
import { Menu, type MenuItem, type MenuSection } from "../ui/Menu";
import { DeviceMenu } from "./DeviceMenu";
import type { Controls } from "./useControls";
import { EMOJI } from "./useReactions";
import type { Panel } from "./Meeting";
import "./bar.css";

interface Props {
  session: RoomSession;
  controls: Controls;
  panel: Panel | null;
  unread: number;
  people: number;
  more: readonly MenuItem[];
  onPanel: (panel: Panel) => void;
  onReact: (emoji: string) => void;
  onLeave: () => void;
}

/** The row of switches at the bottom. */
export function ControlBar(props: Props) {
  const reactions: MenuSection = {
    row: true,
    items: EMOJI.map((emoji) => ({ id: emoji, label: emoji, onSelect: () => props.onReact(emoji) })),
  };
  return (
    <div className="bar" role="group" aria-label="Meeting controls">
      <DeviceSwitches session={props.session} controls={props.controls} />
      <Expressions controls={props.controls} reactions={reactions} />
      <Panels {...props} reactions={reactions} />
    </div>
  );
}

function DeviceSwitches({ session, controls }: Pick<Props, "session" | "controls">) {
  return (
    <div className="bar-group">
      <div className="split">
        <Switch
          name="Microphone"
          hint="m"
          on={controls.microphone}
          icons={["mic", "micOff"]}
          busy={controls.busy === "microphone"}
          onPress={controls.toggleMicrophone}
        />
        <DeviceMenu session={session} kinds={["microphone", "speaker"]} label="Choose microphone and speaker" />
      </div>
      <div className="split">
        <Switch
          name="Camera"
          hint="v"
          on={controls.camera}
          icons={["camera", "cameraOff"]}
          busy={controls.busy === "camera"}
          onPress={controls.toggleCamera}
        />
        <DeviceMenu session={session} kinds={["camera"]} label="Choose camera" />
      </div>
    </div>
  );
}

function Expressions({ controls, reactions }: { controls: Controls; reactions: MenuSection }) {
  return (
    <div className="bar-group">
      {canShare() && (
        <Toggle
          name={controls.sharing ? "Stop sharing" : "Share the screen"}
          icon="screen"
          on={controls.sharing}
          wide
          busy={controls.busy === "screen"}
          onPress={controls.toggleShare}
        />
      )}
      <Toggle
        name={controls.hand ? "Lower your hand (h)" : "Raise your hand (h)"}
        icon="hand"
        on={controls.hand}
        onPress={controls.toggleHand}
      />
      <div className="reaction-menu">
        <Menu label="Send a reaction" className="bar-button" face={<Icon name="smile" />} sections={[reactions]} />
      </div>
    </div>
  );
}

function Panels(props: Props & { reactions: MenuSection }) {
  const { controls, panel, unread, people, more, onPanel, onLeave, reactions } = props;
  const share: MenuItem = {
    id: "share",
    label: controls.sharing ? "Stop sharing the screen" : "Share the screen",
    icon: "screen",
    onSelect: controls.toggleShare,
  };
  // What the bar has no space for on a phone.
  const narrow: MenuItem[] = [
    ...(canShare() ? [share] : []),
    { id: "people", label: "People", icon: "people", onSelect: () => onPanel("people") },
  ];
  const menu = { label: "More", className: "bar-button", align: "end" as const, face: <Icon name="more" /> };
  return (
    <div className="bar-group">
      <Toggle name="Chat (c)" icon="chat" on={panel === "chat"} badge={unread} onPress={() => onPanel("chat")} />
      <Toggle
        name="People (p)"
        icon="people"
        on={panel === "people"}
        wide
        count={people}
        onPress={() => onPanel("people")}
      />
      <div className="bar-more">
        <Menu {...menu} sections={[{ items: more }]} />
      </div>
      <div className="bar-more-narrow">
        <Menu {...menu} sections={[reactions, { items: narrow }, { items: more }]} />
      </div>
      <button className="bar-button leave" aria-label="Leave the meeting" title="Leave the meeting" onClick={onLeave}>
        <Icon name="leave" size={26} />
      </button>
    </div>
  );
}

const canShare = (): boolean => support().screenShare;

interface SwitchProps {
  name: string;
  hint: string;
  on: boolean;
  icons: [on: IconName, off: IconName];
  busy: boolean;
  onPress: () => void;
}

function Switch({ name, hint, on, icons, busy, onPress }: SwitchProps) {
  return (
    <button
      className={on ? "bar-button" : "bar-button off"}
      role="switch"
      aria-checked={on}
      aria-label={name}
      aria-keyshortcuts={hint}
      aria-busy={busy}
      title={`${name} ${on ? "off" : "on"} (${hint})`}
      onClick={() => !busy && onPress()}
    >
      <Icon name={icons[on ? 0 : 1]} size={24} />
    </button>
  );
}

interface ToggleProps {
  name: string;
  icon: IconName;
  on: boolean;
  badge?: number;
  count?: number;
  /** Moves into the menu on narrow screens. */
  wide?: boolean;
  busy?: boolean;
  onPress: () => void;
}

function Toggle({ name, icon, on, badge = 0, count, wide, busy = false, onPress }: ToggleProps) {
  const label = `${name}${badge > 0 ? `, ${badge} unread` : ""}${count === undefined ? "" : `, ${count} here`}`;
  return (
    <button
      className={wide ? "bar-button wide-only" : "bar-button"}
      aria-pressed={on}
      aria-label={label}
      aria-busy={busy}
      title={name}
      onClick={() => !busy && onPress()}
    >
      <Icon name={icon} />
      {count !== undefined && (
        <span className="bar-count" aria-hidden="true">
          {count}
        </span>
      )}
      {badge > 0 && (
        <span className="badge" aria-hidden="true">
          {badge > 9 ? "9+" : badge}
        </span>
      )}
    </button>
  );
}
