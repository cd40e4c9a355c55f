import { useId } from "react";
import type { Device, DeviceKind } from "tandem-client";

const TITLE: Record<DeviceKind, string> = { microphone: "Microphone", camera: "Camera", speaker: "Speaker" };

interface Props {
  kind: DeviceKind;
  devices: readonly Device[];
  value: string;
  onChoose: (id: string) => void;
}

/** A list of devices of one kind. The browser's own select: it works with every keyboard and screen reader. */
export function DevicePicker({ kind, devices, value, onChoose }: Props) {
  const id = useId();
  const options = devices.filter((device) => device.kind === kind);
  const known = options.some((device) => device.id === value);
  return (
    <div className="field">
      <label htmlFor={id}>{TITLE[kind]}</label>
      <select
        id={id}
        className="select"
        value={known ? value : ""}
        disabled={options.length === 0}
        onChange={(event) => onChoose(event.target.value)}
      >
        {(!known || options.length === 0) && (
          <option value="">{options.length === 0 ? "Not allowed yet" : "Default"}</option>
        )}
        {options.map((device) => (
          <option key={device.id} value={device.id}>
            {device.label}
          </option>
        ))}
      </select>
    </div>
  );
}
