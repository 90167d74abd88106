import json
from pathlib import Path

import pandas as pd

from advlearn.studies.selective.search.rows import write_rows
from advlearn.studies.selective.settings.calibrate import CalibrateSettings, FinalistsJob
from advlearn.studies.selective.stages.finalists import finalists
from advlearn.support.manifest import Manifest
from tests.helpers.searched import AT_THE_PUBLISHED, rows

ROOT = Path(__file__).parents[5]
BASELINES = ROOT / "config" / "published" / "selective" / "selective_baselines.csv"


def test_finalists_come_from_all_blocks(tmp_path: Path) -> None:
    for block in range(3):
        part = [
            rows(
                block * 4 + i,
                {
                    name: share * (1 - 0.02 * (3 * block + i))
                    for name, share in AT_THE_PUBLISHED.items()
                },
                seeds=(0,),
                stage="first",
            )[0]
            for i in range(4)
        ]
        write_rows(tmp_path / f"{block}.csv", part)
    files = Manifest.parse(json.dumps({"calibration": str(tmp_path / "{block}.csv")}))
    job = FinalistsJob(blocks=(0, 1, 2), likeliest=5, random=2)
    finalists(files=files, published=BASELINES, settings=job, out=tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["chosen_by"].tolist() == ["likelihood"] * 5 + ["random"] * 2
    assert set(found["universe"][:5]) == {0, 1, 2, 3, 4}
    assert found["universe"].is_unique


def test_the_parts_have_room_for_all_finalists() -> None:
    settings = CalibrateSettings(draws=101, share=0.1, random_finalists=3, finalists_a_job=4)
    assert settings.likeliest == 11
    assert list(settings.parts()) == [0, 1, 2, 3]
