use super::*;
use crate::sdp::{SectionKind, offered_sections};

const ANSWER: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 63 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=msid:old old-track\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;usedtx=0\r\n\
    a=ssrc:1234 cname:host\r\na=ssrc:1234 msid:old old-track\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101\r\na=mid:1\r\na=sendrecv\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\na=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n\
    a=ssrc-group:FID 5 6\r\na=ssrc:5 cname:host\r\na=ssrc:6 cname:host\r\n";

fn rewritten(plans: &[SectionPlan]) -> String {
    let once = rewrite_answer(ANSWER, plans).unwrap_or_default();
    assert_eq!(rewrite_answer(&once, plans).as_ref(), Ok(&once), "idempotent");
    assert!(once.lines().count() >= 10 && once.ends_with("\r\n") && !once.replace("\r\n", "").contains(['\r', '\n']));
    once
}

#[test]
fn nothing_planned_nothing_changed() {
    assert_eq!(rewritten(&[]), ANSWER);
    assert_eq!(rewritten(&[SectionPlan::keep("0"), SectionPlan::inactive("7")]), ANSWER);
    assert_eq!(rewrite_answer(&ANSWER.replace("\r\n", "\n"), &[]).as_deref(), Ok(ANSWER));
}

#[test]
fn inactive_sections_name_no_sender() {
    let out = rewritten(&[SectionPlan::inactive("0")]);
    let sections = offered_sections(&out).unwrap_or_default();
    assert_eq!(sections[0].direction, Direction::Inactive);
    assert!(sections[0].msid.is_none() && sections[0].ssrcs.is_empty());
    assert_eq!(sections[1].ssrcs, [5, 6], "the other section is untouched");
}

#[test]
fn sends_sets_stream_and_track_everywhere() {
    let out = rewritten(&[SectionPlan::sends("0", "PA_x|camera", "TR_y")]);
    assert!(out.contains("a=sendonly\r\na=msid:PA_x|camera TR_y\r\n"));
    assert!(out.contains("a=ssrc:1234 msid:PA_x|camera TR_y\r\n") && out.contains("a=ssrc:1234 cname:host\r\n"));
    assert!(!out.contains("old"));
    let out = rewritten(&[SectionPlan::sends("1", "PA_x|camera", "TR_y")]);
    assert!(out.contains("a=mid:1\r\na=msid:PA_x|camera TR_y\r\na=sendonly\r\n"), "{out}");
}

#[test]
fn stream_names_cannot_inject_lines() {
    let out = rewritten(&[SectionPlan::sends("0", "PA_x|my cam\r\na=evil|é", "")]);
    assert!(out.contains("a=msid:PA_x|my_cam__a_evil__ -\r\n"), "{out}");
    let long = "x".repeat(200);
    assert!(rewritten(&[SectionPlan::sends("0", &long, "t")]).contains(&format!("a=msid:{} t\r\n", &long[..64])));
}

#[test]
fn codec_first_with_its_retransmissions() {
    let first = |codec: &str| SectionPlan { first_codec: Some(codec.to_owned()), ..SectionPlan::keep("1") };
    assert!(rewritten(&[first("vp9")]).contains("SAVPF 98 99 100 101 96 97\r\n"));
    assert!(rewritten(&[first("VP8")]).contains("SAVPF 96 97 98 99 100 101\r\n"));
    assert!(rewritten(&[first("AV1")]).contains("SAVPF 96 97 98 99 100 101\r\n"));
    let opus = SectionPlan { first_codec: Some("OPUS".to_owned()), ..SectionPlan::keep("0") };
    assert!(rewritten(&[opus]).contains("SAVPF 111 63 0\r\n"));
}

#[test]
fn opus_parameters_replace_and_append() {
    let opus = |params: &[&str]| SectionPlan {
        opus_params: params.iter().map(|p| (*p).to_owned()).collect(),
        ..SectionPlan::keep("0")
    };
    let out = rewritten(&[opus(&["usedtx=1", "stereo=1", "maxaveragebitrate=510000", "bad=1;\r\na=x"])]);
    assert!(out.contains("a=fmtp:111 minptime=10;usedtx=1;stereo=1;maxaveragebitrate=510000\r\n"), "{out}");
    assert!(out.contains("a=fmtp:63 111/111\r\n"));
    let bare = ANSWER.replace("a=fmtp:111 minptime=10;usedtx=0\r\n", "");
    let out = rewrite_answer(&bare, &[opus(&["usedtx=1"])]).unwrap_or_default();
    assert!(out.contains("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 usedtx=1\r\n"), "{out}");
}

#[test]
fn two_plans_for_one_section_both_apply() {
    let codec = SectionPlan { first_codec: Some("VP9".to_owned()), ..SectionPlan::keep("1") };
    let out = rewritten(&[codec, SectionPlan::inactive("1")]);
    assert!(out.contains("SAVPF 98 99") && out.contains("a=inactive"));
    assert_eq!(offered_sections(&out).map(|s| s[1].kind), Ok(SectionKind::Video));
}

#[test]
fn an_extension_is_taken_out_of_the_picked_sections_only() {
    let line = "a=extmap:4/sendonly urn:x-ext param\r\n";
    let sdp = ANSWER.replace("a=mid:0\r\n", &format!("a=mid:0\r\n{line}a=extmap:5 urn:x-ext-longer\r\n"));
    let sdp = sdp.replace("a=mid:1\r\n", &format!("a=mid:1\r\n{line}"));
    let want = sdp.replacen(line, "", 1);
    assert_eq!(strip_extension(&sdp, "urn:x-ext", |mid| mid == "0"), Ok(want));
    assert_eq!(strip_extension(&sdp, "urn:other", |_| true), Ok(sdp));
}
