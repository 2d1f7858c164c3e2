/** The version of the package; the build puts it in. */
declare const __VERSION__: string;

declare module "*?raw" {
  const text: string;
  export default text;
}
