// Says what the JavaScript client offers, as JSON, for the generated reference: of each entry the exports
// with their signatures and doc comments. `node tools/read_js_api.mjs`, with clients/js installed.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../clients/js/", import.meta.url));
const ts = createRequire(`${folder}package.json`)("typescript");

/** By the name under which a site imports it: the source, and its compiler settings. */
const ENTRIES = {
  "allotment.mjs": ["src/index.ts", "tsconfig.json"],
  "testing.mjs": ["src/testing.ts", "tsconfig.json"],
  "mediawiki.mjs": ["src/mediawiki.ts", "tsconfig.json"],
  "serverTiming.mjs": ["src/serverTiming.ts", "tsconfig.json"],
  "strict.mjs": ["src/strict.ts", "tsconfig.json"],
  "node.mjs": ["src/node.ts", "tsconfig.node.json"],
  "nodeTesting.mjs": ["src/nodeTesting.ts", "tsconfig.node.json"],
  "openfeatureWeb.mjs": ["src/openfeature/web.ts", "tsconfig.node.json"],
  "openfeatureServer.mjs": ["src/openfeature/server.ts", "tsconfig.node.json"],
};

const found = [];
for (const [name, [source, settings]] of Object.entries(ENTRIES)) {
  if (!existsSync(folder + source)) continue;
  const { config } = ts.readConfigFile(folder + settings, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder, {}, folder + settings);
  const program = ts.createProgram([folder + source, `${folder}src/env.d.ts`], options);
  found.push({ name, items: read(program, program.getSourceFile(folder + source)) });
}
process.stdout.write(JSON.stringify(found));

function read(program, file) {
  const checker = program.getTypeChecker();
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseSingleQuotesForStringLiteralType;

  /** The doc comment with its tags as sentences of their own. */
  function doc(symbol) {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
    const tags = symbol.getJsDocTags(checker).map(({ name, text: parts }) => ({
      name,
      text: ts.displayPartsToString(parts),
    }));
    return { text, tags };
  }
  const isInternal = (symbol) =>
    symbol.name.startsWith("_") ||
    symbol.name.startsWith("#") ||
    symbol.getJsDocTags(checker).some(({ name }) => name === "internal") ||
    (symbol.declarations ?? []).some(
      (one) => ts.getCombinedModifierFlags(one) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected),
    );
  /** As it is written, where it is: `Data` says more than what it stands for. */
  const typeText = (type, written) =>
    written ? written.getText().replace(/\s+/g, " ") : checker.typeToString(type, undefined, flags);

  function parameters(signature, at) {
    return signature.getParameters().map((parameter) => {
      const declared = parameter.valueDeclaration;
      const type = typeText(checker.getTypeOfSymbolAtLocation(parameter, at), declared?.type);
      const rest = declared?.dotDotDotToken ? "..." : "";
      const loose = declared && (declared.initializer || declared.questionToken) ? "?" : "";
      // A parameter that is taken apart has no name of its own.
      const name = parameter.name.startsWith("__") ? "options" : parameter.name.replace(/^_/, "");
      return `${rest}${name}${loose}: ${loose ? type.replace(/ \| undefined$/, "") : type}`;
    });
  }
  const call = (name, signature, at) =>
    `${name}(${parameters(signature, at).join(", ")}): ` +
    typeText(signature.getReturnType(), signature.declaration?.type);

  function members(symbol) {
    return [...checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))]
      .filter((member) => !isInternal(member) && member.declarations?.length)
      // What TypeScript's own library declares is known.
      .filter((member) => !/node_modules/.test(member.declarations[0].getSourceFile().fileName))
      .map((member) => {
        const at = member.valueDeclaration ?? member.declarations[0];
        const type = checker.getTypeOfSymbolAtLocation(member, at);
        const [signature] = type.getCallSignatures();
        const loose = member.flags & ts.SymbolFlags.Optional ? "?" : "";
        const isMethod = signature && (ts.isMethodDeclaration(at) || ts.isMethodSignature(at));
        const plain = typeText(type, at.type).replace(loose ? / \| undefined$/ : /$^/, "");
        return {
          name: member.name,
          signature: isMethod ? call(member.name + loose, signature, at) : `${member.name}${loose}: ${plain}`,
          ...doc(member),
        };
      });
  }

  function item(exported) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const [at] = symbol.declarations;
    const name = exported.name;
    const made = { name, ...doc(symbol), members: [] };
    if (ts.isClassDeclaration(at)) {
      const [build] = checker.getTypeOfSymbolAtLocation(symbol, at).getConstructSignatures();
      const own = at.members.find(ts.isConstructorDeclaration);
      const hidden = own && ts.getJSDocTags(own).some((tag) => tag.tagName.text === "internal");
      const given = hidden || !build ? "" : `(${parameters(build, at).join(", ")})`;
      return { ...made, kind: "class", signature: `${hidden ? "" : "new "}${name}${given}`, members: members(symbol) };
    }
    if (ts.isInterfaceDeclaration(at)) {
      return { ...made, kind: "interface", signature: name, members: members(symbol) };
    }
    if (ts.isTypeAliasDeclaration(at)) {
      const text = at.type.getText().replace(/\s+/g, " ").replace(/^\| /, "");
      return { ...made, kind: "type", signature: `${name} = ${text}` };
    }
    const type = checker.getTypeOfSymbolAtLocation(symbol, at);
    const [signature] = type.getCallSignatures();
    return signature
      ? { ...made, kind: "function", signature: call(name, signature, at) }
      : { ...made, kind: "constant", signature: `${name}: ${typeText(type)}` };
  }

  const ORDER = ["class", "function", "constant", "interface", "type"];
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(file))
    .filter((symbol) => !isInternal(symbol))
    .map(item)
    .sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}
