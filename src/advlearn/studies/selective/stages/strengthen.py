"""Stage strengthen: which images withstand strong attacks, beside the paper's kind of attack."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import nn

from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.sanity import not_weaker
from advlearn.attacks.stacked_strong import stacked_robust
from advlearn.data.store import StoredSplit, load_info, open_split
from advlearn.learners.networks.stack import Stack, State
from advlearn.learners.networks.weights import load_network, load_networks, own_network_digest
from advlearn.settings.attack import ApgdSettings, EvaluationSettings, FgsmSettings, PgdSettings
from advlearn.settings.strong import strong_attacks
from advlearn.studies.selective.cell import read_cells, strengthened
from advlearn.studies.selective.settings.strengthen import StrengthenJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.determinism import configure_torch
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import read_npz, write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.stack import at_once, pays, stacked_parts

CLEAN, WHITEBOX = "clean", "whitebox"
COLUMNS = "strong_attack n_images robust robust_so_far check excess passed".split()
"""What the stage adds to what a cell is."""
BLOCK = 500
"""Images that are attacked together, with random numbers of their own: a job that was interrupted
resumes with the first block of an attack that is not finished."""

Verdicts = dict[str, np.ndarray]
"""Attack -> bool (n,), which images it leaves classified rightly; the first entry is `CLEAN`."""


def strengthen(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    weights: Annotated[Path, typer.Option(help="classifier.safetensors before retraining")],
    selection: Annotated[Path, typer.Option(help="cells of the select stage, .csv")],
    retrained: Annotated[Path, typer.Option(help=".safetensors of the retrain stage")],
    verdicts: Annotated[Path, typer.Option(help=".npz of the evaluate stage")],
    settings: Annotated[StrengthenJob, typer.Option(parser=StrengthenJob.from_json, help="JSON")],
    universe: Annotated[str, typer.Option(help="name for the tidy rows")],
    attack: Annotated[str, typer.Option(help="name for the tidy rows")],
    reduction: Annotated[str, typer.Option(help="name for the tidy rows")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Attack models with strong attacks; an image is robust if it withstands each of them.

    Each attack meets all images that are classified rightly, so that a row has its own robust
    accuracy, ``robust``, and the worst case over it and the rows above it, ``robust_so_far``. The
    first rows are those of stage evaluate on the same images: without attack, and under the attack
    of the universe (``whitebox``), which is part of the worst case if its images stay inside ball
    and box.

    Raises:
        UserError: the verdicts are not those of the selection, or as `robust_verdicts`.
    """
    torch_device = configure_torch(threads, device)
    checkpoint = Checkpoint(
        out,
        __name__,
        (settings, own_network_digest(weights), seed, threads, torch_device),
        (data.parent, weights, selection, retrained, verdicts),
    )
    info = load_info(data.parent)
    test = open_split(data.parent, "test")
    cells = strengthened(read_cells(selection), settings.strong)
    classic = load_network(weights).to(torch_device)
    network, states = load_networks(retrained)
    network.to(torch_device).eval()
    known = read_npz(verdicts)
    wanted = list(dict.fromkeys(cells["digest"]))
    progress = Progress(f"strengthen {attack} {reduction} seed {seed}", len(wanted), "models")
    before = {
        digest: _known(known, digest, len(test), settings.strong.images, verdicts)
        for digest in wanted
    }
    strong_ones = attacks_of(settings, info.n_classes)
    ahead: dict[str, Verdicts] = {}
    if wanted and pays(torch_device, network, torch.from_numpy(test.images(slice(2)))):
        every_state = {**states, "classic": classic.state_dict()}
        models = {digest: every_state[digest] for digest in wanted}
        clean = {digest: found[CLEAN] for digest, found in before.items()}
        ahead = _side_by_side(network, models, test, clean, strong_ones, seed, checkpoint)
    rows: dict[str, list[dict[str, Any]]] = {}
    for digest, found in before.items():
        model = classic
        if digest != "classic":
            network.load_state_dict(states[digest])
            model = network
        for name, strong in strong_ones.items():
            bits = ahead.get(digest, {}).get(name)
            if bits is None:
                bits = _withstood(
                    model, test, found[CLEAN], strong, seed, checkpoint, f"{digest} {name}"
                )
            found[name] = bits
        rows[digest] = measured(found, settings.attack)
        progress.advance()
    keys = {
        "dataset": info.name,
        "universe": universe,
        "seed": seed,
        "attack": attack,
        "reduction": reduction,
    }
    frame = pd.DataFrame(
        [
            {**keys, **cell, **row}
            for cell in cells.to_dict(orient="records")
            for row in rows[cell["digest"]]
        ],
        columns=[*keys, *cells.columns, *COLUMNS],
    )
    write_csv(out, frame)
    checkpoint.finish()


def attacks_of(settings: StrengthenJob, n_classes: int) -> dict[str, EvaluationSettings]:
    """The attacks that are run, by the name of their rows: one step, if need be, and the strong."""
    norm, epsilon = settings.attack.norm, settings.attack.epsilon
    found: dict[str, EvaluationSettings] = {}
    if settings.attack.name != "fgsm":
        found["fgsm"] = FgsmSettings(norm=norm, epsilon=epsilon)
    strong = settings.strong
    for each in strong_attacks(
        norm,
        epsilon,
        n_classes,
        steps=strong.steps,
        queries=strong.queries,
        targets=strong.targets,
    ):
        deviation = f"_{each.deviation}" if isinstance(each, ApgdSettings) else ""
        found[f"{each.name}{deviation}"] = each
    return found


def stays_inside(attack: FgsmSettings | PgdSettings) -> bool:
    """Whether all images of an attack are inside its ball round the clean image, and the box."""
    if isinstance(attack, FgsmSettings) or attack.ball == "image":
        return attack.clip
    step = min(attack.resolved_step_size, attack.epsilon)
    return attack.clip and attack.steps * step <= attack.epsilon


def measured(found: Verdicts, attack: FgsmSettings | PgdSettings) -> list[dict[str, Any]]:
    """The rows of a model: `COLUMNS`.

    The rows of FGSM, or of APGD where the universe's attack is FGSM itself, and of Square Attack
    say whether the check holds that compares them with the universe's attack: ``excess`` is the
    robust accuracy of what should be at least as strong minus that of the other.

    Args:
        found: verdicts on the same images, in the order of the rows.
        attack: attack of the universe.
    """
    share = {name: float(bits.mean()) for name, bits in found.items()}
    # (what should be at least as strong, the other), by the row that has the check.
    compared = {"square": ("white_box_not_weaker", WHITEBOX, "square")}
    if attack.name == "fgsm":
        iterative = "apgd_cross_entropy"
        compared[iterative] = ("iterative_not_weaker", iterative, WHITEBOX)
    else:
        compared["fgsm"] = ("iterative_not_weaker", WHITEBOX, "fgsm")
    so_far = np.ones_like(found[CLEAN])
    rows = []
    for name, bits in found.items():
        # Images outside the ball or the box are no answer to how many withstand what is inside.
        if name != WHITEBOX or stays_inside(attack):
            so_far = so_far & bits
        row: dict[str, Any] = {
            "strong_attack": name,
            "n_images": len(bits),
            "robust": share[name],
            "robust_so_far": float(so_far.mean()),
            "check": None,
            "excess": None,
            "passed": None,
        }
        if name in compared:
            check, stronger, other = compared[name]
            passed = not_weaker(check, share[stronger], other, share[other]).passed
            excess = share[stronger] - share[other]
            row |= {"check": check, "excess": excess, "passed": int(passed)}
        rows.append(row)
    return rows


def _known(
    verdicts: dict[str, np.ndarray], digest: str, n_test: int, n: int, path: Path
) -> Verdicts:
    """What stage evaluate found of a model on the first ``n`` test images."""
    try:
        bits = {
            name: np.unpackbits(verdicts[f"{digest}/test/{name}"], count=n_test)[:n].astype(bool)
            for name in (CLEAN, WHITEBOX)
        }
    except KeyError as error:
        raise UserError(
            f"no verdicts {error} of a model of the selection", where=str(path), remedy=REBUILT
        ) from error
    return bits


def _side_by_side(
    network: nn.Module,
    models: Mapping[str, State],
    test: StoredSplit,
    clean: Mapping[str, np.ndarray],
    attacks: Mapping[str, EvaluationSettings],
    seed: int,
    checkpoint: Checkpoint,
) -> dict[str, Verdicts]:
    """The verdicts of all models under each attack, by name, some models at a time in a stack."""
    device, names = next(network.parameters()).device, list(models)
    found: dict[str, Verdicts] = {name: {} for name in names}
    n = len(clean[names[0]])
    # A row of an attack keeps a dozen images: iterates, gradients, best points.
    size = at_once(12 * min(n, BLOCK) * prod(test.shape[1:]))
    for attack, settings in attacks.items():
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for start in range(0, n, BLOCK):
            rows = slice(start, min(start + BLOCK, n))

            def judged(
                some: slice, rows: slice = rows, settings: EvaluationSettings = settings
            ) -> list[SavedState]:
                own = names[some]
                states = [{k: v.to(device) for k, v in models[name].items()} for name in own]
                robust = stacked_robust(
                    Stack(network, states).eval(),
                    torch.from_numpy(test.images(rows)).to(device),
                    torch.from_numpy(test.labels[rows]).to(device),
                    settings,
                    derive_seed(seed, "strengthen", rows.start),
                    torch.from_numpy(np.stack([clean[name][rows] for name in own])).to(device),
                )
                return [{"robust": bits} for bits in robust.cpu().numpy()]

            made = stacked_parts(f"{attack} {start} of models", names, size, judged, checkpoint)
            for name, part in made.items():
                parts[name].append(part["robust"])
        for name, blocks in parts.items():
            found[name][attack] = np.concatenate(blocks)
    return found


def _withstood(
    model: nn.Module,
    test: StoredSplit,
    clean: np.ndarray,
    attack: EvaluationSettings,
    seed: int,
    checkpoint: Checkpoint,
    name: str,
) -> np.ndarray:
    """Bool (n,), which of the first images withstand an attack."""
    torch_device = next(model.parameters()).device
    parts = []
    for start in range(0, len(clean), BLOCK):
        rows = slice(start, min(start + BLOCK, len(clean)))

        def judged(rows: slice = rows) -> SavedState:
            found = robust_verdicts(
                model,
                torch.from_numpy(test.images(rows)).to(torch_device),
                torch.from_numpy(test.labels[rows]).to(torch_device),
                attack,
                # The same random numbers for every model: differences between cells are paired.
                derive_seed(seed, "strengthen", rows.start),
                clean=torch.from_numpy(clean[rows]).to(torch_device),
            )
            return {"robust": found.robust.cpu().numpy()}

        parts.append(checkpoint.once(f"{name} {start}", judged)["robust"])
    return np.concatenate(parts)
