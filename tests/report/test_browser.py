"""The report, opened as a person would: from disk and served, wide and narrow, light and dark."""

import shutil
import threading
from urllib.parse import unquote, urlsplit

import pytest

from kinetoscope.report.report import write_report
from kinetoscope.report.serve import address_of, serving
from tests.watched import Watched

from .made_look import LABELS, REFERENCE

pytestmark = pytest.mark.slow

PAGES = [
    *("overview", "layers", "labels", "clips", "clips?only=wrong", "layer/fusion_on"),
    *("layer/motion.direction", "unit/fusion_on:0", "unit/fusion_on:5", "unit/motion.on:1"),
    *("clip/0", "clip/3", "label/left", "unit/fusion_on:1", "unit/fusion_on:3"),
    "objective/label:left%20-%20label:right",
]


@pytest.fixture(params=["from disk", "served"])
def address(request, report_folder):
    """Where the report is, and what all its requests must begin with."""
    if request.param == "from disk":
        page = report_folder / "index.html"
        yield page.as_uri()
        return
    with serving(report_folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address_of(server)
        server.shutdown()


@pytest.fixture
def watched(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context, address)
    context.close()


@pytest.fixture
def from_disk(browser, report_folder):
    """A function that opens the report from disk as asked."""
    contexts = []

    def opened(**asked):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | asked))
        return Watched(contexts[-1], (report_folder / "index.html").as_uri())

    yield opened
    for context in contexts:
        context.close()


def frame_of(page, selector):
    return int(page.locator(f"{selector} canvas").first.get_attribute("data-frame"))


def wait_for_frame(page, selector):
    page.wait_for_function(
        "canvas => document.querySelector(canvas)?.dataset.frame !== undefined",
        arg=f"{selector} canvas",
    )


def test_from_the_overview_to_a_layer_a_unit_and_a_clip(watched):
    watched.go("overview")
    page = watched.page
    assert page.locator("h1").inner_text() == "two <lanes>"
    assert "100 %" in page.locator(".figures").inner_text()
    page.locator(".network .node", has_text="fusion_on").click()
    page.wait_for_selector("h1:has-text('fusion_on')")
    page.locator(".unit-card", has_text="fusion_on:2").click()
    page.wait_for_selector("h1:has-text('fusion_on:2')")
    assert urlsplit(page.url).fragment == "unit/fusion_on:2"

    cell = ".cell.motion"
    wait_for_frame(page, cell)
    before = frame_of(page, cell)
    page.wait_for_function(
        "([canvas, before]) => document.querySelector(canvas).dataset.frame !== before",
        arg=[f"{cell} canvas", str(before)],
    )
    page.get_by_role("button", name="Pause").click()
    stopped = frame_of(page, cell)
    page.keyboard.press(".")
    assert frame_of(page, cell) == (stopped + 1) % 8

    page.locator("a.clip").first.click()
    page.wait_for_selector("h2:has-text('What the network says')")
    assert urlsplit(page.url).fragment.startswith("clip/")
    watched.check()


def test_every_page_opens_without_a_complaint_and_has_its_heading(watched):
    for hash_ in PAGES:
        watched.go(hash_)
        assert watched.page.locator("h1").count() == 1, hash_
        assert "Nothing here" not in watched.page.locator("main").inner_text(), hash_
        if watched.page.locator(".player canvas").count():
            wait_for_frame(watched.page, ".player")
    watched.check()


def test_every_link_leads_somewhere(from_disk):
    watched = from_disk()
    todo, seen = ["overview"], set()
    while todo:
        hash_ = todo.pop()
        seen.add(hash_)
        watched.page.goto(f"{watched.address}#{hash_}")
        watched.page.wait_for_selector("h1")
        watched.page.wait_for_function("document.title !== ''")
        assert watched.page.locator(".trouble").count() == 0, hash_
        links = watched.page.eval_on_selector_all(
            "a", "all => all.map(a => a.getAttribute('href') ?? a.href.baseVal)"
        )
        for link in links:
            assert link.startswith("#"), link
            found = link[1:]
            kind = found.split("?")[0].split("/")[0]
            enough = sum(each.startswith(kind) for each in seen) >= OF_EACH_KIND
            if found not in seen and found not in todo and not enough:
                todo.append(found)
    assert {each.split("/")[0].split("?")[0] for each in seen} >= KINDS
    watched.check()


OF_EACH_KIND = 5
KINDS = {"objective", "overview", "layers", "layer", "unit", "labels", "label", "clips", "clip"}


def test_labels_and_file_names_are_shown_as_text(from_disk):
    watched = from_disk()
    watched.go("labels")
    shown = watched.page.locator(".bars .text").all_inner_texts()
    assert sorted(shown) == sorted(LABELS)
    watched.page.get_by_role("link", name=LABELS[2]).first.click()
    watched.page.wait_for_selector("h1:has-text('alert')")
    assert watched.page.locator("h1").inner_text() == LABELS[2]
    assert unquote(urlsplit(watched.page.url).fragment) == f"label/{LABELS[2]}"
    watched.go("clips")
    names = set(watched.page.locator(".clip .name").all_inner_texts())
    assert "<img src=x onerror=alert(0)>.mp4" in names
    assert 'quoted "é" 3.mp4' in names
    watched.check()


def test_the_policy_stops_what_would_leave_the_folder(from_disk):
    watched = from_disk()
    watched.go("overview")
    watched.page.evaluate("""() => {
        const image = new Image();
        image.src = "http://127.0.0.1:9/x.png";
        const script = document.createElement("script");
        script.textContent = "window.broken = true";
        document.body.append(image, script);
        const markup = "<img src=data:, onerror='window.broken = true'>";
        document.body.insertAdjacentHTML("beforeend", markup);
    }""")
    watched.page.wait_for_timeout(300)
    assert watched.page.evaluate("window.broken") is None
    assert sum("Content Security Policy" in each for each in watched.complaints) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_its_window(from_disk, scheme, width):
    watched = from_disk(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for hash_ in PAGES:
        watched.go(hash_)
        watched.page.wait_for_timeout(60)
        over = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{hash_} is {over} pixels too wide"
    watched.check()


def test_light_and_dark_follow_the_system(from_disk):
    brightness = {}
    for scheme in ("light", "dark"):
        watched = from_disk(color_scheme=scheme)
        watched.go("overview")
        colour = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(each) for each in colour.strip("rgb()").split(","))
    assert brightness["dark"] < 200 < 600 < brightness["light"]


def test_keys_turn_pages_play_and_search(from_disk):
    watched = from_disk()
    page = watched.page
    watched.go("unit/fusion_on:1")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h1:has-text('fusion_on:2')")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("h1:has-text('fusion_on:1')")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("fusion_on:3")
    page.locator("#found [aria-selected=true]", has_text="fusion_on:3").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('fusion_on:3')")
    watched.check()


def test_motion_is_not_played_where_less_motion_is_asked_for(from_disk):
    watched = from_disk(reduced_motion="reduce")
    watched.go("unit/fusion_on:1")
    watched.page.get_by_role("button", name="Play").wait_for()
    wait_for_frame(watched.page, ".cell")
    watched.page.wait_for_timeout(400)
    assert frame_of(watched.page, ".cell") == 0
    watched.check()


def test_units_are_sorted_and_sifted(from_disk):
    watched = from_disk()
    watched.go("layer/fusion_on")
    cards = watched.page.locator(".unit-card .unit")
    watched.page.get_by_label("Sort by").select_option("number")
    assert cards.all_inner_texts() == [f"fusion_on:{channel}" for channel in range(6)]
    watched.page.get_by_label("Sort by").select_option("dead")
    assert cards.first.inner_text() == "fusion_on:5"
    watched.page.get_by_label("Show only").fill("left")
    assert cards.all_inner_texts() == ["fusion_on:0"]
    watched.check()


@pytest.mark.parametrize("hash_", ["unit/nosuch:3", "layer/x", "clip/999", "label/x", "nosuch"])
def test_an_address_of_nothing_says_so(from_disk, hash_):
    watched = from_disk()
    watched.go(hash_)
    assert "unknown" in watched.page.get_by_role("alert").inner_text()
    watched.check()


def test_a_unit_is_a_figure_of_rows_slow_to_fast_with_real_clips_beside(from_disk):
    watched = from_disk()
    watched.go("unit/fusion_on:0")
    page = watched.page
    rows = page.locator(".plate.down").first.get_by_role("group")
    rows.first.wait_for()
    assert [row.get_attribute("aria-label") for row in rows.all()] == [
        *("Stimulus, χ = 10", "Stimulus, χ = 0")
    ]
    for row in rows.all():
        assert [each.get_attribute("aria-label") for each in row.locator("canvas").all()][:3] == [
            f"Stimulus of fusion_on:0, {word}, {row.get_attribute('aria-label')[10:]}"
            for word in ("appearance", "motion by direction", "motion by x, y, speed")
        ]
        assert row.locator(".cell.real canvas").count() == 2
    wait_for_frame(page, ".cell.motion")
    assert any(".components." in url for url in watched.requests)
    page.locator(".film canvas").nth(3).wait_for()
    watched.check()


def test_measures_are_said_with_what_they_mean(from_disk):
    watched = from_disk()
    watched.go("unit/fusion_on:0")
    page = watched.page
    row = page.get_by_role("row").filter(has_text="Rank in its layer").first
    assert row.get_by_role("cell").all_inner_texts() == ["2 of 6", "2 of 6"]
    meaning = row.get_by_role("tooltip")
    assert not meaning.is_visible()
    row.locator(".term").focus()
    assert "How many units of the layer" in meaning.inner_text()
    page.keyboard.press("Escape")
    assert not meaning.is_visible()
    row.locator(".term").hover()
    assert meaning.is_visible()
    shares = page.get_by_role("row").filter(has_text="Share of each stream").first
    assert "25 %" in shares.inner_text()
    page.locator(".path svg").first.wait_for()
    watched.check()


def test_what_a_reader_should_be_warned_of_stands_on_the_unit_and_in_its_layer(from_disk):
    watched = from_disk()
    watched.go("unit/fusion_on:3")
    watched.page.locator(".masthead .badge", has_text="suspicious path").wait_for()
    watched.page.locator(".pace-head").first.wait_for()
    assert watched.page.locator(".pace-head .badge", has_text="woken").count() == 2
    watched.page.locator(".histories .legend", has_text="went on where a line jumps").wait_for()
    watched.go("layer/fusion_on")
    watched.page.locator(".unit-card .tag.bad").wait_for()
    watched.page.get_by_label("Sort by").select_option("path")
    assert watched.page.locator(".unit-card .unit").first.inner_text() == "fusion_on:3"
    watched.go("layer/motion.direction")
    watched.page.locator("section p", has_text="no gradient leads back").wait_for()
    watched.check()


def test_a_neuron_has_its_place_and_several_different_stimuli_stand_side_by_side(from_disk):
    watched = from_disk()
    watched.go("unit/fusion_on:0")
    where = watched.page.get_by_role("img", name="Only what it sees was made")
    assert "pixels, frame 5 of 8 frames" in where.get_attribute("aria-label")
    watched.page.locator("h2", has_text="least like to see").wait_for()
    watched.go("unit/fusion_on:1")
    several = watched.page.locator(".plate.diverse")
    several.wait_for()
    assert several.locator(".row.top b").all_inner_texts() == ["No. 1", "No. 2"]
    assert several.locator(".row:not(.top) .cell canvas").count() == 8
    watched.check()


def test_what_did_not_matter_can_be_let_through_or_shown(from_disk):
    watched = from_disk()
    watched.go("unit/fusion_on:2")
    wait_for_frame(watched.page, ".cell")
    assert any(".opacity." in url for url in watched.requests)
    watched.page.get_by_role("button", name="all of it").click()
    wait_for_frame(watched.page, ".cell")
    watched.check()


def test_a_class_has_its_figure_and_those_of_objectives_that_speak_of_it(from_disk):
    watched = from_disk()
    watched.go("label/left")
    figure = watched.page.locator(".plate.labels")
    figure.wait_for()
    assert figure.locator(".row.top .column").all_inner_texts()[:4] == [
        *("appearance", "slow motion", "fast motion", "real clips")
    ]
    assert figure.locator(".row:not(.top) .cell.real canvas").count() == 4
    watched.page.get_by_role("link", name="All that was measured").click()
    watched.page.wait_for_selector("h1:has-text('label:left - label:right')")
    watched.go("labels")
    watched.page.locator(".plate.labels").wait_for()
    assert watched.page.locator(".plate.labels .row:not(.top)").count() == 3
    watched.check()


def test_the_overview_says_what_was_not_made_and_why(from_disk):
    watched = from_disk()
    watched.go("overview")
    said = watched.page.locator("section", has=watched.page.locator("h2", has_text="Not made"))
    text = said.inner_text()
    for told in (
        "1 objective failed",
        "fusion_on:5",
        "2 left",
        "appearance.on:1",
        "motion.direction",
    ):
        assert told in text
    assert watched.page.locator(".plate.units .row:not(.top)").count() == 4
    watched.check()


def test_without_a_catalog_the_page_says_so(browser, look_folder):
    for name in ("scan", "retrieval", "evaluation", "evaluation-without-flow"):
        shutil.rmtree(look_folder / "evidence" / name)
    for path in [
        *(look_folder / "evidence").glob("stimuli/*/evidence.json"),
        look_folder / "evidence" / "maximization" / "evidence.json",
    ]:
        path.write_text(path.read_text().replace(f'"reference": "{REFERENCE}"', MADE))
    context = browser.new_context()
    watched = Watched(context, write_report(look_folder).as_uri())
    watched.go("unit/fusion_on:0")
    watched.page.get_by_text("There are no real clips here").first.wait_for()
    text = watched.page.locator("main").inner_text()
    assert "best made clip" in text
    assert "best real clip" not in text
    watched.go("overview")
    assert "There are no real clips here" in watched.page.locator("main").inner_text()
    watched.check()
    context.close()


MADE = '"reference": "made clips"'
