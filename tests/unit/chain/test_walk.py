from __future__ import annotations

from advlearn.chain.rules import RuleJob
from advlearn.chain.walk import follow


def job(rule: str, inputs: list[str], outputs: list[str]) -> RuleJob:
    return RuleJob(rule, rule, {}, tuple(inputs), tuple(outputs), {}, (), None)


JOBS = [
    job("first", ["given"], ["a", "a.log"]),
    job("left", ["a"], ["b"]),
    job("right", ["a", "a.log", "other"], ["c"]),
    job("last", ["c", "b"], ["d", "e"]),
]


def job_of(file: str) -> RuleJob | None:
    return next((each for each in JOBS if file in each.outputs), None)


def test_every_job_comes_after_those_it_reads_and_only_once() -> None:
    chain = follow(["d"], job_of, lambda *_: True)
    assert [each.rule for each in chain.jobs] == ["first", "right", "left", "last"]
    assert chain.used == {"a": ["a", "a.log"], "b": ["b"], "c": ["c"], "d": ["d"]}
    assert chain.given == ["given", "other"]


def test_inputs_that_do_not_belong_are_not_followed() -> None:
    def reads(reader: RuleJob, file: str, maker: RuleJob | None) -> bool:
        assert maker is job_of(file)
        return (reader.rule, file) != ("last", "c")

    chain = follow(["d"], job_of, reads)
    assert [each.rule for each in chain.jobs] == ["first", "left", "last"]
    assert chain.used["a"] == ["a"]
    assert chain.given == ["given"]


def test_a_file_that_nothing_makes() -> None:
    chain = follow(["x"], job_of, lambda *_: True)
    assert (chain.jobs, chain.given) == ([], ["x"])
