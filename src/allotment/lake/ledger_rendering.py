"""The ledger as text for a terminal, and as JSON for a machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from allotment.contract.counting import UNREADABLE
from allotment.lake.balance import Account
from allotment.lake.ledger import Lag, Ledger

_COLUMNS = (
    "received",
    "accepted",
    "rejected",
    "lost",
    "written",
    "duplicate",
    "unreadable",
    "waiting",
    "difference",
)


def json_of(ledger: Ledger) -> str:
    """Everything, with an object for each stream, and one for each stream and minute."""
    return orjson.dumps(
        {
            "at": _text(ledger.at),
            "since": f"{ledger.since}Z",
            "balanced": ledger.balanced,
            "faults": ledger.faults,
            "notes": ledger.notes,
            "streams": [
                {"stream": stream, **_account(account), **_lag(ledger, stream)}
                for stream, account in ledger.totals.items()
            ],
            "minutes": [
                {"stream": stream, "minute": minute or None, **_account(account)}
                for (stream, minute), account in ledger.accounts
            ],
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    ).decode()


def text_of(ledger: Ledger, *, minutes: bool) -> str:
    """Totals by stream, what was rejected, and each minute that does not balance, or all."""
    lines = [f"Events received since {ledger.since} UTC, at {_text(ledger.at)}", ""]
    totals = ledger.totals
    if totals:
        rows = [(stream, account, _lag_text(ledger, stream)) for stream, account in totals.items()]
        lines += _table(("stream", *_COLUMNS, "lag"), [_row((s,), a, lag) for s, a, lag in rows])
    else:
        lines.append("There are none.")
    lines += _rejections(totals)
    shown = [(key, a) for key, a in ledger.accounts if minutes or not a.balanced]
    if shown:
        lines += ["", "By minute:" if minutes else "Minutes that do not balance:"]
        rows_of = [_row((stream, at or "no time"), account, "") for (stream, at), account in shown]
        lines += _table(("stream", "minute", *_COLUMNS, ""), rows_of)
        lines += [
            f"  {stream} {at or 'no time'}: {_explained(account)}"
            for (stream, at), account in shown
            if not account.balanced
        ]
    lines += _listed("Faults:", ledger.faults) + _listed("Notes:", ledger.notes)
    lines += ["", "Balanced." if ledger.balanced else "NOT BALANCED."]
    return "\n".join(lines) + "\n"


def _account(account: Account) -> dict[str, Any]:
    return {
        "received": account.received,
        "accepted": account.accepted,
        "rejected": dict(sorted(account.rejected.items())),
        "lost": account.lost,
        "written": account.written,
        "duplicate": account.duplicate,
        "unreadable": account.unreadable,
        "waiting": account.waiting,
        "rejected_kept": dict(sorted(account.kept.items())),
        "rejected_waiting": dict(sorted(account.rejected_waiting.items())),
        "difference": account.difference,
        "rejected_differences": account.rejected_differences,
        "balanced": account.balanced,
    }


def _lag(ledger: Ledger, stream: str) -> dict[str, Any]:
    lag = ledger.lags.get(stream, Lag())
    return {"lag_seconds": _seconds(ledger, lag), "lag_bytes": lag.bytes}


def _lag_text(ledger: Ledger, stream: str) -> str:
    lag = ledger.lags.get(stream)
    return "-" if lag is None else f"{_seconds(ledger, lag):.1f} s, {lag.bytes:,} B"


def _seconds(ledger: Ledger, lag: Lag) -> float:
    if lag.oldest is None:
        return 0.0
    return round(max(0.0, (ledger.at - lag.oldest).total_seconds()), 3)


def _rejections(totals: dict[str, Account]) -> list[str]:
    rows = [
        (
            stream,
            reason,
            str(account.rejected.get(reason, 0)),
            str(account.kept.get(reason, 0)),
            str(account.rejected_waiting.get(reason, 0)),
            str(account.rejected_differences.get(reason, 0)),
        )
        for stream, account in totals.items()
        for reason in sorted({*account.rejected, *account.kept, *account.rejected_waiting})
    ]
    if not rows:
        return []
    header = ("stream", "rejected because", "events", "in event.rejected", "waiting", "difference")
    return ["", *_table(header, rows)]


def _row(names: tuple[str, ...], account: Account, lag: str) -> tuple[str, ...]:
    numbers = (
        account.received,
        account.accepted,
        sum(account.rejected.values()),
        account.lost,
        account.written,
        account.duplicate,
        account.unreadable,
        account.waiting,
        account.difference,
    )
    return (*names, *map(str, numbers), lag)


def _explained(account: Account) -> str:
    parts = []
    if account.difference > 0:
        parts.append(f"{account.difference} accepted events are nowhere")
    if account.difference < 0:
        parts.append(f"{-account.difference} events in the lake that the intake never counted")
    for reason, events in account.rejected_differences.items():
        where = "are not in" if events > 0 else "too many are in"
        what = "lines of the rejected" if reason == UNREADABLE else f"rejected as {reason}"
        parts.append(f"{abs(events)} {what} {where} event.rejected")
    if account.lost:
        parts.append(f"{account.lost} events answered 202 could not be kept")
    return "; ".join(parts)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    numeric = [all(row[i].lstrip("-").isdigit() for row in rows) for i in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        return "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()

    return [line(header), *map(line, rows)]


def _listed(title: str, texts: list[str]) -> list[str]:
    return ["", title, *(f"  {text}" for text in texts)] if texts else []


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
