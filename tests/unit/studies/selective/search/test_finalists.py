from advlearn.studies.selective.search.finalists import choose
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED, frame, rows


def near(by: float) -> dict[str, float]:
    return {name: share * (1 - by) for name, share in AT_THE_PUBLISHED.items()}


def first(number: int, by: float = 0.0, status: str = "measured") -> list[dict[str, object]]:
    shares = near(by) if status == "measured" else {"classic_clean": 0.5}
    return rows(number, shares, seeds=(0,), stage="first", status=status)


def test_the_likeliest_come_first_and_chance_takes_from_the_rest() -> None:
    measured = [first(i, by) for i, by in ((3, 0.3), (8, 0.0), (5, 0.1), (1, 0.5))]
    left = [first(i, status="stopped") for i in range(20, 40)]
    failed = [first(i, status="failed") for i in range(40, 60)]
    table = frame(*measured, *left, *failed)
    found = choose(table, PUBLISHED, 2, 15)
    assert found["universe"].tolist()[:2] == [8, 5]
    assert found["chosen_by"].tolist() == ["likelihood"] * 2 + ["random"] * 15
    rest = set(found["universe"][2:])
    assert len(rest) == 15
    assert rest <= {3, 1, *range(20, 40)}
    # By number: neither the order of the rows nor other draws change who is drawn first.
    again = choose(table.sample(frac=1, random_state=0), PUBLISHED, 2, 15)
    assert again["universe"].tolist() == found["universe"].tolist()


def test_fewer_are_chosen_where_there_are_fewer() -> None:
    table = frame(first(1, 0.2), first(2, status="stopped"))
    found = choose(table, PUBLISHED, 5, 5)
    assert found.to_numpy().tolist() == [[1, "likelihood"], [2, "random"]]
    nothing = choose(frame(first(2, status="failed")), PUBLISHED, 5, 5)
    assert nothing.empty
    assert list(nothing.columns) == ["universe", "chosen_by"]
