/*! Allotment 0.1.0 | Apache-2.0 */
function t({recordReferrerClass:e=!1}={}){return r=>{r.submitInteraction("page_visit",e?{action_source:n()}:{})}}function n(){return document.referrer?new URL(document.referrer).hostname===location.hostname?"internal_referrer":"external_referrer":"no_referrer"}export{t as pageVisit};
