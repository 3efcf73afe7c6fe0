import shutil
from pathlib import Path

from cnnxfer.config import Config
from cnnxfer.data.prepared import prepare_data
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter


def test_preparation_does_not_depend_on_file_names_and_places(
    photos_dir: Path, tmp_path: Path
) -> None:
    folder, table = tmp_path / "folder", tmp_path / "table.csv"
    shutil.copytree(photos_dir, folder)
    picture = next((folder / "red").iterdir())
    shutil.copy(picture, folder / "blue" / "0.jpg")  # one picture of two classes
    rows = ["path,label"]
    for number, path in enumerate(sorted(folder.glob("*/*.jpg"), reverse=True)):
        shutil.copy(path, tmp_path / f"{number}.jpg")
        rows.append(f"{number}.jpg,{path.parent.name}")
    table.write_text("\n".join(rows))

    def content(spec: Path) -> list[tuple[str, int, str]]:
        dataset = list_dataset(str(spec), Reporter())
        data = prepare_data(dataset, Config(), Reporter())
        return [
            (example.sha256, example.label, part)
            for example, part in zip(data.examples, data.splits, strict=True)
        ]

    assert content(folder) == content(table)
