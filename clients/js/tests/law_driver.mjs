// Answers questions about the law, one JSON object a line, so that another language can compare.
// `node law_driver.mjs <built module>`; what the module cannot be asked is answered {"unasked": true}.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const law = await import(pathToFileURL(process.argv[2]).href);

function answer(asked) {
  switch (asked.ask) {
    case "evaluate": {
      const { experiment, subject, now, ...circumstances } = asked;
      try {
        const found = law.evaluate(experiment, subject, { ...circumstances, now: new Date(now) });
        return [found.subjectId, found.group, found.reason];
      } catch {
        return null;
      }
    }
    case "rate":
      return law.parseRate(asked.found);
    case "sample":
      return law.inSample(asked.id, asked.rate);
    case "overrides":
      return Object.fromEntries(law.parseOverrides(asked.text));
    case "time":
      return law.parseTime(asked.text);
    default:
      return { unasked: true };
  }
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  answers.push(JSON.stringify(answer(JSON.parse(line))));
}
process.stdout.write(answers.join("\n") + "\n");
