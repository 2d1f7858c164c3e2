"""Whatever the pages do, the management API does: every address of theirs, by name.

An address that is in neither table fails, so that a new page does not leave programs behind.
"""

from __future__ import annotations

from tests.registry import every_page
from tests.registry.manage_api.test_authorization import TABLE

BY: dict[str, str] = {
    "home": "list_waiting get_health list_experiments list_instruments",
    "lab-health": "get_health",
    "directory": "list_experiments list_instruments",
    "calendar": "list_experiments list_layers",
    "view-save": "save_view",
    "view-remove": "remove_view",
    "kill": "kill",
    "account": "get_me list_tokens list_views",
    "account-sessions": "end_own_sessions",
    "token-new": "create_token",
    "token-revoke": "revoke_token",
    "tokens": "list_tokens",
    "people": "list_people",
    "person-new": "create_person",
    "person": "get_person change_role",
    "person-switch": "switch_person",
    "person-password": "reset_password",
    "person-sessions": "end_sessions",
    "teams": "list_teams",
    "team-new": "create_team",
    "team": "get_team replace_team",
    "team-remove": "remove_team",
    "audit": "list_audit",
    "audit-export": "list_audit",
    "sites": "list_sites list_layers list_exceptions",
    "site-new": "create_site",
    "site": "get_site replace_site",
    "site-remove": "remove_site",
    "layer-new": "create_layer",
    "layer": "get_layer replace_layer",
    "exception-new": "grant_exception",
    "exception-withdraw": "withdraw_exception",
    "streams": "list_streams",
    "stream-new": "create_stream",
    "stream": "get_stream replace_stream",
    "stream-history": "list_stream_versions",
    "stream-revert": "revert_stream",
    "public-experiment": "get_experiment get_results",
    "experiment-publish": "publish_experiment",
    "experiment-configuration": "get_experiment",
    "experiment-results": "get_results",
    "experiment-decide": "decide_experiment",
    "experiment-relaunch": "relaunch_experiment",
    **{
        f"{kind}{page}": does.format(kind=kind)
        for kind in ("experiment", "instrument")
        for page, does in {
            "": "get_{kind}",
            "-new": "create_{kind} clone_item",
            "-edit": "replace_{kind} change_{kind} get_findings",
            "-health": "get_arrivals get_findings",
            "-history": "list_versions get_version get_difference",
            "-revert": "revert_item",
            **{
                f"-{verb}": f"{verb}_item"
                for verb in (
                    *("ask", "withdraw", "approve", "activate", "start", "stop"),
                    *("archive", "restore"),
                )
            },
        }.items()
    },
}
PEOPLE_ALONE = {
    "login": "a token is shown with each request",
    "login-local": "as before",
    "logout": "as before",
    "sso-begin": "a person proves who they are to another server",
    "sso-return": "as before",
    "password": "a password is typed by whom it belongs to",
    "theme": "how pages look",
    "language": "in which language they speak",
    "experiment-install": "lines to copy by hand; whether they work is in get_arrivals",
    "instrument-install": "as before",
}
OTHER_PROGRAMS = {"api-instruments", "api-experiments", "api-streams", "healthz"}


def test_pages__each__is_done_by_operations_or_is_for_people_alone() -> None:
    told = BY.keys() | PEOPLE_ALONE.keys() | OTHER_PROGRAMS
    assert told == every_page.names()
    assert BY.keys().isdisjoint(PEOPLE_ALONE.keys() | OTHER_PROGRAMS)


def test_pages__operations_named__are_there() -> None:
    named = {operation for does in BY.values() for operation in does.split()}
    assert named - TABLE.keys() == set()
