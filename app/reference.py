"""docs/reference.md, made from the sentences in the code and from the figures measured for the shipped versions.

`rlhb reference > docs/reference.md` writes it; a test sees to it that the committed file is what this makes.
"""

from collections.abc import Iterable, Iterator, Sequence

from app.settings_options import settings_table
from rlhb_core.run.config import describe_settings
from rlhb_core.run.metrics import METRICS
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import IMPLICIT_CLAUSES, VERBALISER_VERSION
from rlhb_core.schema.features import CLAUSES, BehaviorFeatures
from rlhb_core.schema.records import Triplet
from rlhb_core.schema.signals import KINDS
from rlhb_core.train.version import read_version
from rlhb_core.world.embedded import shipped_arms, version_path


def reference() -> str:
    """The whole page as Markdown."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Made by `rlhb reference` from the sentences in the code; do not edit by hand.",
            *_section(
                "Shipped versions",
                "The versions of the embedded model against SFT, its base, on facts that nobody was asked about "
                "in training, sampled at temperature 1. Simulated annotators; judged by their hidden utility, "
                "which no version was trained on; 95 % intervals by bootstrap over the questions, one seed. "
                "Trained by the product's own code, shipped by `python -m rlhb_core.world.embedded.ship`.",
                ("version", "asked for", "win rate against SFT", "utility", "right", "garbled", "verdict of the run"),
                _shipped(),
            ),
            *_section(
                "Settings of the app",
                "Environment variables, and the same-named options of every `rlhb` command (`RLHB_DATA_DIR`, "
                "`--data-dir`).",
                ("variable", "default", "what it is"),
                ((f"`{name}`", f"`{default}`" if default else "", text) for name, default, text in settings_table()),
            ),
            *_section(
                "Settings of a run",
                "Fields of `rlhb_core/run/recipes/*.toml`; changed for one run with `rlhb train --set ppo.kl=0.1` or "
                "on the Runs page.",
                ("setting", "default", "what it is"),
                (
                    (f"`{row.name}`", f"`{row.default}`" if row.default else "", row.sentence)
                    for row in describe_settings()
                ),
            ),
            *_section(
                "Metrics",
                "What a run logs into `metrics.jsonl`. A name that is not in this table cannot be logged.",
                ("metric", "unit", "what it says"),
                ((f"`{m.name}`", m.unit, m.sentence) for m in METRICS.values()),
            ),
            *_section(
                "Signals",
                "What `POST /api/signals` takes: one recorded act each. What is noticed in passing is not "
                "recorded while somebody has paused.",
                ("kind", "about", "said", "payload", "what it says"),
                (
                    (
                        f"`{kind}`",
                        "the query" if facts.of_query else "one response",
                        "on purpose" if facts.explicit else "in passing",
                        ", ".join(f"`{name}`" for name in facts.payload.model_fields),
                        _first_sentence(facts.payload.__doc__),
                    )
                    for kind, facts in KINDS.items()
                ),
            ),
            *_section(
                "Behaviour text",
                f"Verbaliser version {VERBALISER_VERSION}. Clauses in the order of the sentence; the arms of "
                f"RLHB train on {', '.join(IMPLICIT_CLAUSES)} unless a recipe says otherwise.",
                ("clause", "says one of", "meaning"),
                ((f"`{c.name}`", "; ".join(filter(None, c.options)), c.help) for c in CLAUSES),
            ),
            *_section(
                "Triplet",
                "One line of `rlhb export triplets`.",
                ("field", "what it is"),
                ((f"`{name}`", field.description or "") for name, field in Triplet.model_fields.items()),
            ),
            *_section(
                "Behaviour features",
                "`behavior_features` of a triplet.",
                ("field", "what it is"),
                ((f"`{name}`", field.description or "") for name, field in BehaviorFeatures.model_fields.items()),
            ),
            "",
        ]
    )  # fmt: skip


def _shipped() -> Iterator[Sequence[str]]:
    """What `version.json` of every shipped version says was measured."""
    for arm in shipped_arms():
        version = read_version(version_path(arm))
        evaluation = version["evaluation"]
        for name, found in evaluation["conditions"].items():
            won = found["against_sft"]
            low, high = won["interval"]
            served = name == "served"
            yield (
                Arm(arm).label if served else "",
                found["behavior"] or "nothing",
                f"{won['win_rate']:.3f} [{low:.3f}, {high:.3f}]",
                f"{found['utility']:.2f} (SFT {evaluation['sft']['utility']:.2f})",
                f"{found['correct']:.0%}",
                f"{found['garbled']:.0%}",
                version["verdict"] if served else "",
            )


def _section(
    title: str, lead: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> list[str]:
    return [
        "",
        f"## {title}",
        "",
        lead,
        "",
        _line(head),
        _line(["---"] * len(head)),
        *map(_line, rows),
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]
