// Vectors of texts, asked by the openai JavaScript client.
//
//   ENDCAP_URL=… ENDCAP_TOKEN=… ENDCAP_MODEL=encoder node embeddings.mjs REFERENCE.json

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { ENDCAP_URL: url, ENDCAP_TOKEN: apiKey, ENDCAP_MODEL: model } = process.env;
const reference = JSON.parse(readFileSync(process.argv[2], "utf8"));
const texts = reference.map((entry) => entry.text);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });

const vectors = async (input, fields = {}) => {
  const answer = await client.embeddings.create({ model, input, ...fields });
  return answer.data.map((entry) => entry.embedding);
};

const checks = {
  async "vectors are those of another runtime, in both forms"() {
    for (const fields of [{}, { encoding_format: "float" }]) {
      for (const [at, vector] of (await vectors(texts, fields)).entries()) {
        assert.equal(vector.length, reference[at].vector.length);
        vector.forEach((value, i) => assert.ok(Math.abs(value - reference[at].vector[i]) < 2e-6));
      }
    }
  },

  async "tokens are taken as they are"() {
    assert.deepEqual(await vectors(reference.map((entry) => entry.tokens)), await vectors(texts));
  },

  async "errors name what is wrong"() {
    for (const [field, value] of [["dimensions", 1000], ["encoding_format", "int4"], ["colour", "red"]]) {
      await assert.rejects(vectors("oat milk", { [field]: value }), (fault) => {
        assert.ok(fault instanceof OpenAI.BadRequestError, String(fault));
        assert.equal(fault.param, field);
        return true;
      });
    }
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (fault) {
    failed += 1;
    console.log(`FAILED  ${name}`);
    console.log(fault);
  }
}
process.exitCode = failed ? 1 : 0;
