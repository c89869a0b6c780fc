"""A million rows in six formats, 1 % faulty and 10 % repeated: is each where it belongs, and for the right reason?"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.poison.ledger import settle

ROWS = 1_000_000


def main() -> None:
    print(f"{'format':<10}{'delivered':>10}{'accepted':>10}{'quarantined':>12}{'duplicates':>11}", end="")
    print(f"{'miscounted':>11}{'wrong reasons':>14}{'wrong rows':>11}{'s':>7}")
    totals = [0] * 7
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        for account in settle(ROWS, Path(folder)):
            rows, expected = account.report.rows, account.expected
            counts = [rows.delivered, rows.accepted, rows.quarantined, rows.duplicates]
            pairs = zip(rows.model_dump().values(), expected.model_dump().values(), strict=True)
            miscounted = sum(abs(got - told) for got, told in pairs)
            figures = [*counts, miscounted, account.wrong_reasons, account.wrong_rows]
            totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
            _print(account.suffix, figures, time.perf_counter() - started)
            started = time.perf_counter()
    _print("together", totals, None)


def _print(label: str, figures: list[int], seconds: float | None) -> None:
    columns = "".join(
        f"{figure:>{width},}" for figure, width in zip(figures, (10, 10, 12, 11, 11, 14, 11), strict=True)
    )
    print(f"{label:<10}{columns}{'' if seconds is None else f'{seconds:>7.1f}'}")


if __name__ == "__main__":
    main()
