"""The delivery in a Firefox that ends a page's requests with the page, as each did before 133."""

import pytest
from tests.clients.browser_site import Site, actions
from tests.clients.engines import Firefox
from tests.clients.test_browser_delivery import KEPT, SEND

pytestmark = pytest.mark.parametrize("engine", ["firefox"], indirect=True, scope="module")


def test_page_left__no_request_outlives_it__next_page_sends(site: Site, engine: Firefox) -> None:
    site.write("/", "")
    with engine.setting("dom.fetchKeepalive.enabled", value=False), engine.page() as page:
        page.goto(site.origin)
        page.evaluate(SEND, "left")
        page.goto(f"{site.origin}/other")
        assert len(page.evaluate(KEPT)) == 1
        page.goto(site.origin)
        page.wait_for_function("allotment.counters.sent === 1")
        assert page.evaluate(KEPT) == []
    # The first request may have arrived all the same; then it was the same event.
    assert set(actions(site)) == {"left"}
    assert len({event["meta"]["id"] for event in site.events}) == 1
