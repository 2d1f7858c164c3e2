export * from "./types/instruments/clickThroughRate.js";
