export * from "./types/instruments/sessionLength.js";
