//! SDP surgery on descriptions that look like those of browsers, and on damaged ones.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tandem_wire::sdp::{Direction, OfferedSection, SectionKind, SectionPlan, offered_sections, rewrite_answer};

const VIDEO: &str = "96 97 98 99 35 36 125 107";
const VIDEO_LINES: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0;x-google-start-bitrate=1000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=rtpmap:35 AV1/90000\r\na=rtpmap:36 rtx/90000\r\na=fmtp:36 apt=35\r\n\
    a=rtpmap:125 H264/90000\r\na=fmtp:125 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=125\r\n";
const AUDIO_LINES: &str = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\n";

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::SendRecv),
        Just(Direction::SendOnly),
        Just(Direction::RecvOnly),
        Just(Direction::Inactive)
    ]
}

/// A media section with or without a sender.
fn section() -> impl Strategy<Value = (bool, Direction, bool, bool)> {
    (any::<bool>(), direction(), any::<bool>(), any::<bool>())
}

fn write(index: usize, (audio, direction, sender, simulcast): (bool, Direction, bool, bool)) -> String {
    let (head, lines) = if audio {
        ("m=audio 9 UDP/TLS/RTP/SAVPF 63 111 9 0 110".to_owned(), AUDIO_LINES)
    } else {
        (format!("m=video 9 UDP/TLS/RTP/SAVPF {VIDEO}"), VIDEO_LINES)
    };
    let mut text = format!(
        "{head}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secretsecretsecretsecret\r\n\
         a=fingerprint:sha-256 AA:BB\r\na=setup:passive\r\na=mid:{index}\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a={}\r\na=rtcp-mux\r\n{lines}",
        direction.as_str()
    );
    if sender {
        text += &format!("a=msid:stream-{index} track-{index}\r\na=ssrc-group:FID 1{index} 2{index}\r\n");
        text += &format!(
            "a=ssrc:1{index} cname:me\r\na=ssrc:1{index} msid:stream-{index} track-{index}\r\na=ssrc:2{index} cname:me\r\n"
        );
    }
    if simulcast && !audio {
        text += "a=rid:q send\r\na=rid:h send\r\na=simulcast:send q;h\r\n";
    }
    text
}

fn description() -> impl Strategy<Value = String> {
    prop::collection::vec(section(), 0..6).prop_map(|sections| {
        let head =
            "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n";
        let mut text = head.to_owned();
        for (index, section) in sections.into_iter().enumerate() {
            text += &write(index, section);
        }
        text + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\na=sctp-port:5000\r\n"
    })
}

fn plan() -> impl Strategy<Value = SectionPlan> {
    let codec = prop_oneof![
        Just(None),
        Just(Some("VP9")),
        Just(Some("av1")),
        Just(Some("H264")),
        Just(Some("opus")),
        Just(Some("none"))
    ];
    let msid = prop::option::of(("\\PC{0,80}", "[ -~]{0,20}"));
    let params = prop_oneof![
        Just(vec![]),
        Just(vec!["usedtx=1".to_owned()]),
        Just(vec!["stereo=1".to_owned(), "maxaveragebitrate=510000".to_owned(), "useinbandfec=0".to_owned()]),
    ];
    (0usize..7, prop::option::of(direction()), msid, codec, params).prop_map(
        |(mid, direction, msid, codec, opus_params)| SectionPlan {
            mid: mid.to_string(),
            direction,
            msid,
            first_codec: codec.map(str::to_owned),
            opus_params,
        },
    )
}

fn by_mid<'a>(sections: &'a [OfferedSection], mid: &str) -> Option<&'a OfferedSection> {
    sections.iter().find(|s| s.mid == mid)
}

proptest! {
    #[test]
    fn surgery_does_what_it_says_and_no_more(sdp in description(), plan in plan()) {
        let before = offered_sections(&sdp).unwrap();
        let out = rewrite_answer(&sdp, std::slice::from_ref(&plan)).unwrap();
        let again = rewrite_answer(&out, std::slice::from_ref(&plan)).unwrap();
        prop_assert_eq!(&again, &out, "idempotent");
        prop_assert!(out.split("\r\n").all(|line| !line.contains(['\r', '\n'])) && out.ends_with("\r\n"));
        let after = offered_sections(&out).unwrap();
        prop_assert_eq!(before.len(), after.len());
        for (old, new) in before.iter().zip(&after) {
            if old.mid != plan.mid {
                prop_assert_eq!(old, new);
            }
            prop_assert_eq!((&old.mid, old.kind, old.has_simulcast), (&new.mid, new.kind, new.has_simulcast));
        }
        let (Some(old), Some(new)) = (by_mid(&before, &plan.mid), by_mid(&after, &plan.mid)) else { return Ok(()) };
        prop_assert_eq!(new.direction, plan.direction.unwrap_or(old.direction));
        let mut codecs = (old.codecs.clone(), new.codecs.clone());
        codecs.0.sort();
        codecs.1.sort();
        prop_assert_eq!(codecs.0, codecs.1, "no codec is lost");
        if let Some(first) = plan.first_codec.filter(|f| old.codecs.iter().any(|c| c.eq_ignore_ascii_case(f))) {
            prop_assert!(new.codecs[0].eq_ignore_ascii_case(&first));
        }
        if plan.direction == Some(Direction::Inactive) {
            prop_assert!(new.msid.is_none() && new.ssrcs.is_empty());
        } else {
            prop_assert_eq!(&old.ssrcs, &new.ssrcs);
            prop_assert!(plan.msid.is_none() || new.msid.as_ref().is_some_and(|(_, track)| !track.is_empty()));
        }
    }

    #[test]
    fn opus_parameters_arrive(sdp in description()) {
        let plans: Vec<SectionPlan> = (0..6)
            .map(|mid: i32| SectionPlan { opus_params: vec!["usedtx=1".to_owned()], ..SectionPlan::keep(&mid.to_string()) })
            .collect();
        let out = rewrite_answer(&sdp, &plans).unwrap();
        let audios = offered_sections(&sdp).unwrap().iter().filter(|s| s.kind == SectionKind::Audio).count();
        prop_assert_eq!(out.matches("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n").count(), audios);
    }

    #[test]
    fn damaged_text_never_panics(sdp in description(), at in any::<prop::sample::Index>(), junk in "\\PC{0,6}|[\r\n=:; ]{0,4}", plan in plan()) {
        let cut = at.index(sdp.len() + 1);
        let mut damaged = sdp.clone();
        damaged.insert_str(cut, &junk);
        let _ = offered_sections(&damaged);
        if let Ok(out) = rewrite_answer(&damaged, std::slice::from_ref(&plan)) {
            prop_assert_eq!(rewrite_answer(&out, &[plan]), Ok(out));
        }
        let _ = offered_sections(&sdp[..cut]);
    }

    #[test]
    fn garbage_is_refused(text in "\\PC{0,100}") {
        prop_assume!(!text.starts_with("v=0"));
        prop_assert!(offered_sections(&text).is_err());
        prop_assert!(rewrite_answer(&text, &[]).is_err());
    }
}
