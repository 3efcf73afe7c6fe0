"""The page at `/`: what it may do, and what people do with it in a browser."""

import base64
import hashlib
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser import browsing
from PIL import Image
from served import RED, Served, png, serving

from cnnxfer.data.images.drawing import colour_of

TOKEN = "open-sesame"
HOSTILE = "<img src=x onerror=document.title='run'>.jpg"
LINES = """[...document.querySelectorAll('#answers li')].map(
    (line) => [...line.querySelectorAll('span')].map((each) => each.innerText))"""


@pytest.fixture(scope="module")
def explained() -> Iterator[Served]:
    """A server that wants a token, and answers with ImageNet's classes."""
    # Keras is chosen because it answers soonest where nothing is in the cache.
    name = "imagenet=cnnxfer:efficientnet-lite0"
    with serving(name, engine="keras", token=TOKEN) as served:
        yield served


@pytest.fixture(scope="module")
def daisy(shared: Path) -> Path:
    """A photograph of a daisy."""
    return min((shared / "data" / "flowers12" / "test" / "daisy").iterdir())


def explain(served: Served, query: str, *images: bytes) -> httpx.Response:
    files = [("files", image) for image in images]
    return served.client.post(f"/explain{query}", files=files, timeout=120)


def test_the_page_may_load_and_ask_nothing_elsewhere(served: Served) -> None:
    response = served.client.get("/")
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    policy = dict(
        rule.strip().split(" ", 1)
        for rule in response.headers["content-security-policy"].split(";")
    )
    assert policy.pop("img-src") == "blob: data:"
    assert policy.pop("connect-src") == "'self'"
    for tag in ("script", "style"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert set(policy.values()) == {"'none'"}
    addresses = set(re.findall(r"https?://[^\"'\s]+", response.text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a language
    assert not re.search(r"innerHTML|document\.write|eval\(", response.text)


def test_the_page_needs_no_token_and_names_no_model(explained: Served) -> None:
    response = httpx.get(explained.address, trust_env=False)
    assert response.status_code == 200
    assert "imagenet" not in response.text
    models = httpx.get(f"{explained.address}/models", trust_env=False)
    assert models.status_code == 401


def test_other_sites_may_link_to_the_page_and_ask_nothing(served: Served) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert served.client.get("/", headers=headers).status_code == 200
    assert served.client.get("/models", headers=headers).status_code == 403


def test_models_tell_what_they_answer_with(served: Served) -> None:
    document = served.client.get("/models").json()
    assert document["most_bytes"] == 32_000_000
    told = [
        (model["name"], model["answers"], model["explains"])
        for model in document["models"]
    ]
    assert told == [
        ("colours", "classes", False),  # of exports, there are no heat maps
        ("boxes", "objects", False),
        ("masks", "masks", False),
    ]
    for model in document["models"]:
        names = [each["name"] for each in model["classes"]]
        assert names == ["red", "green", "blue"]
        for label, each in enumerate(model["classes"]):
            assert tuple(bytes.fromhex(each["colour"][1:])) == colour_of(label)


def test_a_mask_has_the_colours_of_its_classes(served: Served) -> None:
    files = {"files": png(green=200)}
    answer = served.client.post("/predict?model=masks", files=files).json()
    record = answer["predictions"][0]
    assert (record["label"], record["labels"]) == ("green", ["green"])
    mask = Image.open(io.BytesIO(base64.b64decode(record["mask"])))
    assert mask.size == (60, 40)
    assert mask.getcolors() == [(2400, 1)]
    assert mask.convert("RGB").getpixel((0, 0)) == colour_of(1)


def test_a_heat_map_is_a_picture_that_depends_on_the_class(explained: Served) -> None:
    found = [
        explain(explained, query, RED)
        for query in ("?class=daisy", "?class=n01440764", "")
    ]
    assert [response.status_code for response in found] == [200] * 3
    for response in found:
        assert response.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(response.content)).size == (60, 40)
    assert found[0].content != found[1].content


@pytest.mark.parametrize(
    ("query", "images", "status", "reason"),
    [
        ("?class=daisies", [RED], 400, "imagenet has no class 'daisies'."),
        (
            "?class=crane",
            [RED],
            400,
            "2 classes are called 'crane'; send n02012849 or n03126707.",
        ),
        ("", [b"GIF89a"], 422, "the image cannot be read: "),
        ("", [], 400, "the request has no image. Send at least one."),
        ("?model=other", [RED], 404, "there is no model 'other'."),
    ],
)
def test_what_cannot_be_explained_is_refused(
    explained: Served, query: str, images: list[bytes], status: int, reason: str
) -> None:
    response = explain(explained, query, *images)
    assert response.status_code == status
    assert response.json()["error"].startswith(reason)


def test_exports_are_not_explained(served: Served) -> None:
    response = explain(served, "", RED)
    assert response.status_code == 400
    assert response.json()["error"].startswith("colours cannot be explained: ")


def test_people_drop_a_picture_and_read_the_ranking(
    explained: Served, daisy: Path, tmp_path: Path
) -> None:
    files = {"files": daisy.read_bytes()}
    answer = explained.client.post("/predict", files=files).json()["predictions"][0]
    ranking = [
        [ranked["label"], f"{100 * ranked['probability']:.1f}%"]
        for ranked in answer["predictions"]
    ]
    assert ranking[0][0] == "daisy"
    dropped, broken = tmp_path / HOSTILE, tmp_path / "broken.jpg"
    shutil.copy(daisy, dropped)
    broken.write_bytes(daisy.read_bytes()[:400])
    with browsing(tmp_path / "profile") as browser:
        browser.open(explained.address)
        browser.wait("document.querySelector('dialog[open]')")
        for token, told in (("wrong", "wrong.textContent"), (TOKEN, "server")):
            browser.type(token)
            browser.press("Enter")
            browser.wait(told)
        browser.drop(dropped, broken)
        browser.wait("document.querySelector('#answers ol')")
        browser.wait("document.querySelector('#answers .failed')")
        assert browser.evaluate(LINES) == ranking
        assert HOSTILE in browser.text("#answers")
        assert browser.text("#answers .failed") == "truncated JPEG"
        assert browser.text("#status") == "1 picture answered, 1 without an answer"

        # From button to button, to the first class; space shows where it is seen.
        browser.evaluate("document.querySelector('#choose').focus()")
        while browser.evaluate("document.activeElement.closest('li') === null"):
            browser.press("Tab")
        browser.press(" ")
        browser.wait("document.body.innerText.includes('bright where the model sees')")
        assert browser.evaluate("document.activeElement.ariaPressed") == "true"
        browser.wait("document.querySelector('#answers img').naturalWidth")
        explanation = "document.querySelector('#answers img').naturalWidth"
        assert browser.evaluate(explanation) == Image.open(daisy).width

        assert browser.evaluate("document.title") == "What do your pictures show?"
        assert browser.evaluate("document.cookie") == ""
        assert not [url for url in browser.asked if explained.address not in url]
        assert not [text for text in browser.complaints if "status of" not in text]


def test_people_choose_a_model_and_see_boxes_and_masks(
    served: Served, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(RED)
    with browsing(tmp_path / "profile") as browser:
        browser.open(served.address)
        browser.wait("server")
        browser.drop(picture)
        browser.wait("document.querySelector('#answers ol')")
        assert browser.evaluate("document.querySelector('#answers button')") is None
        for model, shown in (("boxes", "svg .edge"), ("masks", ".mask")):
            browser.evaluate(
                f"by('model').value = '{model}', by('model').dispatchEvent("
                "new Event('change'))"
            )
            browser.wait(f"document.querySelector('#answers {shown}')")
        browser.wait("document.querySelector('.mask').naturalWidth === 60")
        assert browser.evaluate(LINES) == [["red", "100.0%"]]
        assert not browser.complaints
