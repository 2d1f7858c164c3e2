export * from "./types/instruments/formFunnel.js";
