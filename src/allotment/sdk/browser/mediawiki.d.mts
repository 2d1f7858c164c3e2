export * from "./types/mediawiki.js";
