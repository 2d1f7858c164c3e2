/* What the wiki measures in the browser. The server has put the reader's experiments into the page. */
import { clickThroughRate } from "/_allotment/clickThroughRate.mjs";

const allotment = window.allotment;
if (allotment) {
  const clicks = (selector, friendlyName) => clickThroughRate({ selector, friendlyName });

  // The search box stands on every page, the other two on articles only. An experiment that is not
  // running, or that this reader is not in, measures nothing.
  allotment.getExperiment("search-prompt").use(clicks(".search", "search box"));
  if (document.querySelector("#related")) {
    // The related articles stand in every group, so both groups are counted alike.
    allotment.getExperiment("related-articles-card").use(clicks("#related", "related articles"));
    allotment.getInstrument("demo-article-clicks").use(clicks("#article-links", "article links"));
  }
}
