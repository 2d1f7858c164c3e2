/* What the wiki measures in the browser. The server has put the reader's experiments into the page. */
(() => {
  "use strict";
  const allotment = window.allotment;
  if (!allotment || !document.querySelector("#related")) {
    return;
  }

  // The related articles stand in every group, so both groups are counted alike.
  allotment
    .getExperiment("related-articles-card")
    .use(allotment.clickThroughRate({ selector: "#related", friendlyName: "related articles" }));

  allotment
    .getInstrument("demo-article-clicks")
    .use(allotment.clickThroughRate({ selector: "#article-links", friendlyName: "article links" }));
})();
