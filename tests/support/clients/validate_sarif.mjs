// Validates SARIF on stdin against the standard's own JSON schema; prints what is wrong with it as a JSON list.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const Ajv = require("ajv");
const schema = require("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");

const ajv = new Ajv({ allErrors: true, meta: false, schemaId: "auto" });
// The standard is written in draft 4.
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const validate = ajv.compile(schema);
const valid = validate(JSON.parse(readFileSync(0, "utf8")));
process.stdout.write(JSON.stringify(valid ? [] : validate.errors.map((e) => `${e.dataPath} ${e.message}`)));
