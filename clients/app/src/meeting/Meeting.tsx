import { useEffect, useState, type ReactNode } from "react";
import type { RoomSession, TandemError } from "tandem-client";
import { announce } from "../lib/announce";
import { recall, remember } from "../lib/remember";
import { RepairNote } from "../prejoin/RepairNote";
import { Dialog } from "../ui/Dialog";
import { Icon, Logo } from "../ui/Icon";
import type { MenuItem } from "../ui/Menu";
import { ThemeButton } from "../ui/ThemeButton";
import { ConnectionBanner, SoundBanner } from "./Banner";
import { ChatPanel } from "./ChatPanel";
import { Direct } from "./direct";
import { ControlBar } from "./ControlBar";
import { DevicesDialog } from "./DeviceMenu";
import type { Layout } from "./grid";
import { HelpDialog } from "./HelpDialog";
import { InviteButton } from "./InviteButton";
import { everybody, useRoomChanges } from "./live";
import { Sound } from "./MediaElements";
import { PathBadge } from "./PathBadge";
import { PeoplePanel } from "./PeoplePanel";
import { Stage } from "./Stage";
import { StatsPanel } from "./StatsPanel";
import { SavingData } from "./Tile";
import { useChat } from "./useChat";
import { useControls, type Controls } from "./useControls";
import { useFileDrop } from "./useFileDrop";
import { useDeviceNews } from "./useDeviceNews";
import { useReactions, type Reaction } from "./useReactions";
import { useRoomNews } from "./useRoomNews";
import { useSessionState } from "./useSessionState";
import { useShortcuts, type Shortcuts } from "./useShortcuts";
import { useMutedHint, usePushToTalk } from "./useTalking";
import { useWakeLock } from "./useWakeLock";
import "./meeting.css";
import "./panel.css";

export type Panel = "chat" | "people" | "stats";

interface Props {
  session: RoomSession;
  roomName: string;
  /** Called when the stay is over, with the reason if it was not the person's own wish. */
  onLeft: (error: TandemError | null) => void;
}

const PANEL_TITLE: Record<Panel, string> = { chat: "Chat", people: "People", stats: "Statistics" };

/** What is open and how things are laid out; nothing of it concerns the others. */
function useView() {
  const [panel, setPanel] = useState<Panel | null>(null);
  const [layout, setLayout] = useState<Layout>(() => (recall("layout") === "speaker" ? "speaker" : "grid"));
  const [pinned, setPinned] = useState<string | null>(null);
  const [dialog, setDialog] = useState<"help" | "devices" | null>(null);
  const [savingData, setSavingData] = useState(false);
  const [shortcuts, setShortcuts] = useState(() => recall("shortcuts") !== "off");
  return {
    panel,
    layout,
    pinned,
    dialog,
    savingData,
    shortcuts,
    setPinned,
    setDialog,
    togglePanel: (wanted: Panel) => setPanel((now) => (now === wanted ? null : wanted)),
    toggleSavingData: () => setSavingData((now) => !now),
    toggleLayout: () => {
      const next = layout === "grid" ? "speaker" : "grid";
      setLayout(next);
      setPinned(null);
      remember("layout", next);
    },
    setShortcuts: (on: boolean) => {
      setShortcuts(on);
      remember("shortcuts", on ? "" : "off");
    },
  };
}

type View = ReturnType<typeof useView>;

/** The meeting itself. */
export default function Meeting({ session, roomName, onLeft }: Props) {
  const { room } = session;
  const state = useSessionState(session);
  const view = useView();
  const controls = useControls(session);
  const chat = useChat(session, roomName, view.panel === "chat");
  const files = useFileDrop(chat);
  const { reactions, react } = useReactions(room);
  useRoomChanges(room);
  useRoomNews(room);
  useDeviceNews();
  useWakeLock();
  useShortcuts(shortcutsFor(controls, view), view.shortcuts);
  usePushToTalk(session, view.shortcuts);
  useMutedHint(room, !controls.microphone);

  useEffect(() => announce(`You are in the meeting ${roomName}`), [roomName]);
  useEffect(() => {
    if (state.status === "ended") onLeft(state.error);
  }, [state, onLeft]);

  const { panel } = view;
  return (
    <Direct value={session.direct}>
      <div
        className="meeting"
        data-panel={panel ?? undefined}
        data-testid="meeting"
        data-status={state.status}
        data-drop={files.over || undefined}
        {...files.drop}
      >
        <MeetingHeader session={session} roomName={roomName} layout={view.layout} onLayout={view.toggleLayout} />
        <div className="banners">
          <ConnectionBanner session={session} state={state} />
          <SoundBanner room={room} />
        </div>
        <main className="stage" aria-label="Stage">
          <SavingData value={view.savingData}>
            <Stage room={room} roomName={roomName} layout={view.layout} pinned={view.pinned} onPin={view.setPinned} />
          </SavingData>
          <Floating reactions={reactions} />
        </main>
        {panel && (
          <SidePanel key={panel} panel={panel} onClose={() => view.togglePanel(panel)}>
            {panel === "chat" && <ChatPanel chat={chat} />}
            {panel === "people" && <PeoplePanel room={room} roomName={roomName} />}
            {panel === "stats" && <StatsPanel room={room} />}
          </SidePanel>
        )}
        <footer className="bar-row">
          <ControlBar
            session={session}
            controls={controls}
            panel={panel}
            unread={chat.unread}
            people={everybody(room).length}
            more={moreItems(view, files.choose)}
            onPanel={view.togglePanel}
            onReact={react}
            onLeave={() => onLeft(null)}
          />
        </footer>
        <Sound room={room} />
        {view.dialog === "help" && (
          <HelpDialog enabled={view.shortcuts} onEnable={view.setShortcuts} onClose={() => view.setDialog(null)} />
        )}
        {view.dialog === "devices" && <DevicesDialog session={session} onClose={() => view.setDialog(null)} />}
        <FailureDialog controls={controls} />
      </div>
    </Direct>
  );
}

function shortcutsFor(controls: Controls, view: View): Shortcuts {
  return {
    m: controls.toggleMicrophone,
    v: controls.toggleCamera,
    c: () => view.togglePanel("chat"),
    p: () => view.togglePanel("people"),
    h: controls.toggleHand,
    l: view.toggleLayout,
    "?": () => view.setDialog("help"),
  };
}

function moreItems(view: View, sendFiles: () => void): MenuItem[] {
  const grid = view.layout === "grid";
  return [
    {
      id: "layout",
      label: grid ? "Speaker large" : "Everybody alike",
      icon: grid ? "speaker" : "grid",
      onSelect: view.toggleLayout,
    },
    {
      id: "data",
      label: view.savingData ? "Show other cameras" : "Hide other cameras (saves data)",
      icon: view.savingData ? "camera" : "cameraOff",
      onSelect: view.toggleSavingData,
    },
    { id: "files", label: "Send files", icon: "send", onSelect: sendFiles },
    { id: "devices", label: "Devices", icon: "volume", onSelect: () => view.setDialog("devices") },
    { id: "stats", label: "Statistics", icon: "stats", onSelect: () => view.togglePanel("stats") },
    { id: "help", label: "Keyboard shortcuts", icon: "help", onSelect: () => view.setDialog("help") },
  ];
}

function SidePanel({ panel, onClose, children }: { panel: Panel; onClose: () => void; children: ReactNode }) {
  const title = PANEL_TITLE[panel];
  // Read while rendering: by the time of an effect the panel's own field has the focus.
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    },
    [opener],
  );
  return (
    <aside className="panel" aria-label={title} onKeyDown={(event) => event.key === "Escape" && onClose()}>
      <div className="panel-head">
        <h2>{title}</h2>
        <button className="icon-button" aria-label={`Close ${title.toLowerCase()}`} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </aside>
  );
}

interface HeaderProps {
  session: RoomSession;
  roomName: string;
  layout: Layout;
  onLayout: () => void;
}

function MeetingHeader({ session, roomName, layout, onLayout }: HeaderProps) {
  const label = layout === "grid" ? "Show the speaker large (l)" : "Show everybody alike (l)";
  return (
    <header className="meeting-head">
      <span className="meeting-title">
        <Logo size={26} />
        <h1>{roomName}</h1>
        {session.direct && <PathBadge session={session} />}
      </span>
      <span className="meeting-tools">
        <button className="icon-button" aria-label={label} title={label} onClick={onLayout}>
          <Icon name={layout === "grid" ? "speaker" : "grid"} />
        </button>
        <InviteButton roomName={roomName} compact />
        <ThemeButton />
      </span>
    </header>
  );
}

/** Explains why a device did not open, over the running meeting. */
function FailureDialog({ controls }: { controls: Controls }) {
  if (!controls.failure) return null;
  const { kind, error } = controls.failure;
  const retry = () => {
    controls.clearFailure();
    if (kind === "microphone") controls.toggleMicrophone();
    else controls.toggleCamera();
  };
  return (
    <Dialog
      title={kind === "microphone" ? "Others cannot hear you" : "Others cannot see you"}
      onClose={controls.clearFailure}
    >
      <RepairNote kind={kind} error={error} onRetry={retry} />
      <button className="button" onClick={controls.clearFailure}>
        Go on without
      </button>
    </Dialog>
  );
}

function Floating({ reactions }: { reactions: readonly Reaction[] }) {
  return (
    <div className="floating" aria-hidden="true">
      {reactions.map((reaction) => (
        <span key={reaction.id} className="float" style={{ left: `${reaction.left}%` }} data-testid="reaction">
          <span className="float-emoji">{reaction.emoji}</span>
          <span className="float-name">{reaction.from}</span>
        </span>
      ))}
    </div>
  );
}
