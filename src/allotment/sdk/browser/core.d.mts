export * from "./types/coreModule.js";
