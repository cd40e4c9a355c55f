use super::*;

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\na=mid:1\r\na=sendonly\r\na=msid:s1 cam-1\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=rid:q send\r\na=rid:h send\r\na=simulcast:send q;h\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n\
m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:9\r\na=inactive\r\n";

#[test]
fn reads_an_offer() {
    let sections = offered_sections(OFFER).unwrap();
    assert_eq!(sections.len(), 4);
    assert!(sections[0].client_receives() && !sections[0].client_sends());
    assert_eq!(sections[1].msid, Some(("s1".to_owned(), "cam-1".to_owned())));
    assert_eq!(sections[1].rids, ["q", "h"]);
    assert_eq!(sections[1].codecs, ["VP8", "rtx", "VP9", "rtx"]);
    assert_eq!(sections[2].kind, SectionKind::Application);
    assert!(sections[3].rejected);
    assert_eq!(offered_sections("hello"), Err(SdpTextError::NotSdp));
    assert_eq!(offered_sections("v=0\r\nm=audio 9 X 0\r\n"), Err(SdpTextError::MissingMid));
}

#[test]
fn carries_out_plans_and_is_idempotent() {
    let answer = OFFER.replace("a=recvonly", "a=sendonly\r\na=ssrc:5 cname:x\r\na=ssrc:5 msid:a b");
    let mut codec = SectionPlan::keep("1");
    codec.first_codec = Some("vp9".to_owned());
    let mut audio = SectionPlan::sends("0", "PA_1|camera", "TR_1");
    audio.opus_params = vec!["usedtx=1".to_owned()];
    let plans = [audio, codec];
    let once = rewrite_answer(&answer, &plans).unwrap();
    assert!(once.contains("a=sendonly\r\na=msid:PA_1|camera TR_1\r\n"));
    assert!(once.contains("a=ssrc:5 msid:PA_1|camera TR_1\r\n"));
    assert!(once.contains("m=video 9 UDP/TLS/RTP/SAVPF 98 99 96 97\r\n"));
    assert!(once.contains("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n"));
    assert_eq!(rewrite_answer(&once, &plans).unwrap(), once);
}

#[test]
fn a_silent_section_names_no_stream() {
    let answer = OFFER.replace("a=recvonly", "a=sendonly\r\na=msid:a b\r\na=ssrc-group:FID 5 6\r\na=ssrc:5 cname:x");
    let out = rewrite_answer(&answer, &[SectionPlan::inactive("0")]).unwrap();
    let section = split_sections(&out).remove(1).join("\n");
    assert!(section.contains("a=inactive") && !section.contains("msid") && !section.contains("ssrc"), "{section}");
}
