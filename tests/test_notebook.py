from pathlib import Path

from PIL import Image
from predicted import predicted

from cnnxfer import notebook
from cnnxfer.data.check.image_properties import ALL_TINY
from cnnxfer.data.check.report import Item, Report
from cnnxfer.data.images.source import file_source
from cnnxfer.data.views.preview import Preview
from cnnxfer.evaluation.comparison import Comparison, RankedBackbone
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.class_figures import ClassFigures
from cnnxfer.tasks.class_scores import ClassScores
from cnnxfer.tasks.significance import Accuracy, MeanLoss


def test_all_text_is_escaped() -> None:
    html = notebook.table(
        "<b>", [["<i>", "n"], ["<script>", None]], "a & b", picture='data:"'
    )
    assert html == (
        '<div><p><b>&lt;b&gt;</b><br>a &amp; b</p><img src="data:&quot;"><table>'
        "<tr><th>&lt;i&gt;</th><th>n</th></tr>"
        "<tr><td>&lt;script&gt;</td><td></td></tr></table></div>"
    )


def test_long_tables_say_what_they_leave_out() -> None:
    html = notebook.table("many", [["n"], *[[number] for number in range(52)]])
    assert "2 more rows are not shown." in html
    assert "<td>49</td>" in html
    assert "<td>50</td>" not in html


def test_results_show_themselves(tmp_path: Path) -> None:
    half = Accuracy(0.5, 0.4, 0.6)
    scores = ClassScores("<rose>", 2, 1, 1, half, half, None)
    loss = MeanLoss(0.5, 0.4, 0.6)
    figures = ClassFigures(
        half, None, *[half] * 3, loss, half, None, None, (scores,), ()
    )
    place = RankedBackbone("tiny", "accuracy", 0.5, half, 9.0, "keras", 32, 5, 20, 1.0)
    photo = tmp_path / "a&b.png"
    Image.new("RGB", (4, 3)).save(photo)
    ranking = (RankedClass(1, "r", "rose", 0.912), RankedClass(2, "t", "tulip", 0.088))
    results = {
        "Evaluation('a': 50.0% [40.0, 60.0] of 2 images)": (
            Evaluation("a", 2, 0, 0, figures),
            "<td>&lt;rose&gt;</td><td>2</td><td>50.0%</td>",
        ),
        "Comparison('photos': tiny 50.0%)": (
            Comparison("photos", 8, 2, (place,), {"big": "no <time>"}),
            "left out big: no &lt;time&gt;",
        ),
        f"Preview('{photo}': 1 image)": (
            Preview(photo, "light", 32, ("a",), ("rose",)),
            '<img src="data:image/png;base64,',
        ),
        f"Prediction('{photo}': rose 91.2%)": (
            predicted(str(photo), 4, 3, ranking, source=file_source(str(photo))),
            '<img src="data:image/jpeg;base64,',
        ),
        "Prediction('b.jpg #1': truncated)": (
            predicted("b.jpg", error="truncated", frame=1),
            "truncated",
        ),
        "Prediction('c.jpg': unsure)": (
            predicted("c.jpg", ranking=ranking, min_confidence=0.95),
            "<td>tulip</td><td>8.8%</td>",
        ),
        "Prediction('d.jpg': none)": (
            predicted("d.jpg", ranking=ranking, chosen=()),
            "none",
        ),
        "Report('x': 3 images, 0 classes, 0 errors, 0 warnings, 1 note)": (
            Report("x", 3, 3, (), tuple(ALL_TINY.findings([Item(("a",))]))),
            "Train with a small image_size, which",
        ),
    }
    for text, (result, shown) in results.items():
        assert repr(result) == text
        assert shown in result._repr_html_()
