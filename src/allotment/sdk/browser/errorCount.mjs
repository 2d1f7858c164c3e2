/*! Allotment 0.1.0 | Apache-2.0 */
function s({most:r=10}={}){return e=>{let o=r,n=t=>{if(o--<=0)return;let i=t instanceof Error?t.name:typeof t;e.submitInteraction("error",{action_subtype:String(i).slice(0,64)})};addEventListener("error",({error:t})=>n(t)),addEventListener("unhandledrejection",({reason:t})=>n(t))}}export{s as errorCount};
