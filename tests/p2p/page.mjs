// What the pages of these tests need, as globals: the official clients, unmodified.
import { MsgPackPeer, Peer } from 'peerjs';
import { WebrtcProvider } from 'y-webrtc';
import * as Y from 'yjs';

Object.assign(globalThis, { MsgPackPeer, Peer, WebrtcProvider, Y });
