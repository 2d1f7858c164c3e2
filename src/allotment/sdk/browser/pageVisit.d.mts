export * from "./types/instruments/pageVisit.js";
