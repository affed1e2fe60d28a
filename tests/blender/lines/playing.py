"""What the tests of lines share: values that Blender plays, tracks and strips of a head."""

import numpy as np

from blendshape_talker.blender import animation


def values_at(scene, target, names, frame):
    """What Blender plays at ``frame``: values of the shape keys of these blendshapes."""
    scene.frame_set(frame)
    keys = animation.shape_key_names(target)
    return np.array([target.data.shape_keys.key_blocks[keys[name]].value for name in names])


def played(scene, target, take, speech=1.0, expression=1.0, shift=0):
    """Largest difference between the values Blender plays and the take's weights at these strengths."""
    wanted = take.weights.astype(float).copy()
    wanted[:, : take.speech_count] *= speech
    blinks = 0.0 if take.blink_weights is None else take.blink_weights
    wanted[:, take.speech_count :] = (wanted[:, take.speech_count :] - blinks) * expression + blinks
    worst = 0.0
    for index in {0, len(wanted) // 5, len(wanted) // 2, len(wanted) - 1}:
        values = values_at(scene, target, take.names, take.start_frame + index + shift)
        worst = max(worst, float(np.abs(values - wanted[index]).max()))
    return worst


def tracks(target):
    """Names of the NLA tracks with the frames of their strips, from below."""
    data = target.data.shape_keys.animation_data
    return [(item.name, [(s.frame_start, s.frame_end) for s in item.strips]) for item in data.nla_tracks]


def strips_of(target, layer):
    (line,) = animation.lines(target)
    return [strip for _, strip in line.strips[layer]]
