// Reads lines {"schema": …, "events": […]} and answers each with a line: for every event what Ajv 6
// says, set up as event intakes of this protocol do, and the event with its defaults filled in.
'use strict';

const readline = require('readline');
const Ajv = require('ajv');

function validator() {
	const ajv = new Ajv({ allErrors: true, useDefaults: true, schemaId: 'auto', logger: false });
	ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
	ajv.addMetaSchema(
		require('ajv/lib/refs/json-schema-draft-07.json'),
		'https://json-schema.org/draft-07/schema#'
	);
	return ajv;
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
	const { schema, events } = JSON.parse(line);
	let answer;
	try {
		const validate = validator().compile(schema);
		answer = events.map((event) => ({
			valid: validate(event),
			errors: (validate.errors || []).map(({ keyword, dataPath, schemaPath, params, message }) => ({
				keyword,
				dataPath,
				schemaPath,
				params,
				message
			})),
			event
		}));
	} catch (error) {
		answer = { refused: String(error.message) };
	}
	process.stdout.write(JSON.stringify(answer) + '\n');
});
