from collections import Counter

import pytest

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.studies.selective.search.questions import QUESTIONS
from advlearn.studies.selective.search.space import draws, follows_the_size
from advlearn.studies.selective.settings.universe import UniverseSettings

MANY = draws(0, 1024)


@pytest.mark.parametrize("number", [0, 1, 17, 1000])
def test_a_draw_depends_on_its_number_alone(number: int) -> None:
    assert draws(number, 1) == [MANY[number]]
    assert draws(max(0, number - 3), 5)[min(number, 3)] == MANY[number]


def test_draws_of_a_published_search_stay_what_they_are() -> None:
    """A configuration names universes of the search by their numbers."""
    assert [draw.number for draw in MANY] == list(range(1024))
    first = MANY[0].answers
    assert (first["model"], first["rate"], first["batch"]) == ("mlp 346", "0.00892", "256")
    last = draws(2999, 1)[0].answers
    assert (last["model"], last["optimiser"], last["rate"]) == ("mlp 349-138", "adam", "0.000494")


def test_answers_are_equally_probable() -> None:
    for question in ("dropout", "input", "epsilon", "pgd_step", "schedule", "adversarial_steps"):
        counts = Counter(draw.answers[question] for draw in MANY)
        assert max(counts.values()) - min(counts.values()) <= 3, question
    families = Counter(draw.answers["model"].split()[0] for draw in MANY)
    assert families["mlp"] == 3 * families["cnn"] == 768


def test_answers_are_independent() -> None:
    """Two questions whose coordinates were one would have empty cells."""
    for one, other in (("optimiser", "start"), ("schedule", "epsilon"), ("ball", "clipping")):
        cells = Counter((draw.answers[one], draw.answers[other]) for draw in MANY)
        kinds = {draw.answers[one] for draw in MANY}, {draw.answers[other] for draw in MANY}
        expected = 1024 / (len(kinds[0]) * len(kinds[1]))
        assert all(
            0.8 * expected < cells[a, b] < 1.2 * expected for a in kinds[0] for b in kinds[1]
        )


def test_settings_say_what_the_answers_say() -> None:
    for draw in MANY[:200]:
        answers, universe = draw.answers, draw.universe
        assert set(answers) == set(QUESTIONS)
        assert universe.training.learning_rate == float(answers["rate"])
        assert universe.training.batch_size == universe.retrain.batch_size == int(answers["batch"])
        assert universe.training.epochs <= 20
        until = answers["clean_training"] == "until 0.9701"
        assert (universe.training.stop_at == 0.9701) == until
        widths = universe.model.hidden if universe.model.name == "mlp" else universe.model.channels
        assert "-".join(map(str, widths)) in answers["model"]
        epsilon = {"0.5 in pixels": 0.5, "0.5 standardised": 0.154, "0.5 in [-1, 1]": 0.25}
        for attack in universe.attacks.values():
            assert attack.epsilon == epsilon[answers["epsilon"]]
            assert attack.clip == (answers["clipping"] == "yes")
        fgsm, pgd = universe.attacks["fgsm"], universe.attacks["pgd"]
        assert isinstance(fgsm, FgsmSettings)
        assert isinstance(pgd, PgdSettings)
        assert (fgsm.labels, pgd.ball) == (answers["fgsm_labels"], answers["ball"])
        steps = answers["adversarial_steps"]
        assert (universe.retrain.adversarial_steps is None) == follows_the_size(steps)
        number = universe.retrain.adversarial_steps or universe.retrain.share
        assert number == float(steps.removesuffix(" epoch"))
        alone = answers["schedule"] == "adversarial_only"
        assert (answers["clean_steps"] == "") == (answers["further_epochs"] == "") == alone


def test_a_universe_survives_a_configuration() -> None:
    for draw in MANY[:50]:
        text = draw.universe.to_json()
        assert UniverseSettings.from_json(text) == draw.universe
        assert draw.answers["model"] in draw.universe.description
