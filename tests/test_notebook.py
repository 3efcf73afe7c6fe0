from cnnxfer import notebook


def test_all_text_is_escaped() -> None:
    html = notebook.table(
        "<b>", [{"<i>": "<script>", "n": None}], notes=["a & b"], picture="<img>"
    )
    assert html == (
        "<div><p><b>&lt;b&gt;</b><br>a &amp; b</p><img><table>"
        "<tr><th>&lt;i&gt;</th><th>n</th></tr>"
        "<tr><td>&lt;script&gt;</td><td></td></tr></table></div>"
    )


def test_long_tables_say_what_they_leave_out() -> None:
    html = notebook.table("many", [{"n": number} for number in range(51)])
    assert "The first 50 of 51:" in html
    assert "<td>49</td>" in html
    assert "<td>50</td>" not in html
