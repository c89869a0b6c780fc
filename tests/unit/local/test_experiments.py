"""What `everloop experiment status` prints of a report."""

import pytest

from everloop.contracts.experiments import (
    ExperimentReport,
    GuardrailReport,
    LossDifference,
    SampleRatio,
    VariantReport,
)
from local import console
from local.commands.experiments import print_report
from tests.samples import NOW


def variant(name: str, version: int, loss: float | None) -> VariantReport:
    return VariantReport.model_validate(
        {
            "variant": name,
            "version": version,
            "units": 1_020,
            "rows": 4_080,
            "outcomes": 512,
            "answered_by": {"model": 0.99, "fallback:champion": 0.01},
            "fallback_share": 0.01,
            "latency_ms": 0.0712,
            "loss": loss,
        }
    )


def report(**changes: object) -> ExperimentReport:
    fields = {
        "model": "pump",
        "salt": "0199",
        "mode": "ab",
        "champion": 1,
        "challenger": 2,
        "share": 0.25,
        "started_at": NOW,
        "ends_at": NOW,
        "judged_at": NOW,
        "loss": "squared error of the probability",
        "variants": (variant("champion", 1, 0.21), variant("challenger", 2, 0.1875)),
        "difference": LossDifference(value=-0.0225, low=-0.031, high=-0.004),
        "sample_ratio": SampleRatio(share=0.25, champion=765, challenger=255, p_value=0.81, mismatch=False),
        "guardrails": (GuardrailReport(name="fallback share", value=0.003, limit=0.02, broken=False),),
        "verdict": "promote",
        "reasons": ("its loss is lower", "and nothing is broken"),
        "decides": True,
    }
    return ExperimentReport.model_validate(fields | changes)


def shown(found: ExperimentReport, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_report(found.model_dump(mode="json"))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_both_variants_stand_one_below_the_other_and_what_follows_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.stdout, "_width", console.PIPED_WIDTH)
    assert shown(report(), capsys) == [
        "judged 2026-03-14 09:26 UTC (ab, version 2 against 1, since 2026-03-14 09:26)",
        "variant version units rows outcomes squared error of the probability fallbacks % latency ms",
        "champion 1 1,020 4,080 512 0.2100 1.00 0.0712",
        "challenger 2 1,020 4,080 512 0.1875 1.00 0.0712",
        "difference of the losses -0.0225 (95 % at every look: -0.0310 to -0.0040); below 0 the challenger is better",
        "sample ratio as it should be: 255 of 1,020 units for 25 % (p 0.81)",
        "guardrail fallback share kept: 0.003, at most 0.02",
        "verdict: promote: its loss is lower; and nothing is broken",
    ]


def test_what_went_wrong_stands_out_and_what_is_not_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(
        report(
            mode="shadow",
            variants=(variant("champion", 1, None), variant("challenger", 2, None)),
            difference=None,
            sample_ratio=SampleRatio(share=0.25, champion=900, challenger=120, p_value=1e-12, mismatch=True),
            guardrails=(
                GuardrailReport(name="fallback share", value=0.3, limit=0.02, broken=True),
                GuardrailReport(name="fallback share", value=0.03, limit=0.02, broken=False),
                GuardrailReport(name="latency", value=None, limit=2, broken=False),
                GuardrailReport(name="latency", value=3.5714, limit=2, broken=False),
            ),
            verdict="abort",
            decides=False,
        ),
        capsys,
    )
    assert not any("difference" in line for line in lines)
    assert lines[-6:] == [
        "sample ratio MISMATCH: 120 of 1,020 units for 25 % (p 1e-12)",
        "guardrail fallback share BROKEN: 0.3, at most 0.02",
        "guardrail fallback share kept: 0.03, at most 0.02, which may be chance",
        "guardrail latency kept: too few rows, at most 2",
        "guardrail latency kept: 3.571, at most 2, fast enough all the same",
        "verdict: abort (only told): its loss is lower; and nothing is broken",
    ]
