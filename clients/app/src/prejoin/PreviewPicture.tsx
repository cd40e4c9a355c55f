import { useEffect, useRef } from "react";
import { initials } from "../lib/names";
import { Icon } from "../ui/Icon";
import type { Preview } from "./usePreview";

/** One's own picture before joining, with the two switches on it. */
export function PreviewPicture({ preview, name }: { preview: Preview; name: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const { camera, microphone } = preview;
  useEffect(() => {
    if (video.current) video.current.srcObject = camera.stream;
  }, [camera.stream]);
  const untouched = camera.status === "off" && microphone.status === "off";
  return (
    <div className="preview">
      <video
        ref={video}
        className="preview-video"
        hidden={!camera.stream}
        autoPlay
        muted
        playsInline
        aria-label="Your camera"
      />
      {!camera.stream && (
        <div className="preview-empty">
          <span className="avatar" aria-hidden="true">
            {name.trim() ? initials(name) : <Icon name="people" size={40} />}
          </span>
          {untouched ? (
            <>
              <button type="button" className="button primary" onClick={() => preview.open(["microphone", "camera"])}>
                Use camera and microphone
              </button>
              <p className="preview-hint">Your browser will ask. You can also come in without.</p>
            </>
          ) : (
            <p className="preview-hint">
              {camera.status === "opening" ? "The camera is starting…" : "Your camera is off"}
            </p>
          )}
        </div>
      )}
      <div className="preview-switches">
        <Switch
          label="Microphone"
          on={microphone.status === "on"}
          busy={microphone.status === "opening"}
          icon={microphone.status === "on" ? "mic" : "micOff"}
          onToggle={(on) => (on ? preview.open(["microphone"]) : preview.close("microphone"))}
        />
        <Switch
          label="Camera"
          on={camera.status === "on"}
          busy={camera.status === "opening"}
          icon={camera.status === "on" ? "camera" : "cameraOff"}
          onToggle={(on) => (on ? preview.open(["camera"]) : preview.close("camera"))}
        />
      </div>
    </div>
  );
}

interface SwitchProps {
  label: string;
  on: boolean;
  busy: boolean;
  icon: "mic" | "micOff" | "camera" | "cameraOff";
  onToggle: (on: boolean) => void;
}

function Switch({ label, on, busy, icon, onToggle }: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      aria-label={label}
      aria-busy={busy}
      title={`${label}: ${on ? "on" : "off"}`}
      className={on ? "round" : "round off"}
      disabled={busy}
      onClick={() => onToggle(!on)}
    >
      <Icon name={icon} size={24} />
    </button>
  );
}
