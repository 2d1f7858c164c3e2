export * from "./types/serverTiming.js";
