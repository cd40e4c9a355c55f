package gosdk

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/stretchr/testify/require"
)

func TestVideoWithoutLoss(t *testing.T) {
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeH264} {
		t.Run(mime[6:], func(t *testing.T) {
			modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
				room := roomName(t)
				callback, of := watch()
				join(t, room, "subscriber", callback, options)
				publisher := join(t, room, "publisher", nil, options)
				cam := newCamera(t, mime, 4000, 25)
				_, err := publisher.LocalParticipant.PublishTrack(cam.track, &lksdk.TrackPublicationOptions{
					Name: "video", Source: livekit.TrackSource_CAMERA, VideoWidth: 640, VideoHeight: 360,
				})
				require.NoError(t, err)
				eventually(t, 15*time.Second, "three hundred packets", func() bool { s := of("video"); return s != nil && s.account().packets > 300 })
				got := of("video").account()
				require.Zero(t, got.missing, "missing packets: %+v", got)
				require.LessOrEqual(t, got.repeated, 3, "%+v", got)
				if mime == webrtc.MimeTypeVP8 {
					require.Zero(t, got.holes, "frames that are not there: %+v", got)
					require.Greater(t, got.frames, 50)
					require.Less(t, cam.keys.Load(), uint32(6), "key frames asked for")
				}
				require.Equal(t, mime, of("video").mime)
			})
		})
	}
}

func TestAudioWithoutLoss(t *testing.T) {
	modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := roomName(t)
		callback, of := watch()
		join(t, room, "subscriber", callback, options)
		publisher := join(t, room, "publisher", nil, options)
		track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2})
		require.NoError(t, err)
		track.OnBind(func() { _ = track.StartWrite(&silence{}, nil) })
		_, err = publisher.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: "audio", Source: livekit.TrackSource_MICROPHONE})
		require.NoError(t, err)
		eventually(t, 15*time.Second, "two hundred packets", func() bool { s := of("audio"); return s != nil && s.account().packets > 200 })
		got := of("audio").account()
		require.Zero(t, got.missing, "%+v", got)
		require.LessOrEqual(t, got.repeated, 3, "%+v", got)
	})
}

// silence is Opus that says nothing, in frames of 20 ms.
type silence struct{ lksdk.BaseSampleProvider }

func (*silence) NextSample(context.Context) (media.Sample, error) {
	return media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}, nil
}

type inbox struct {
	mu    sync.Mutex
	texts []string
	from  []string
}

func (i *inbox) callback() *lksdk.RoomCallback {
	callback := &lksdk.RoomCallback{}
	callback.OnDataPacket = func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
		if user, ok := data.(*lksdk.UserDataPacket); ok {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.texts = append(i.texts, string(user.Payload))
			i.from = append(i.from, params.SenderIdentity)
		}
	}
	return callback
}

func (i *inbox) list() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.texts...)
}

func TestReliableDataBothWays(t *testing.T) {
	modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := roomName(t)
		var anas, bens, cems inbox
		ana := join(t, room, "ana", anas.callback(), options)
		ben := join(t, room, "ben", bens.callback(), options)
		join(t, room, "cem", cems.callback(), options)
		var want []string
		for i := range 300 {
			text := fmt.Sprint(i)
			want = append(want, text)
			require.NoError(t, ana.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)), lksdk.WithDataPublishReliable(true)))
			require.NoError(t, ben.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)), lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishDestination([]string{"ana"})))
		}
		eventually(t, 15*time.Second, "all of it", func() bool { return len(anas.list()) == 300 && len(bens.list()) == 300 && len(cems.list()) == 300 })
		require.Equal(t, want, anas.list())
		require.Equal(t, want, bens.list())
		require.Equal(t, want, cems.list())
		require.Equal(t, "ana", bens.from[0])
		require.Equal(t, "ben", anas.from[0])
	})
}

func TestResumeAndRestart(t *testing.T) {
	for name, scenario := range map[string]lksdk.SimulateScenario{
		"signal": lksdk.SimulateSignalReconnect, "node": lksdk.SimulateNodeFailure, "migration": lksdk.SimulateMigration,
		"leave": lksdk.SimulateLeaveRequestFullReconnect,
	} {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
				room := roomName(t)
				callback, of := watch()
				join(t, room, "subscriber", callback, options)
				reconnected := make(chan struct{}, 10)
				publisher := join(t, room, "publisher", &lksdk.RoomCallback{OnReconnected: func() { reconnected <- struct{}{} }}, options)
				cam := newCamera(t, webrtc.MimeTypeVP8, 2000, 25)
				_, err := publisher.LocalParticipant.PublishTrack(cam.track, &lksdk.TrackPublicationOptions{Name: "video", Source: livekit.TrackSource_CAMERA})
				require.NoError(t, err)
				eventually(t, 15*time.Second, "video", func() bool { s := of("video"); return s != nil && s.account().packets > 50 })
				before := of("video")
				publisher.Simulate(scenario)
				select {
				case <-reconnected:
				case <-time.After(25 * time.Second):
					t.Fatal("the publisher did not come back")
				}
				if name == "signal" {
					packets := before.account().packets
					eventually(t, 10*time.Second, "video to go on", func() bool { return before.account().packets > packets+50 })
					require.Zero(t, before.account().missing, "a resume loses nothing: %+v", before.account())
					return
				}
				eventually(t, 20*time.Second, "video again", func() bool { s := of("video"); return s != before && s.account().packets > 50 })
				require.Zero(t, of("video").account().missing)
			})
		})
	}
}

func TestRemoteProcedureCall(t *testing.T) {
	modes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := roomName(t)
		ana := join(t, room, "ana", nil, options)
		ben := join(t, room, "ben", nil, options)
		require.NoError(t, ben.RegisterRpcMethod("double", func(data lksdk.RpcInvocationData) (string, error) {
			return data.CallerIdentity + ":" + data.Payload + data.Payload, nil
		}))
		answer, err := ana.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: "ben", Method: "double", Payload: "ab"})
		require.NoError(t, err)
		require.Equal(t, "ana:abab", *answer)
		_, err = ana.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: "ben", Method: "missing", Payload: ""})
		require.ErrorContains(t, err, "1400")
	})
}
