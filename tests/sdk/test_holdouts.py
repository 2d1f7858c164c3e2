"""What a holdout's subjects send: its group and no other, so that it can be measured."""

from tests.sdk.stand_ins import EXPERIMENT, WEB_BASE, WEB_SCHEMA, Intake, Registry, wait_until

from allotment.allocation import first_group_end
from allotment.sdk import Client

NAME, HOLDOUT = "related-articles-card", "holdout-of-2026"
WEIGHTS = [20, 80]


def test_event__held_out_subject__says_so_and_names_no_experiment_that_is_covered(
    registry: Registry, intake: Intake
) -> None:
    holdout = {
        **EXPERIMENT,
        "name": HOLDOUT,
        "groups": ["held-out", "open"],
        "weights": WEIGHTS,
        "holds_out": ["all"],
    }
    kept = {"name": HOLDOUT, "begin": 0, "end": first_group_end(WEIGHTS)}
    registry.experiments = [{**EXPERIMENT, "holdouts": [kept]}, holdout]
    with Client(registry_url=registry.url, intake_url=intake.url, site="demowiki") as client:
        wait_until(lambda: client.configuration.age_seconds is not None, "configuration")
        for number in range(100):
            visitor = client.visitor(browser_id=f"{number:032x}", session_id="0" * 20)
            assert visitor.submit_interaction(WEB_BASE, WEB_SCHEMA, "impression")
            if number == 0:
                forced = client.visitor(browser_id="0" * 32, overrides={NAME: "card"})
                assert forced.get_experiment_bucket_value(NAME) == "card"
        assert client.delivery.flush()
    by_group: dict[str, list[list[str]]] = {"held-out": [], "open": []}
    for event in intake.events:
        assigned = event["experiments"]["assigned"]
        by_group[assigned.pop(HOLDOUT)].append(sorted(assigned))
    held, others = by_group["held-out"], by_group["open"]
    assert (len(held) + len(others), 8 < len(held) < 35) == (100, True)
    assert held == [[]] * len(held)
    assert others == [[NAME]] * len(others)
