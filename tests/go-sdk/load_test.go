package gosdk

import (
	"fmt"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

const subscribers = 20

// One publisher in three layers, twenty subscribers: nobody lacks a track or a packet, also while layers change.
func TestSimulcastToTwenty(t *testing.T) {
	modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := roomName(t)
		publisher := join(t, room, "publisher", nil, options)
		var cameras []*camera
		var tracks []*lksdk.LocalTrack
		for layer, size := range []int{800, 2000, 5000} {
			cam := newCamera(t, webrtc.MimeTypeVP8, size, 20, lksdk.WithSimulcast("SC_video", &livekit.VideoLayer{
				Quality: quality(layer), Width: uint32(320 << layer), Height: uint32(180 << layer), Bitrate: uint32(size * 8 * 20),
			}))
			cam.layer = uint32(layer)
			cameras = append(cameras, cam)
			tracks = append(tracks, cam.track)
		}
		_, err := publisher.LocalParticipant.PublishSimulcastTrack(tracks, &lksdk.TrackPublicationOptions{Name: "video", Source: livekit.TrackSource_CAMERA})
		require.NoError(t, err)

		type viewer struct {
			room *lksdk.Room
			of   func(string) *sink
		}
		var viewers []viewer
		for i := range subscribers {
			callback, of := watch()
			viewers = append(viewers, viewer{join(t, room, fmt.Sprintf("subscriber-%d", i), callback, options), of})
		}
		all := func(condition func(a account) bool) func() bool {
			return func() bool {
				for _, v := range viewers {
					if s := v.of("video"); s == nil || !condition(s.account()) {
						return false
					}
				}
				return true
			}
		}
		eventually(t, 30*time.Second, "everybody to get a hundred frames of the top layer", all(func(a account) bool { return a.frames > 100 && a.layer == 2 }))
		check := func() {
			t.Helper()
			for i, v := range viewers {
				got := v.of("video").account()
				require.Zero(t, got.missing, "subscriber %d: %+v", i, got)
				require.LessOrEqual(t, got.repeated, 3, "subscriber %d: %+v", i, got)
				require.Zero(t, got.holes, "subscriber %d: %+v", i, got)
			}
		}
		check()

		for i, v := range viewers {
			for _, p := range v.room.GetRemoteParticipants() {
				for _, pub := range p.TrackPublications() {
					if remote, ok := pub.(*lksdk.RemoteTrackPublication); ok && remote.Name() == "video" {
						require.NoError(t, remote.SetVideoQuality(quality(i%2)))
					}
				}
			}
		}
		eventually(t, 20*time.Second, "everybody on the layer asked for", func() bool {
			for i, v := range viewers {
				if v.of("video").account().layer != uint32(i%2) {
					return false
				}
			}
			return true
		})
		check()
		keys := uint32(0)
		for _, cam := range cameras {
			keys += cam.keys.Load()
		}
		require.Less(t, keys, uint32(60), "key frames asked for by twenty subscribers are merged")
	})
}

// Many rooms at once stay apart.
func TestRoomsStayApart(t *testing.T) {
	name := roomName(t)
	var inboxes [8]inbox
	var rooms [8]*lksdk.Room
	for i := range rooms {
		rooms[i] = join(t, fmt.Sprintf("%s-%d", name, i/2), fmt.Sprintf("p%d", i), inboxes[i].callback(), nil)
	}
	for i, room := range rooms {
		require.NoError(t, room.LocalParticipant.PublishDataPacket(lksdk.UserData(fmt.Appendf(nil, "from %d", i)), lksdk.WithDataPublishReliable(true)))
	}
	for i := range inboxes {
		eventually(t, 10*time.Second, "the message of the neighbour", func() bool { return len(inboxes[i].list()) >= 1 })
		require.Equal(t, []string{fmt.Sprintf("from %d", i^1)}, inboxes[i].list())
	}
}
