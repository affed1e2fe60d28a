"""Fitting FLAME parameters, on a model file that the tests make: FLAME's structure, smooth bumps for its directions."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face import flame_model
from blendshape_talker.face.flame import load_head

EXPRESSIONS = 40


def make_content():
    """The arrays of a FLAME model file over the demo head, with 300 identity and 40 expression directions."""
    generator = np.random.default_rng(5)
    template = load_head().vertices.astype(float)
    face = np.flatnonzero(load_head().mouth > 0.2)
    centres = template[generator.choice(face, EXPRESSIONS)]
    near = np.exp(-((template[:, None] - centres) ** 2).sum(2) / (2 * 0.015**2))
    expression = near[:, None, :] * generator.normal(0, 0.002, (1, 3, EXPRESSIONS))
    jaw_share = 1 / (1 + np.exp((template[:, 1] + 0.0412) / 0.0005)) * load_head().face
    weights = np.zeros((len(template), 5))
    weights[:, 2], weights[:, 0] = jaw_share, 1 - jaw_share
    regressor = np.zeros((5, len(template)))
    places = [(0, -0.1, 0), (0, -0.06, -0.01), (0, -0.01, 0), (0.03, 0.03, 0.03), (-0.03, 0.03, 0.03)]
    for joint, place in enumerate(places):
        regressor[joint, np.argsort(((template - place) ** 2).sum(1))[:8]] = 1 / 8
    directions = np.zeros((len(template), 3, 300 + EXPRESSIONS), np.float32)
    directions[:, :, 300:] = expression
    return {
        "v_template": template,
        "shapedirs": directions,
        "posedirs": generator.normal(0, 1e-4, (len(template), 3, 36)).astype(np.float32),
        "J_regressor": regressor,
        "weights": weights,
        "f": np.zeros((4, 3), np.int32),
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "model.npz"
    np.savez(path, **make_content())
    return path


@pytest.fixture(scope="module")
def model(model_file):
    return flame_model.load_flame_model(model_file)


def performance(model, frames=50):
    generator = np.random.default_rng(1)
    expression = generator.normal(0, 1, (frames, EXPRESSIONS))
    jaw = np.zeros((frames, 3))
    jaw[:, 0] = np.linspace(0, 0.35, frames)
    jaw[:, 1] = 0.03 * np.sin(np.arange(frames))
    return expression, jaw


def test_zero_parameters_are_the_template(model):
    rest = model.vertices(np.zeros((1, EXPRESSIONS)), np.zeros((1, 3)))
    np.testing.assert_allclose(rest[0], model.template, atol=1e-12)


def test_jaw_turns_about_its_joint_and_opens_the_mouth(model):
    opened = model.vertices(np.zeros((1, EXPRESSIONS)), np.array([[0.3, 0, 0]]))[0] - model.template
    assert opened[3504, 1] < -0.008 and abs(opened[3546, 1]) < 0.004
    assert np.linalg.norm(opened[np.argmax(model.template[:, 1])]) < 1e-3, "the crown of the head stays"


def test_jacobian_is_the_models_derivative(model):
    jacobian = model.jacobian_at_rest()
    step = 1e-6
    for column in (0, EXPRESSIONS - 1, EXPRESSIONS, EXPRESSIONS + 1, EXPRESSIONS + 2):
        parameters = np.zeros((1, EXPRESSIONS + 3))
        parameters[0, column] = step
        moved = model.vertices(parameters[:, :EXPRESSIONS], parameters[:, EXPRESSIONS:])[0] - model.template
        np.testing.assert_allclose(jacobian[:, column], moved.ravel() / step, atol=2e-6)


def test_rotation_matrices_are_rotations():
    turns = flame_model.rotation_matrices(np.array([[0, 0, 0], [0.3, -0.2, 0.9], [0, 0, np.pi / 2]]))
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (3, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(turns[2] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_fit_finds_the_parameters_that_made_the_animation(model):
    expression, jaw = performance(model)
    displacement = model.vertices(expression, jaw) - model.template
    fitter = flame_model.FlameFitter(model, load_head().face)
    # one blendshape per frame, at full weight: the same path as any animation
    fitted = fitter.fit(np.eye(len(displacement)), displacement)
    assert fitted.error_mm.max() < 0.02
    np.testing.assert_allclose(fitted.jaw_pose, jaw, atol=2e-3)


def test_blendshapes_map_to_parameters_once(model):
    expression, _ = performance(model, 4)
    shapes = (expression @ model.expression_directions.reshape(-1, EXPRESSIONS).T).reshape(4, -1, 3)
    mapping = flame_model.FlameFitter(model, load_head().face).fit_blendshapes(shapes)
    assert mapping.shape == (4, EXPRESSIONS + 3)
    back = (mapping[:, :-3] @ model.expression_directions.reshape(-1, EXPRESSIONS).T).reshape(4, -1, 3)
    assert np.abs(back - shapes).max() < 2e-4


def test_no_frames_give_empty_parameters(model):
    fitted = flame_model.FlameFitter(model, load_head().face).fit(np.zeros((0, 2)), np.zeros((2, 5023, 3)))
    assert fitted.expression.shape == (0, EXPRESSIONS) and fitted.error_mm.shape == (0,)


def test_saved_file_has_the_layout_of_gaussian_avatars(model, tmp_path):
    expression, jaw = performance(model, 10)
    parameters = flame_model.FlameParameters(expression.astype(np.float32), jaw.astype(np.float32), np.zeros(10))
    path = flame_model.save_parameters(tmp_path / "flame.npz", parameters, 25.0)
    with np.load(path, allow_pickle=False) as read:
        assert read["expr"].shape == read["expression"].shape == (10, EXPRESSIONS)
        shapes = {"jaw_pose": 3, "rotation": 3, "neck_pose": 3, "eyes_pose": 6, "translation": 3}
        for name, width in shapes.items():
            assert read[name].shape == (10, width) and read[name].dtype == np.float32
        assert read["shape"].shape == (300,)


def test_saved_file_takes_head_and_eyes(model, tmp_path):
    parameters = flame_model.FlameParameters(np.zeros((4, 3), np.float32), np.zeros((4, 3), np.float32), np.zeros(4))
    head, eyes = np.full((4, 3), [0.1, 0.2, 0.3]), np.full((4, 2), [0.05, -0.1])
    path = flame_model.save_parameters(tmp_path / "flame.npz", parameters, 25.0, (head, eyes))
    with np.load(path, allow_pickle=False) as read:
        np.testing.assert_allclose(read["neck_pose"], head, atol=1e-6)
        np.testing.assert_allclose(read["eyes_pose"], np.full((4, 6), [0.05, -0.1, 0, 0.05, -0.1, 0]), atol=1e-6)


def test_a_file_that_is_no_flame_model_is_refused(tmp_path):
    content = make_content()
    del content["posedirs"]
    np.savez(tmp_path / "cut.npz", **content)
    with pytest.raises(TalkerError, match="posedirs"):
        flame_model.load_flame_model(tmp_path / "cut.npz")
    content = make_content()
    content["v_template"] = content["v_template"][:100]
    np.savez(tmp_path / "other.npz", **content)
    with pytest.raises(TalkerError, match="not FLAME's head model"):
        flame_model.load_flame_model(tmp_path / "other.npz")
