from pathlib import Path

from advlearn.config import complete, load, read_file
from advlearn.studies.selective.search.rows import write_rows
from advlearn.studies.selective.stages.plausible import plausible
from tests.helpers.searched import AT_THE_PUBLISHED, rows

ROOT = Path(__file__).parents[5]
BASELINES = ROOT / "config" / "published" / "selective" / "selective_baselines.csv"


def test_the_file_is_laid_over_a_configuration(tmp_path: Path) -> None:
    searched = [row for number in range(6) for row in rows(number, AT_THE_PUBLISHED)]
    # A file of each job, or the tidy table.
    write_rows(tmp_path / "0.csv", searched[:12])
    write_rows(tmp_path / "1.csv", searched[12:])
    write_rows(tmp_path / "whole.csv", searched)
    for name, parts in (("a", ["0.csv", "1.csv"]), ("b", ["whole.csv"])):
        plausible(
            universes=[tmp_path / part for part in parts],
            published=BASELINES,
            out=tmp_path / f"{name}.yaml",
        )
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    values = complete(read_file(tmp_path / "a.yaml"), ROOT / "config" / "config.yaml")
    config = load(values, "a.yaml")
    universes = config.selective.universes
    # Beside those that the configuration has already.
    assert {"small", "standard", "plausible_1", "plausible_10"} <= set(universes)
    assert sum(each.sets.get("plausible", 0) for each in universes.values()) > 0.999
    assert {each.protocol for each in universes.values()} == {"whitebox", "transfer"}
