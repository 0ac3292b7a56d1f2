"""The package as a whole: what it exports, what importing it costs, what the README promises."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import dynapdeploy

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "sinabs", "samna", "lightning", "plotly", "matplotlib", "sklearn", "tonic", "nir")


def loaded_after(code: str) -> set[str]:
    """Top-level modules in memory after running ``code`` in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def test_every_exported_name_is_there_and_typed():
    tree = ast.parse((ROOT / "dynapdeploy" / "__init__.py").read_text())
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert set(dynapdeploy.__all__) == typed
    for name in dynapdeploy.__all__:
        assert getattr(dynapdeploy, name).__name__ == name


def test_importing_the_package_is_light():
    assert not loaded_after("import dynapdeploy") & {*HEAVY, "numba", "numpy", "pydantic"}


def test_an_image_built_by_hand_is_emulated_without_torch():
    code = """
import numpy as np
import dynapdeploy as dd
core = dd.CoreImage(core=2, name="one", weights=np.array([[[[7]]]]), input_shape=(1, 2, 2),
                    output_shape=(1, 2, 2), threshold_high=7, threshold_low=-7,
                    destinations=(dd.Destination(None),))
events = np.zeros(3, [("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")])
run = dd.emulate(dd.ChipImage("speck2fdevkit", (core,), (2,)), events)
assert len(run.events) == 3 and run.synops == {2: 3}
"""
    assert not loaded_after(code) & set(HEAVY)


def test_help_is_light():
    code = "from dynapdeploy.cli.main import main\nmain(['--help'], standalone_mode=False)"
    assert not loaded_after(code) & {*HEAVY, "numba", "numpy", "pydantic", "rich"}


def test_no_room_imports_the_command_line():
    for path in (ROOT / "dynapdeploy").rglob("*.py"):
        if "cli" not in path.parts:
            assert "dynapdeploy.cli" not in path.read_text(), path


def test_only_the_hardware_room_imports_samna():
    for path in (ROOT / "dynapdeploy").rglob("*.py"):
        if "hardware" in path.relative_to(ROOT / "dynapdeploy").parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith(("samna", "sinabs.backend")), path


def test_the_readme_starts_with_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```[a-z]*\n(.*?)```", readme, re.DOTALL)
    sections = {
        title: re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
        for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", readme, re.DOTALL | re.M)
    }
    assert sections["Try it"][0] == blocks[0]
    assert sections["Test it"][0] == blocks[1]
    assert blocks[0].count("\n") == blocks[1].count("\n") == 1
    assert "dynapdeploy demo" in blocks[0]
    assert "pytest" in blocks[1]
