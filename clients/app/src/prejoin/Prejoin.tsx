import { useEffect, useId, useState, type FormEvent } from "react";
import { support, type Capture, type MediaWish, type TandemError } from "tandem-client";
import { recall, remember } from "../lib/remember";
import { DevicePicker } from "../ui/DevicePicker";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { useDevices } from "../ui/useDevices";
import { LevelMeter } from "./LevelMeter";
import { PreviewPicture } from "./PreviewPicture";
import { RepairNote } from "./RepairNote";
import { playTone } from "./tone";
import { usePreview, type Preview } from "./usePreview";
import "./prejoin.css";
import "../ui/repair.css";

/** What a person decided before coming in. */
export interface Entrance {
  name: string;
  wish: MediaWish;
}

interface Props {
  room: string;
  joining: boolean;
  error: TandemError | null;
  onJoin: (entrance: Entrance) => void;
}

/** Mirror, microphone test and name, before anybody else can see or hear. */
export function Prejoin({ room, joining, error, onJoin }: Props) {
  const [name, setName] = useState(() => recall("name"));
  const [speaker, setSpeaker] = useState(() => recall("speaker"));
  const preview = usePreview();
  const devices = useDevices(`${preview.microphone.status} ${preview.camera.status}`);

  // The meeting is the heavy part of the app; it loads while people look at themselves.
  useEffect(() => void import("../meeting/Meeting").catch(() => undefined), []);

  const enter = (wish: MediaWish) => {
    remember("name", name.trim());
    preview.release();
    onJoin({ name: name.trim() || "Guest", wish });
  };
  const wish = { microphone: preview.microphone.status === "on", camera: preview.camera.status === "on" };

  return (
    <div className="page prejoin">
      <PageHeader />
      <main className="prejoin-main">
        <div className="prejoin-mirror">
          <PreviewPicture preview={preview} name={name} />
        </div>
        <div className="prejoin-notes">
          {(["microphone", "camera"] as const).map((kind) => {
            const failure = preview[kind].error;
            return (
              failure && <RepairNote key={kind} kind={kind} error={failure} onRetry={() => preview.open([kind])} />
            );
          })}
        </div>
        <JoinForm
          room={room}
          name={name}
          onName={setName}
          wish={wish}
          joining={joining}
          error={error}
          onEnter={enter}
        />
        <section className="prejoin-devices" aria-label="Devices">
          <div className="prejoin-device">
            <DevicePicker
              kind="microphone"
              devices={devices}
              value={inUse(preview, "microphone")}
              onChoose={(id) => preview.choose("microphone", id)}
            />
            {preview.microphone.stream && <LevelMeter stream={preview.microphone.stream} />}
          </div>
          <div className="prejoin-device">
            <DevicePicker
              kind="camera"
              devices={devices}
              value={inUse(preview, "camera")}
              onChoose={(id) => preview.choose("camera", id)}
            />
          </div>
          <SpeakerTest
            devices={devices}
            value={speaker}
            onChoose={(id) => {
              setSpeaker(id);
              remember("speaker", id);
            }}
          />
        </section>
      </main>
    </div>
  );
}

/** The device that really opened, which is another one than remembered if that was unplugged. */
function inUse(preview: Preview, kind: Capture): string {
  return preview[kind].stream?.getTracks()[0]?.getSettings().deviceId ?? preview.ids[kind];
}

interface FormProps {
  room: string;
  name: string;
  onName: (name: string) => void;
  wish: MediaWish;
  joining: boolean;
  error: TandemError | null;
  onEnter: (wish: MediaWish) => void;
}

function JoinForm({ room, name, onName, wish, joining, error, onEnter }: FormProps) {
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onEnter(wish);
  };
  return (
    <form className="prejoin-form" onSubmit={submit}>
      <h1>
        <span className="prejoin-kicker">You are about to join</span> {room}
      </h1>
      <div className="field">
        <label htmlFor={id}>Your name</label>
        <input
          id={id}
          className="input"
          value={name}
          required
          maxLength={60}
          autoComplete="nickname"
          placeholder="What the others will see"
          onChange={(event) => onName(event.target.value)}
        />
      </div>
      {error && (
        <div className="repair" role="alert" data-testid="join-error" data-code={error.code}>
          <Icon name="warning" />
          <h2>You are not in yet</h2>
          <p>{adviceFor(error)}</p>
        </div>
      )}
      <button className="button primary wide" disabled={joining}>
        {joining ? "Joining…" : "Join the meeting"}
      </button>
      <p className="prejoin-summary" role="status">
        {summary(wish)}
      </p>
      <button
        type="button"
        className="button wide"
        disabled={joining}
        onClick={(event) => {
          if (event.currentTarget.form?.reportValidity()) onEnter({ microphone: false, camera: false });
        }}
      >
        <Icon name="ear" size={20} /> Join as listener
      </button>
    </form>
  );
}

function SpeakerTest({
  devices,
  value,
  onChoose,
}: {
  devices: ReturnType<typeof useDevices>;
  value: string;
  onChoose: (id: string) => void;
}) {
  const [playing, setPlaying] = useState(false);
  const [silent, setSilent] = useState(false);
  const test = () => {
    setPlaying(true);
    setSilent(false);
    playTone(value)
      .catch(() => setSilent(true))
      .finally(() => setPlaying(false));
  };
  return (
    <div className="prejoin-device">
      {support().speakerChoice && <DevicePicker kind="speaker" devices={devices} value={value} onChoose={onChoose} />}
      <button type="button" className="button small" disabled={playing} onClick={test}>
        <Icon name="volume" size={18} /> {playing ? "Playing…" : "Test the speaker"}
      </button>
      {silent && (
        <p className="soft" role="status">
          The sound did not play. Choose another speaker and look at the volume.
        </p>
      )}
    </div>
  );
}

function summary(wish: MediaWish): string {
  if (wish.microphone && wish.camera) return "With your microphone and camera on.";
  if (wish.microphone) return "With your microphone on and your camera off.";
  if (wish.camera) return "With your camera on and your microphone off.";
  return "With microphone and camera off. You can switch them on later.";
}

function adviceFor(error: TandemError): string {
  switch (error.code) {
    case "not_allowed":
    case "unauthenticated":
      return error.message || "This server asks for an invitation. Ask the person who runs the meeting for a link.";
    case "limit_exceeded":
      return "The room or the server is full, or too many people are coming in at once. Try again in a minute.";
    case "busy":
      return "The server is restarting or has too much to do. Try again in a moment.";
    case "unreachable":
    case "timeout":
      return "The server does not answer. Look at your own connection, then press the button again.";
    case "invalid":
      return `The server did not accept this room or name: ${error.message}`;
    default:
      return `${error.message} Press the button again; if it keeps failing, tell whoever runs this server.`;
  }
}
