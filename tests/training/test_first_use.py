"""The figures of the first minute; no time is asserted."""

import json

from blendshape_talker.training import first_use


def test_enabling_both_bakes_and_their_parts_are_timed(tmp_path):
    table = first_use.run(tmp_path / "figures.json", seconds=1.0, processes=1)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(table.splitlines()) == len(figures)
    for name in (
        "enabling_s",
        "first_bake_s",
        "next_bake_s",
        "importing_torch_s",
        "loading_weights_s",
        "first_call_s",
        "first_bake_after_it_s",
    ):
        assert figures[name] > 0 and name in table
