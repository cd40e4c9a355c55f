// Package gosdk runs the official Go SDK against a server given by LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.
package gosdk

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/stretchr/testify/require"
)

var (
	url    = os.Getenv("LIVEKIT_URL")
	key    = os.Getenv("LIVEKIT_API_KEY")
	secret = os.Getenv("LIVEKIT_API_SECRET")
)

func TestMain(m *testing.M) {
	if url == "" || key == "" || secret == "" {
		fmt.Fprintln(os.Stderr, "LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed")
		os.Exit(2)
	}
	logger.InitFromConfig(&logger.Config{Level: "error"}, "go-sdk")
	os.Exit(m.Run())
}

// modes runs a test with one and with two peer connections.
func modes(t *testing.T, test func(t *testing.T, options []lksdk.ConnectOption)) {
	t.Run("v0", func(t *testing.T) { test(t, nil) })
	t.Run("v1", func(t *testing.T) { test(t, []lksdk.ConnectOption{lksdk.WithSinglePeerConnection()}) })
}

func roomName(t *testing.T) string {
	return strings.ReplaceAll(t.Name(), "/", "-") + "-" + uuid.NewString()[:8]
}

func join(t *testing.T, room, identity string, callback *lksdk.RoomCallback, options []lksdk.ConnectOption) *lksdk.Room {
	t.Helper()
	if callback == nil {
		callback = &lksdk.RoomCallback{}
	}
	r, err := lksdk.ConnectToRoom(url, lksdk.ConnectInfo{
		APIKey: key, APISecret: secret, RoomName: room, ParticipantIdentity: identity,
	}, callback, options...)
	require.NoError(t, err)
	t.Cleanup(r.Disconnect)
	return r
}

func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, within, 50*time.Millisecond, what)
}

var vp8KeyFrame = []byte{
	0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, 0x00, 0x47, 0x08, 0x85, 0x85, 0x88,
	0x85, 0x84, 0x88, 0x02, 0x02, 0x00, 0x0c, 0x0d, 0x60, 0x00, 0xfe, 0xff, 0xab, 0x50, 0x80,
}

var h264KeyFrame = []byte{
	0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x0f, 0xd9, 0x1f, 0x88, 0x88, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
	0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc9, 0x20,
	0, 0, 0, 1, 0x68, 0x87, 0xcb, 0x83, 0xcb, 0x20,
	0, 0, 0, 1, 0x65, 0x88, 0x84, 0x0a, 0xf2, 0x62, 0x80, 0x00, 0xa7, 0xbe,
}

const stamp = 64 // where a frame carries its number

// camera writes numbered frames to a track: a key frame first and whenever one is asked for.
type camera struct {
	track   *lksdk.LocalTrack
	mime    string
	size    int
	fps     int
	layer   uint32
	wantKey atomic.Bool
	sent    atomic.Uint32
	keys    atomic.Uint32
	stop    chan struct{}
	once    sync.Once
}

func newCamera(t *testing.T, mime string, size, fps int, options ...lksdk.LocalTrackOptions) *camera {
	t.Helper()
	c := &camera{mime: mime, size: size, fps: fps, stop: make(chan struct{})}
	c.wantKey.Store(true)
	options = append(options, lksdk.WithRTCPHandler(func(packet rtcp.Packet) {
		switch packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			c.wantKey.Store(true)
		}
	}))
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000}, options...)
	require.NoError(t, err)
	c.track = track
	track.OnBind(func() { go c.run() })
	t.Cleanup(c.halt)
	return c
}

func (c *camera) halt() { c.once.Do(func() { close(c.stop) }) }

func (c *camera) run() {
	tick := time.NewTicker(time.Second / time.Duration(c.fps))
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			number := c.sent.Add(1)
			frame := c.frame(number)
			_ = c.track.WriteSample(media.Sample{Data: frame, Duration: time.Second / time.Duration(c.fps)}, nil)
		}
	}
}

func (c *camera) frame(number uint32) []byte {
	isKey := c.wantKey.Swap(false)
	if isKey {
		c.keys.Add(1)
	}
	if c.mime == webrtc.MimeTypeH264 {
		// Only key frames: what counts is that every packet arrives.
		return append([]byte(nil), h264KeyFrame...)
	}
	frame := make([]byte, c.size)
	copy(frame, vp8KeyFrame)
	if !isKey {
		frame[0] |= 1
	}
	binary.BigEndian.PutUint32(frame[stamp:], number)
	binary.BigEndian.PutUint32(frame[stamp+4:], c.layer)
	return frame
}

// sink reads a subscribed track and keeps every packet once, by its sequence number made unique.
type sink struct {
	mu       sync.Mutex
	mime     string
	seen     map[int64]*rtp.Packet
	first    int64
	last     int64
	repeated int
}

func (s *sink) read(track *webrtc.TrackRemote) {
	s.mu.Lock()
	s.mime = track.Codec().MimeType
	s.seen = map[int64]*rtp.Packet{}
	s.mu.Unlock()
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		s.take(packet)
	}
}

func (s *sink) take(packet *rtp.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		s.first = int64(packet.SequenceNumber) + 1<<20
		s.last = s.first
	}
	at := s.last + int64(int16(packet.SequenceNumber-uint16(s.last)))
	if _, known := s.seen[at]; known {
		s.repeated++
		return
	}
	s.seen[at] = packet
	s.last = max(s.last, at)
	s.first = min(s.first, at)
}

type account struct {
	packets, missing, repeated int
	frames, holes              int
	layer                      uint32
	size                       int
}

// account puts the packets in order and says what is there. A packet that came twice, because it was sent again while the
// first was only late, does no harm; one that never came is missing.
func (s *sink) account() account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := account{packets: len(s.seen), repeated: s.repeated}
	if a.packets == 0 {
		return a
	}
	a.missing = int(s.last-s.first) + 1 - a.packets
	if s.mime != webrtc.MimeTypeVP8 {
		return a
	}
	var frame []byte
	var before, layer uint32
	for at := s.first; at <= s.last; at++ {
		packet := s.seen[at]
		if packet == nil || len(packet.Payload) == 0 {
			continue
		}
		var vp8 codecs.VP8Packet
		payload, err := vp8.Unmarshal(packet.Payload)
		if err != nil {
			continue
		}
		if vp8.S == 1 && vp8.PID == 0 {
			frame = nil
		}
		frame = append(frame, payload...)
		if !packet.Marker || len(frame) < stamp+8 {
			continue
		}
		number := binary.BigEndian.Uint32(frame[stamp:])
		a.layer, a.size = binary.BigEndian.Uint32(frame[stamp+4:]), len(frame)
		if a.frames > 0 && a.layer == layer && number != before+1 {
			a.holes++
		}
		before, layer = number, a.layer
		a.frames++
	}
	return a
}

// watch is a callback that reads every subscribed track into a sink of its own, by name of the publication.
func watch() (*lksdk.RoomCallback, func(name string) *sink) {
	var mu sync.Mutex
	sinks := map[string]*sink{}
	callback := &lksdk.RoomCallback{}
	callback.OnTrackSubscribed = func(track *webrtc.TrackRemote, publication *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		s := &sink{}
		mu.Lock()
		sinks[publication.Name()] = s
		mu.Unlock()
		s.read(track)
	}
	return callback, func(name string) *sink {
		mu.Lock()
		defer mu.Unlock()
		return sinks[name]
	}
}

func quality(layer int) livekit.VideoQuality { return livekit.VideoQuality(layer) }
