export * from "./types/strict.js";
