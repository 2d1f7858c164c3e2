export * from "./types/browser.js";
