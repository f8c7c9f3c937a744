"""The Python examples in the README run as they stand."""

import linecache
import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_python_blocks_run():
    text = README.read_text(encoding="utf-8")
    namespace = {"__name__": "readme_example"}
    blocks = list(BLOCK.finditer(text))
    assert blocks
    for match in blocks:
        line = text.count("\n", 0, match.start(1)) + 1
        name = f"<README.md:{line}>"
        source = match.group(1)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # inspect reads it here
        exec(compile(source, name, "exec"), namespace)
