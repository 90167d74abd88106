"""One module per table. A new table is a new module and its line here."""

from __future__ import annotations

from collections.abc import Callable

from advlearn.paper.tables import (
    bilevel_attacks,
    bilevel_blackbox,
    bilevel_delta_formulas,
    bilevel_deviation_agreement,
    bilevel_gamma_interval,
    bilevel_onepoint,
    selective_baselines,
    selective_controls,
    selective_table1_fgsm,
    selective_table2_pgd,
    selective_table3_overall,
    topk_alpha,
    topk_cardinality,
    topk_global,
    topk_models,
    topk_random,
    topk_relaxation,
    topk_transfer,
    topk_unknown_labels,
)
from advlearn.paper.tidy import Tidy
from advlearn.paper.writers import Table

# Imported by name, not discovered, so that the digest of the code sees every module.
TABLES: dict[str, Callable[[Tidy], Table]] = {
    "selective_baselines": selective_baselines.build,
    "selective_table1_fgsm": selective_table1_fgsm.build,
    "selective_table2_pgd": selective_table2_pgd.build,
    "selective_table3_overall": selective_table3_overall.build,
    "selective_controls": selective_controls.build,
    "topk_models": topk_models.build,
    "topk_global": topk_global.build,
    "topk_random": topk_random.build,
    "topk_relaxation": topk_relaxation.build,
    "topk_alpha": topk_alpha.build,
    "topk_cardinality": topk_cardinality.build,
    "topk_unknown_labels": topk_unknown_labels.build,
    "topk_transfer": topk_transfer.build,
    "bilevel_delta_formulas": bilevel_delta_formulas.build,
    "bilevel_deviation_agreement": bilevel_deviation_agreement.build,
    "bilevel_gamma_interval": bilevel_gamma_interval.build,
    "bilevel_attacks": bilevel_attacks.build,
    "bilevel_blackbox": bilevel_blackbox.build,
    "bilevel_onepoint": bilevel_onepoint.build,
}
"""Table name -> its builder, in the order of the report; names start with their study."""
