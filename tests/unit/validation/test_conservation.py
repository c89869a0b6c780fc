"""No row is ever lost: delivered = accepted + quarantined + duplicates, and each of them is where it belongs."""

import pytest

from tests.poison.ledger import FORMATS, Account, settle

ROWS = 20_000


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    return {account.suffix: account for account in settle(ROWS, tmp_path_factory.mktemp("ledger"))}


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_row_is_accepted_quarantined_or_a_duplicate(suffix: str, accounts: dict[str, Account]) -> None:
    account = accounts[suffix]
    assert account.report.rows == account.expected
    assert min(account.expected.quarantined, account.expected.duplicates) > 0
    assert account.wrong_rows == 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_quarantined_row_tells_the_right_reason(suffix: str, accounts: dict[str, Account]) -> None:
    assert accounts[suffix].wrong_reasons == 0


def test_all_delivered_rows_are_counted(accounts: dict[str, Account]) -> None:
    assert sum(account.report.rows.delivered for account in accounts.values()) == ROWS
