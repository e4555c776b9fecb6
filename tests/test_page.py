"""The page in a browser: no request, no error, sorting, hovering, themes, phones, paper."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reported import BRAINS, make_page, small_suite

playwright = pytest.importorskip("playwright.sync_api", reason="neurobot[browser] is not installed")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
if CHROMIUM is None:
    pytest.skip("no Chromium found on this system", allow_module_level=True)

WIDE, PHONE, SMALL_PHONE = (1280, 900), (390, 800), (320, 640)
MOST_EXAMPLES = 6
LOCAL = "data:", "blob:"  # what the page holds itself


class Watched:
    """A page with everything that it asked for and complained about."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, *problem: object) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    path.write_text(make_page(small_suite(folder / "run"), most=MOST_EXAMPLES), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as run:
        opened = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def watch(browser: Any, url: str, size: tuple[int, int] = WIDE, **context: Any) -> Watched:
    viewport = {"width": size[0], "height": size[1]}
    return Watched(browser, url, viewport=viewport, **{"color_scheme": "light", **context})


@pytest.fixture(scope="module")
def watched(browser: Any, url: str) -> Iterator[Watched]:
    seen = watch(browser, url)
    with seen:
        yield seen


def brains(page: Any) -> list[str]:
    """Return the brains in the order of the main table's rows."""
    found: list[str] = page.locator("table.main tbody th").all_text_contents()
    return found


def values(page: Any, heading: str) -> list[float | None]:
    """Return what the rows of the main table sort by in a column, from top to bottom."""
    found: list[float | None] = page.evaluate(
        """name => {
            const heads = [...document.querySelectorAll("table.main thead tr:last-child th")];
            const column = heads.findIndex(head => head.textContent.includes(name));
            const rows = [...document.querySelectorAll("table.main tbody tr")];
            const told = rows.map(row => row.cells[column].dataset.value);
            return told.map(value => value === "" ? null : Number(value));
        }""",
        heading,
    )
    return found


def heading(page: Any, name: str) -> Any:
    return page.locator("table.main thead tr:last-child th", has_text=name).first


def test_it_asks_for_nothing_and_complains_of_nothing(watched: Watched, url: str) -> None:
    assert watched.page.locator(".chart svg.main-svg").count() >= 6
    assert [each for each in watched.requests if not each.startswith(LOCAL)] == [url]
    assert watched.complaints == []


def test_a_click_sorts_and_another_one_turns_the_order(watched: Watched) -> None:
    page, speed = watched.page, heading(watched.page, "Speed")
    speed.locator("button").click()
    assert speed.get_attribute("aria-sort") == "descending"
    falling = values(page, "Speed")
    assert falling == sorted(falling, key=lambda value: -(value or 0.0))
    assert len(set(falling)) == len(BRAINS)
    speed.locator("button").click()
    assert speed.get_attribute("aria-sort") == "ascending"
    assert values(page, "Speed") == falling[::-1]
    assert page.locator("table.main [aria-sort]").count() == 1


def test_the_keyboard_sorts_by_name(watched: Watched) -> None:
    page = watched.page
    brain = heading(page, "Brain").locator("button")
    brain.focus()
    page.keyboard.press("Enter")
    assert brains(page) == sorted(BRAINS)
    page.keyboard.press("Space")
    assert brains(page) == sorted(BRAINS, reverse=True)


def test_what_is_unknown_stands_last_either_way(watched: Watched) -> None:
    page, energy = watched.page, heading(watched.page, "decision")
    for order in ("ascending", "descending"):
        energy.locator("button").click()
        assert energy.get_attribute("aria-sort") == order
        assert brains(page)[0] == "poppins"
        assert values(page, "Energy/ decision")[1:] == [None] * 3


def test_pointing_at_a_brain_tells_its_figures(watched: Watched) -> None:
    page = watched.page
    point = page.locator("#energy .scatterlayer .points path").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    told = page.locator("#energy .hoverlayer .hovertext").first
    told.wait_for()
    words = told.text_content()
    for part in ("poppins", "success", "per decision, modelled", "PoppinsController", "IQM"):
        assert part in words


def test_a_chart_offers_its_picture_and_nothing_that_leaves_the_machine(watched: Watched) -> None:
    page = watched.page
    page.locator("#bills").hover()
    titles = page.locator("#bills .modebar-btn").evaluate_all(
        "all => all.map(b => b.dataset.title)"
    )
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"]
    with page.expect_download() as saving:
        page.locator("#bills .modebar-btn").first.click()
    assert Path(saving.value.path()).read_bytes().startswith(b"\x89PNG")
    test_it_asks_for_nothing_and_complains_of_nothing(watched, page.url)


def test_the_names_of_points_stand_within_their_chart(watched: Watched) -> None:
    chart = watched.page.locator("#energy").bounding_box()
    for name in watched.page.locator("#energy .textpoint text").all():
        box = name.bounding_box()
        assert chart["x"] <= box["x"]
        assert box["x"] + box["width"] <= chart["x"] + chart["width"]


def test_a_brain_can_be_chosen_among_the_paths(watched: Watched) -> None:
    page, shown = watched.page, watched.page.locator(".worlds figure:visible")
    assert shown.count() == MOST_EXAMPLES
    page.select_option("#choice", "random")
    assert 0 < shown.count() < MOST_EXAMPLES
    assert set(page.locator(".worlds figure:visible figcaption b").all_text_contents()) == {
        "random"
    }
    page.select_option("#choice", "")


def test_the_first_stop_of_the_keyboard_skips_to_the_results(browser: Any, url: str) -> None:
    with watch(browser, url) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("location.hash") == "#main"


def lightness(page: Any, selector: str, style: str) -> float:
    """Return how light a colour is, 0..255."""
    found: float = page.evaluate(
        """([selector, style]) => {
            const colour = getComputedStyle(document.querySelector(selector))[style];
            return Math.max(...colour.match(/[\\d.]+/g).slice(0, 3).map(Number));
        }""",
        [selector, style],
    )
    return found


def test_dark_follows_the_system_and_the_button_and_the_charts_follow(
    browser: Any, url: str
) -> None:
    tick = "#energy .xtick text"
    with watch(browser, url, color_scheme="dark") as page:
        assert lightness(page, "body", "backgroundColor") < 40
        assert lightness(page, tick, "fill") > 200
        button = page.locator("#theme")
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert button.get_attribute("aria-pressed") == "false"
        assert lightness(page, "body", "backgroundColor") > 240
        assert lightness(page, tick, "fill") < 80


def test_nothing_sticks_out_on_a_phone(browser: Any, url: str) -> None:
    seen = watch(browser, url, SMALL_PHONE, is_mobile=True, has_touch=True)
    with seen as page:
        widths = page.evaluate(
            "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
        )
        assert max(widths) <= SMALL_PHONE[0]
        charts = page.locator(".chart .main-svg").all()
        assert charts
        assert all(chart.bounding_box()["width"] <= SMALL_PHONE[0] for chart in charts)
        box = page.locator("#results .box")
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert seen.complaints == []


def test_charts_take_the_room_that_there_is(browser: Any, url: str) -> None:
    with watch(browser, url, PHONE, bypass_csp=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.set_viewport_size({"width": 1100, "height": 800})
        page.wait_for_function("document.querySelector('#heat .main-svg').clientWidth > 900")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1100


def test_on_paper_it_is_light_without_what_nobody_can_press(browser: Any, url: str) -> None:
    with watch(browser, url, color_scheme="dark", bypass_csp=True) as page:
        page.emulate_media(media="print", color_scheme="dark")
        page.wait_for_function("document.querySelector('#energy').dataset.drawn <= 700")
        assert lightness(page, "body", "backgroundColor") > 240
        assert lightness(page, "#energy .xtick text", "fill") < 80
        assert not page.locator(".bar").is_visible()
        assert not page.locator(".choose").is_visible()
        assert all(chart.is_visible() for chart in page.locator(".chart .main-svg").all())
        assert page.locator("details.printed[open]").count() == 1


def test_it_is_laid_out_without_a_shift(browser: Any, url: str) -> None:
    with watch(browser, url) as page:
        shift = page.evaluate(
            """() => new Promise(done => {
                let sum = 0;
                new PerformanceObserver(list => {
                    for (const entry of list.getEntries()) sum += entry.value;
                }).observe({type: "layout-shift", buffered: true});
                setTimeout(() => done(sum), 300);
            })"""
        )
        assert shift < 0.01


def test_without_scripts_the_figures_are_still_there(browser: Any, url: str) -> None:
    with watch(browser, url, java_script_enabled=False) as page:
        assert brains(page)
        assert page.locator("svg.world").count() == MOST_EXAMPLES
        assert page.locator("noscript").is_visible()


def test_the_file_names_no_place_on_this_machine_but_the_run_s(url: str) -> None:
    text = Path(url.removeprefix("file://")).read_text("utf-8")
    assert str(Path(__file__).parent) not in text
