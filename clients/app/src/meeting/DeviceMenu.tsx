import { support, type Device, type DeviceKind, type RoomSession } from "tandem-client";
import { notify } from "../lib/announce";
import { remember } from "../lib/remember";
import { DevicePicker } from "../ui/DevicePicker";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Menu, type MenuSection } from "../ui/Menu";
import { useDevices } from "../ui/useDevices";
import { useRoomChanges } from "./live";

const LIVEKIT_KIND = { microphone: "audioinput", camera: "videoinput", speaker: "audiooutput" } as const;
const HEADING: Record<DeviceKind, string> = { microphone: "Microphone", camera: "Camera", speaker: "Speaker" };

/** The devices of some kinds as a menu beside their switch. */
export function DeviceMenu({
  session,
  kinds,
  label,
}: {
  session: RoomSession;
  kinds: readonly DeviceKind[];
  label: string;
}) {
  const { room } = session;
  useRoomChanges(room);
  const devices = useDevices(room.localParticipant.trackPublications.size);
  const sections = kinds
    .filter((kind) => kind !== "speaker" || support().speakerChoice)
    .map((kind): MenuSection => {
      const active = activeDevice(session, kind);
      const known = devices.filter((device) => device.kind === kind);
      return {
        title: HEADING[kind],
        items: known.map((device, index) => ({
          id: device.id,
          label: device.label,
          checked: device.id === active || (index === 0 && !known.some((other) => other.id === active)),
          onSelect: () => choose(session, device),
        })),
      };
    });
  const empty = sections.every((section) => section.items.length === 0);
  const shown = empty
    ? [{ items: [{ id: "none", label: "Switch it on to see your devices", onSelect: () => undefined }] }]
    : sections;
  return (
    <Menu label={label} className="bar-caret" align="start" face={<Icon name="down" size={16} />} sections={shown} />
  );
}

/** The same choice as a window, for screens without space for menus and for people who prefer lists. */
export function DevicesDialog({ session, onClose }: { session: RoomSession; onClose: () => void }) {
  const { room } = session;
  useRoomChanges(room);
  const devices = useDevices(room.localParticipant.trackPublications.size);
  const kinds = (["microphone", "camera", "speaker"] as const).filter(
    (kind) => kind !== "speaker" || support().speakerChoice,
  );
  return (
    <Dialog title="Devices" onClose={onClose}>
      {kinds.map((kind) => (
        <DevicePicker
          key={kind}
          kind={kind}
          devices={devices}
          value={activeDevice(session, kind)}
          onChoose={(id) => {
            const device = devices.find((known) => known.kind === kind && known.id === id);
            if (device) choose(session, device);
          }}
        />
      ))}
    </Dialog>
  );
}

function activeDevice(session: RoomSession, kind: DeviceKind): string {
  return session.room.getActiveDevice(LIVEKIT_KIND[kind]) ?? "default";
}

function choose(session: RoomSession, device: Device): void {
  session
    .switchDevice(device.kind, device.id)
    .then(() => {
      remember(device.kind, device.id);
      notify(`${HEADING[device.kind]}: ${device.label}`);
    })
    .catch((thrown: unknown) =>
      notify(thrown instanceof Error ? thrown.message : "The device could not be used.", "warning"),
    );
}
