// Prints what PHP 8.1 has not, a line each: `node later_php.mjs FILE…`. The parser refuses later grammar where it
// knows of it; what it lets pass (and what is no grammar) is looked for in the tree.
import { readFileSync } from "node:fs";
import { Engine } from "php-parser";

/** Global functions and classes that came with 8.2 to 8.5 (the migration guides of the PHP manual). */
const LATER = new Set(
  `curl_upkeep ini_parse_quantity libxml_get_external_entity_loader memory_reset_peak_usage
  mysqli_execute_query openssl_cipher_key_length sodium_crypto_stream_xchacha20_xor_ic
  json_validate mb_str_pad posix_eaccess posix_fpathconf posix_pathconf posix_sysconf socket_atmark
  str_decrement str_increment stream_context_set_options
  array_all array_any array_find array_find_key bcceil bcdivmod bcfloor bcround fpow grapheme_str_split
  http_clear_last_response_headers http_get_last_response_headers mb_lcfirst mb_ltrim mb_rtrim mb_trim
  mb_ucfirst request_parse_body array_first array_last get_error_handler get_exception_handler
  dateerror dateexception datemalformedstringexception roundingmode`.split(/\s+/),
);
const LATER_NAMESPACES = ["random\\", "dom\\", "bcmath\\", "uri\\"];
/** Before 8.2 these stand in unions only. */
const NOT_ALONE = new Set(["null", "false", "true"]);

const parser = new Engine({ parser: { version: "8.1" }, ast: { withPositions: true } });

function* found(node, inTrait = false) {
  if (node.kind === "class" && node.isReadonly) yield [node, "readonly class"];
  if (node.kind === "classconstant" && inTrait) yield [node, "constant of a trait"];
  for (const type of [node.type].flat()) {
    if (type?.kind === "typereference" && NOT_ALONE.has(type.name)) yield [type, `type ${type.name}`];
    if (type?.kind === "uniontype" && type.types.some((one) => one.name === "true")) yield [type, "type true"];
  }
  const called = { call: node.what, new: node.what, staticlookup: node.what }[node.kind];
  const name = called?.kind === "name" ? called.name.replace(/^\\/, "").toLowerCase() : "";
  if (LATER.has(name) || LATER_NAMESPACES.some((space) => name.startsWith(space))) yield [node, name];
  for (const [key, value] of Object.entries(node)) {
    if (key === "loc") continue;
    for (const child of [value].flat(9)) {
      if (child?.kind) yield* found(child, node.kind === "trait");
    }
  }
}

for (const path of process.argv.slice(2)) {
  try {
    for (const [node, what] of found(parser.parseCode(readFileSync(path, "utf8"), path))) {
      console.log(`${path}:${node.loc?.start.line}: ${what}`);
    }
  } catch (error) {
    console.log(`${path}:${error.lineNumber}: ${error.message}`);
  }
}
