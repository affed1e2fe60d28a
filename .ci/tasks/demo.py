"""The demo: the bundled recording on the bundled head, into ``out/``."""

import subprocess
import time

from .common import ENVIRONMENT, PACKAGE, ROOT, BuildError, say
from .environment import python_of


def demo() -> int:
    """Bake the bundled recording on the bundled head; print where the files are."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    blend, fbx, alembic, preview = files = [out / f"demo.{suffix}" for suffix in ("blend", "fbx", "abc", "mp4")]
    command = [python_of(ENVIRONMENT), "-m", "blendshape_talker", "bake", PACKAGE / "assets" / "demo_speech.flac"]
    command += ["--emotion", "happy", "--fps", "24", "--out", blend, "--export", fbx, "--export", alembic]
    command += ["--preview", preview]
    say("baking the demo recording, happy, on the demo head; rendering the preview takes longest")
    start = time.monotonic()
    status = subprocess.run([*map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL).returncode
    if status:
        raise BuildError(f"the demo was not baked (status {status})")
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BuildError(f"the bake wrote no {', '.join(missing)}")
    say(f"done in {time.monotonic() - start:.0f} s:")
    for file in files:
        print(f"  {file} ({file.stat().st_size / 1e6:.1f} MB)", flush=True)
    return 0
