"""README and stub say what is there."""

import ast
import inspect
from importlib import metadata
from pathlib import Path

import glasslab as gl
import pytest
from glasslab import _glasslab

HERE = Path(__file__).parent


def test_the_readme_runs(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    blocks = (HERE.parent / "README.md").read_text().split("```python\n")[1:]
    assert blocks
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block.split("```")[0], "README.md", "exec"), names)
    assert (tmp_path / "runs/toy/report.html").is_file()


def parameters(function):
    """Names of the arguments, with a star where there is a default, of a function of the stub."""
    a = function.args
    names = [x.arg for x in a.posonlyargs + a.args]
    with_default = names[len(names) - len(a.defaults) :] if a.defaults else []
    named = [x.arg + ("" if default is None else "*") for x, default in zip(a.kwonlyargs, a.kw_defaults)]
    return [n + ("*" if n in with_default else "") for n in names if n not in ("self", "cls")] + named


def actual(function):
    """The same of the compiled function."""
    found = inspect.signature(function).parameters.values()
    return [p.name + ("*" if p.default is not p.empty else "") for p in found if p.name not in ("self", "cls")]


def test_the_stub_is_true():
    stub = ast.parse((Path(gl.__file__).parent / "_glasslab.pyi").read_text())
    functions = {n.name: n for n in stub.body if isinstance(n, ast.FunctionDef)}
    variables = {n.target.id for n in stub.body if isinstance(n, ast.AnnAssign)} - {"__all__"}
    classes = {n.name: n for n in stub.body if isinstance(n, ast.ClassDef)}
    there = {n for n in dir(_glasslab) if not n.startswith("__")}
    assert there == set(functions) | variables | set(classes)
    for name, function in functions.items():
        assert parameters(function) == actual(getattr(_glasslab, name)), name
    for name, node in classes.items():
        kind = getattr(_glasslab, name)
        members = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("__")}
        assert set(members) == {n for n in dir(kind) if not n.startswith("__")}
        for member, function in members.items():
            if not function.decorator_list:
                assert parameters(function) == actual(getattr(kind, member)), member
        new = next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__new__")
        assert parameters(new) == actual(kind)


def test_versions_agree():
    assert gl.__version__ == gl.version == metadata.version("glasslab")
    assert (Path(gl.__file__).parent / "py.typed").is_file()
    assert all(hasattr(gl, name) for name in gl.__all__)
