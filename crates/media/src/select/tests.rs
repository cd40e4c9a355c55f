use super::*;

fn layers(heights: &[u32], active: u8) -> Vec<Available> {
    let layer = |(spatial, height): (u8, &u32)| Available {
        spatial,
        width: height * 16 / 9,
        height: *height,
        active: active & (1 << spatial) != 0,
    };
    (0..).zip(heights).map(layer).collect()
}

fn sized(height: u32) -> Wanted {
    Wanted { width: height * 16 / 9, height, ..Wanted::default() }
}

fn quality(quality: i32) -> Wanted {
    Wanted { quality, ..Wanted::default() }
}

#[test]
fn the_ideal_layer() {
    let hd = [180, 360, 720];
    let table: [(Wanted, &[u32], Option<u8>); 20] = [
        (quality(0), &hd, Some(0)),
        (quality(1), &hd, Some(1)),
        (quality(2), &hd, Some(2)),
        (quality(3), &hd, None),
        (Wanted { disabled: true, ..sized(720) }, &hd, None),
        (quality(2), &[720], Some(0)),
        (quality(2), &[360, 720], Some(1)),
        (quality(2), &[], None),
        (sized(180), &hd, Some(0)),
        (sized(200), &hd, Some(0)),
        (sized(201), &hd, Some(1)),
        (sized(400), &hd, Some(1)),
        (sized(401), &hd, Some(2)),
        (sized(4000), &hd, Some(2)),
        (sized(1), &hd, Some(0)),
        (sized(100), &[360, 360, 720], Some(1)),
        (Wanted { quality: 3, ..sized(300) }, &hd, Some(1)),
        (sized(200), &[0, 0, 0], Some(0)),
        (sized(300), &[0, 0, 0], Some(1)),
        (Wanted { width: 180, height: 320, ..Wanted::default() }, &[0, 0, 0], Some(0)),
    ];
    for (wanted, heights, want) in table {
        assert_eq!(wanted.ideal(&layers(heights, 0)), want, "{wanted:?} of {heights:?}");
    }
}

#[test]
fn what_is_sent_limits_what_is_received() {
    let hd = |active| layers(&[180, 360, 720], active);
    let table = [
        (quality(2), 0b111, Some(2)),
        (quality(2), 0b011, Some(1)),
        (quality(2), 0b001, Some(0)),
        (quality(1), 0b101, Some(0)),
        (quality(0), 0b110, Some(1)),
        (quality(1), 0b100, Some(2)),
        (quality(1), 0b000, Some(1)),
    ];
    for (wanted, active, want) in table {
        assert_eq!(wanted.spatial(&hd(active)), want, "{wanted:?} of {active:03b}");
        assert_eq!(wanted.quality_of(&hd(active)), wanted.quality_of(&hd(0b111)), "asks for the ideal");
    }
    assert_eq!(sized(300).quality_of(&hd(0)), Some(Quality::Medium));
}

#[test]
fn frame_rates() {
    for (fps, want) in [(0, ALL_TEMPORAL), (7, 0), (15, 1), (20, ALL_TEMPORAL), (60, ALL_TEMPORAL)] {
        assert_eq!(Wanted { fps, ..Wanted::default() }.temporal(), want, "{fps} fps");
    }
}

const PASS: Decision = Decision { forward: true, switched: false };
const SWITCH: Decision = Decision { forward: true, switched: true };
const DROP: Decision = Decision { forward: false, switched: false };

#[test]
fn changes_wait_for_keyframes() {
    let all = layers(&[180, 360, 720], 0b111);
    let mut switch = LayerSwitch::default();
    assert_eq!((switch.decide(0, true, true), switch.needs_keyframe()), (DROP, None), "nothing chosen");
    switch.aim(&all, &quality(0));
    assert_eq!(switch.needs_keyframe(), Some(0));
    assert_eq!(switch.decide(0, false, true), DROP);
    assert_eq!(switch.decide(1, true, true), DROP);
    assert_eq!(switch.decide(0, true, true), SWITCH);
    assert_eq!(switch.decide(0, true, true), PASS);
    switch.aim(&all, &quality(2));
    assert_eq!((switch.current(), switch.needs_keyframe()), (Some(0), Some(2)));
    assert_eq!(switch.decide(0, false, true), PASS, "the old layer until the new one begins");
    assert_eq!(switch.decide(2, true, true), SWITCH);
    assert_eq!(switch.decide(0, true, true), DROP);
    assert_eq!(switch.needs_keyframe(), None);
}

#[test]
fn a_vanished_layer_is_left_and_returned_to() {
    let mut switch = LayerSwitch::default();
    switch.aim(&layers(&[180, 360, 720], 0b111), &quality(2));
    assert_eq!(switch.decide(2, true, true), SWITCH);
    switch.aim(&layers(&[180, 360, 720], 0b011), &quality(2));
    assert_eq!(switch.needs_keyframe(), Some(1));
    switch.aim(&layers(&[180, 360, 720], 0b111), &quality(2));
    assert_eq!((switch.needs_keyframe(), switch.decide(2, false, true)), (None, PASS));
}

#[test]
fn pauses() {
    let all = layers(&[180], 1);
    let mut switch = LayerSwitch::default();
    switch.aim(&all, &quality(2));
    assert_eq!(switch.decide(0, true, true), SWITCH);
    switch.aim(&all, &Wanted { disabled: true, ..quality(2) });
    assert_eq!((switch.decide(0, true, true), switch.needs_keyframe()), (DROP, None));
    switch.aim(&all, &quality(2));
    assert_eq!((switch.needs_keyframe(), switch.decide(0, false, true)), (Some(0), DROP));
    assert_eq!(switch.decide(0, true, true), SWITCH);

    let mut audio = LayerSwitch::default();
    assert_eq!((audio.decide(0, false, false), audio.decide(0, false, false)), (SWITCH, PASS));
    audio.set_paused(true);
    assert_eq!(audio.decide(0, false, false), DROP);
    audio.set_paused(false);
    assert_eq!((audio.decide(0, false, false), audio.current(), audio.needs_keyframe()), (SWITCH, None, None));
}

#[test]
fn temporal_layers_return_with_sync_frames() {
    let all = layers(&[180], 1);
    let mut switch = LayerSwitch::default();
    switch.aim(&all, &quality(2));
    switch.decide(0, true, true);
    assert!(switch.passes(2, false));
    switch.aim(&all, &Wanted { fps: 7, ..quality(2) });
    assert!(switch.passes(0, false) && !switch.passes(1, true));
    switch.aim(&all, &quality(2));
    assert!(!switch.passes(1, false) && !switch.passes(2, true), "one at a time");
    assert!(switch.passes(1, true) && switch.passes(1, false));
    assert!(!switch.passes(2, false), "its own layer has not synchronised");
    assert!(switch.passes(2, true) && switch.passes(2, false));
    switch.aim(&all, &Wanted { fps: 7, ..quality(2) });
    assert!(!switch.passes(2, false));
    switch.aim(&all, &quality(2));
    switch.decide(0, true, true);
    assert!(switch.passes(2, false), "a keyframe depends on nothing");
}
