export * from "./types/instruments/scrollDepth.js";
