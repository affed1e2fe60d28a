import io

from blendshape_talker.console import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_terminal_line_rewrites_itself_and_close_ends_it():
    stream = Terminal()
    progress = Progress(stream)
    progress(0.0, "listening")
    progress(1.0, "done")
    progress.close()
    progress.close()
    text = stream.getvalue()
    assert text.count("\r") == 2 and text.count("\n") == 1
    assert "100 % done" in text


def test_log_file_gets_a_line_per_stage_not_per_frame():
    stream = io.StringIO()
    progress = Progress(stream)
    for step in range(1000):
        progress(step / 1000, "listening")
    progress(1.0, "shaping")
    progress.close()
    assert stream.getvalue().splitlines() == ["  0 % listening", "100 % shaping"]


def test_fraction_outside_its_range_is_clipped():
    stream = io.StringIO()
    Progress(stream)(7.0, "late")
    assert stream.getvalue() == "100 % late\n"
