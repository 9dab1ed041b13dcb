"""What the project promises about itself, kept by the machine."""

import ast
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

import kinetoscope
from kinetoscope.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "kinetoscope"
MODULES = sorted(PACKAGE.rglob("*.py"))

PUBLIC = [
    "Accentuation",
    "Attention",
    "AttentionRollout",
    "Attribution",
    "CAM",
    "Catalog",
    "Classification",
    "Clip",
    "ClipBatch",
    "ClipCache",
    "ClipSpec",
    "Deconvnet",
    "Entry",
    "Evaluation",
    "Evidence",
    "Extremal",
    "Fourier",
    "Generated",
    "GradCAM",
    "GradCAMPlusPlus",
    "Gradient",
    "GradientTimesInput",
    "GuidedBackprop",
    "Hit",
    "IntegratedGradients",
    "KinetoscopeError",
    "Layer",
    "LayerCAM",
    "Maximized",
    "Maximizing",
    "Moment",
    "MovedTexture",
    "Nature",
    "Network",
    "Objective",
    "Occlusion",
    "OcclusionByTubes",
    "OcclusionInSpace",
    "OcclusionInTime",
    "Phases",
    "Pixels",
    "Prior",
    "Provenance",
    "Question",
    "ReceptiveField",
    "Recipe",
    "Reference",
    "Relevance",
    "Removal",
    "Rise",
    "Robustness",
    "Scan",
    "Shares",
    "SmoothGrad",
    "Stimulus",
    "TokenGrid",
    "Unit",
    "Video",
    "activation",
    "add_dsts",
    "add_non_local",
    "as_network",
    "attention_from",
    "attribute",
    "attribute_along",
    "build_network",
    "class_means",
    "classify_video",
    "dead_units",
    "direction",
    "download_weights",
    "evaluate",
    "export_network",
    "features",
    "fit_generator",
    "fit_svm_fusion",
    "inflate",
    "label",
    "layers_with_slope",
    "linear_cka",
    "list_layers",
    "load_network",
    "load_pictures",
    "load_weights",
    "make_faults",
    "make_figures",
    "make_parts",
    "make_shapes",
    "maximize",
    "maximize_all",
    "measure_nature",
    "measured",
    "merge_scans",
    "motion_heat",
    "neighbours",
    "neuron",
    "open_clip",
    "open_sample",
    "open_video",
    "open_views",
    "read_catalog",
    "read_evidence",
    "read_generator",
    "read_nature",
    "read_recipe",
    "read_scan",
    "read_stimuli",
    "receptive_fields",
    "reference_from_scan",
    "reference_of",
    "respond",
    "save_network",
    "scan",
    "shares_of",
    "top_clips",
    "train",
    "with_random_weights",
    "without_units",
    "write_attribution_along",
    "write_attribution_check",
    "write_attributions",
    "write_audit",
    "write_confusion",
    "write_cues",
    "write_embedding",
    "write_evolution",
    "write_health",
    "write_invariance",
    "write_probes",
    "write_report",
    "write_retrieval",
    "write_similarity",
    "write_specificity",
    "write_tuning",
]

# Modules of evidence/ and networks/ that hold no published method and no published network.
WITHOUT_SOURCE = {
    "evidence": {
        *("__init__", "evidence", "stimulus", "scan", "answers", "retrieval", "settings"),
        *("showing", "window", "writing", "asking", "job", "batch", "chosen", "reference_folder"),
        *(
            "anatomy",
            "sample",
            "responses",
            "tables",
            "layers",
            "telling",
            "viewing",
            "shown",
            "kept",
        ),
        *("disk", "merge", "parts", "piece", "summary", "table"),
        *("layer_part", "remembered", "partners", "clips", "sides", "thumbnails"),
        *("audit", "container", "gathering", "keeping", "listing", "confusion"),
        *("question", "attribution", "attribute", "answering", "along", "along_writing", "heats"),
        *("lineage", "owed", "placing", "regions", "room"),
        *("amounts", "checking", "found", "measuring", "segments"),
    },
    "networks": {
        *("__init__", "network", "zoo", "listings", "weights", "cost", "export"),
        *("blocks", "trial", "layer_shapes", "noise", "plane"),
        *("checkpoints", "mapped", "dialect", "matching", "origin", "identify", "settings"),
        *("adapters", "user_file", "downloads"),
    },
}
WITH_SOURCE = [
    path
    for folder, exceptions in WITHOUT_SOURCE.items()
    for path in sorted((PACKAGE / folder).rglob("*.py"))
    if path.stem not in exceptions
]

# Parts that are tested through the whole that they are parts of.
TESTED_BY = {
    "__main__.py": "cli/test_main.py",
    "tensors.py": "conftest.py",  # names of shapes, checked while every test runs
    "cli/attributed.py": "cli/test_attribute.py",
    "cli/demo.py": "test_demo.py",
    "cli/scans.py": "cli/test_probe.py",
    "evidence/anatomy.py": "look/test_look.py",
    "evidence/answers.py": "evidence/test_scan.py",
    "evidence/attribution/tables.py": "evidence/attribution/test_writing.py",
    "evidence/attribution/belief/found.py": "evidence/attribution/belief/test_check.py",
    "evidence/attribution/belief/measuring.py": "evidence/attribution/belief/test_check.py",
    "evidence/attribution/belief/telling.py": "evidence/attribution/belief/test_check.py",
    "evidence/cues/tables.py": "evidence/cues/test_cues.py",
    "evidence/evolution/course.py": "evidence/evolution/test_evolution.py",
    "evidence/evolution/tables.py": "evidence/evolution/test_evolution.py",
    "evidence/examples/keeping.py": "evidence/test_retrieval.py",
    "evidence/examples/viewing.py": "evidence/test_retrieval.py",
    "evidence/invariance/telling.py": "evidence/invariance/test_invariance.py",
    "evidence/invariance/viewing.py": "evidence/invariance/test_invariance.py",
    "evidence/stimuli/ascent.py": "evidence/stimuli/test_asking.py",
    "evidence/stimuli/settings.py": "evidence/stimuli/test_asking.py",
    "evidence/stimuli/stimulus.py": "evidence/stimuli/test_maximize.py",
    "evidence/stimuli/writings/edge.py": "evidence/stimuli/writings/test_fourier.py",
    "evidence/stimuli/writings/pixels.py": "evidence/stimuli/test_writings.py",
    "evidence/stimuli/writings/writing.py": "evidence/stimuli/test_writings.py",
    "evidence/tuning/tables.py": "evidence/tuning/test_tuning.py",
    "look/bench.py": "look/test_look.py",
    "look/grounds.py": "look/test_look.py",
    "look/ideals.py": "look/test_look.py",
    "look/questions.py": "look/test_look.py",
    "networks/layer_shapes.py": "networks/test_non_local.py",
    "report/overlays.py": "cli/test_attribute.py",
    "report/chapters/embedding.py": "report/chapters/test_representations.py",
    "report/chapters/probes.py": "report/chapters/test_representations.py",
    "report/chapters/similarity.py": "report/chapters/test_representations.py",
    "report/chapters/told.py": "report/chapters/test_chapters.py",
    "units/patching/moving.py": "units/patching/test_incremental.py",
    "units/patching/operation.py": "units/patching/test_incremental.py",
    "units/patching/originals.py": "units/patching/test_incremental.py",
    "units/patching/rules.py": "units/patching/test_incremental.py",
    "units/patching/sliding.py": "units/patching/test_incremental.py",
    "units/reach": "units/test_receptive.py",
    "units/rehearsal.py": "units/test_layers.py",
    "video/index.py": "video/test_decode.py",
    "video/packets.py": "video/test_decode.py",
}

BAD_NAMES = {"utils", "helpers", "common", "misc", "base", "core", "manager", "handler"}
BAD_NAMES |= {"data2", "cfg", "args", "process", "do"}

# What must stand in no tracked file: folders of one machine, and hosts of package registries. Each
# has a letter in brackets, so that this file has none of them either.
ELSEWHERE = re.compile(
    r"/roo[t]/|/hom[e]/|/wor[k]/|pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.|debia[n]\.org"
)


def relative(path):
    return str(path.relative_to(PACKAGE))


def tracked_files():
    """Every file of the project that is text and was not vendored."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and the project's history")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name and "/vendor/" not in name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def commands(name="", command=main.main):
    """Every command that can be run, by its words."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    context = click.Context(command)
    return [
        found
        for below in command.list_commands(context)
        for found in commands(f"{name} {below}".strip(), command.get_command(context, below))
    ]


def glossary():
    return (ROOT / "GLOSSARY.md").read_text()


def test_the_public_names_are_these():
    assert sorted(kinetoscope.__all__) == PUBLIC
    assert sorted(dir(kinetoscope)) == sorted([*PUBLIC, "__version__"])


def test_every_public_name_can_be_had():
    for name in PUBLIC:
        assert getattr(kinetoscope, name).__name__ == name
    with pytest.raises(AttributeError, match="nosuch"):
        kinetoscope.nosuch  # noqa: B018


def test_type_checkers_are_told_the_same_public_names():
    homes = {
        imported.names[0].asname: imported.module
        for imported in ast.parse((PACKAGE / "__init__.pyi").read_text()).body
        if isinstance(imported, ast.ImportFrom)
    }
    assert homes == {name: f"kinetoscope.{home}" for name, home in kinetoscope._HOMES.items()}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_glossary(name):
    assert f"**{name}**" in glossary() or f"`{name}`" in glossary()


@pytest.mark.parametrize("word", ["clip", "channel", "time", "height", "width", "label", "unit"])
def test_every_axis_word_is_in_the_glossary(word):
    assert f"**{word}**" in glossary()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_says_what_it_is_for(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.split("\n\n")[0][-1] in ".?:"


@pytest.mark.parametrize("path", WITH_SOURCE, ids=relative)
def test_a_method_or_network_names_its_source(path):
    assert re.search(r"^Source: ", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_named_by_what_it_holds(path):
    assert path.stem not in BAD_NAMES
    assert not BAD_NAMES & set(path.relative_to(PACKAGE).parts)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_tested_in_the_same_place(path):
    through = TESTED_BY.get(relative(path)) or TESTED_BY.get(relative(path.parent))
    if through is not None:
        assert (ROOT / "tests" / through).exists()
    elif path.name != "__init__.py":
        place = ROOT / "tests" / path.relative_to(PACKAGE).parent
        dotted = ".".join(["kinetoscope", *path.relative_to(PACKAGE).with_suffix("").parts])
        assert (place / f"test_{path.name}").exists() or any(
            dotted in test.read_text() for test in place.glob("test_*.py")
        ), f"no test in {place.relative_to(ROOT)} imports {dotted}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_on_the_map(path):
    if path.name != "__init__.py":
        assert re.search(rf"\b{path.stem}(\.py)?\b", (ROOT / "ARCHITECTURE.md").read_text())


def test_every_verb_has_its_module():
    found = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - {
        "__init__",
        "main",
        "arguments",
        "scans",
        "telling",
        "writings",
        "asking",
        "attributed",
        "methods",
    }
    assert found == {verb.replace("-", "_") for verb in main.VERBS}


@pytest.mark.parametrize("verb", main.VERBS)
def test_a_verb_shows_an_example_and_is_documented(verb):
    documented = (ROOT / "docs" / "cli.md").read_text()
    for words, command in commands(verb, main.main.get_command(click.Context(main.main), verb)):
        assert re.search(rf"Example:\s+kinetoscope {words}\b", command.help), words
        assert f"# kinetoscope {words}\n" in documented


def test_the_documentation_of_the_command_line_is_what_help_says():
    fresh = runpy.run_path(str(ROOT / "scripts" / "cli_docs.py"))["text"]()
    assert (ROOT / "docs" / "cli.md").read_text() == fresh, "run: make docs"


def test_the_version_has_a_heading_in_the_changelog():
    assert f"\n## [{kinetoscope.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_what_is_installed_is_what_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = (ROOT / "requirements.txt").read_text()
    for requirement in project["project"]["dependencies"]:
        name = re.split(r"[^A-Za-z0-9-]", requirement)[0]
        assert f"\n{name}==" in pinned, f"{name} is not pinned; run: make lock"


def test_documents_name_only_files_that_exist():
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert "://" in link or (document.parent / link).exists(), f"{document.name}: {link}"


def test_no_file_names_a_folder_of_one_machine_or_a_registry():
    for path in tracked_files():
        found = ELSEWHERE.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)} names {found and found[0]}"
