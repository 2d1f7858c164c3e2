export * from "./types/instruments/errorCount.js";
