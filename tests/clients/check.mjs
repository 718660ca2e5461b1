// The openai JavaScript client against a running server.
//
//   ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny ENDCAP_LONG=100000 node check.mjs
//
// ENDCAP_LONG is how many tokens an answer has that is not over before it is abandoned.
// Every entry of `checks` is one check. All run; the exit code is 1 if one failed.

import assert from "node:assert/strict";
import OpenAI from "openai";

const { ENDCAP_URL: url, ENDCAP_TOKEN: token, ENDCAP_MODEL: model } = process.env;
const long = Number(process.env.ENDCAP_LONG);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0, timeout: 60_000 });

const messages = [
  { role: "system", content: "You are a helpful assistant of the shop." },
  { role: "user", content: "Where can I find the milk?" },
];
// The special tokens of the tiny model: an answer is then as long as it was asked to be.
const endless = { 0: -100, 1: -100, 2: -100 };

const ask = (fields = {}, options = {}) =>
  client.chat.completions.create(
    { model, messages, max_tokens: 24, temperature: 1, seed: 7, logit_bias: endless, ...fields },
    options,
  );
const text = (answer) => answer.choices[0].message.content;
const collect = async (stream) => {
  let whole = "";
  for await (const chunk of stream) whole += chunk.choices[0]?.delta.content ?? "";
  return whole;
};
// Four ASCII characters from beyond the middle, wherever tokens begin and end.
const plainPart = (text) => {
  for (let at = text.length >> 1; at + 4 < text.length; at += 1) {
    const part = text.slice(at, at + 4);
    if (/^[ -~]{4}$/.test(part) && text.indexOf(part) > 0) return part;
  }
  throw new Error(`no plain text in ${JSON.stringify(text)}`);
};
const metric = async (name) => {
  const page = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return (await page.text())
    .split("\n")
    .filter((row) => !row.startsWith("#") && row.split(/[{ ]/)[0] === name)
    .reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(" "))), 0);
};

const checks = {
  async "models are listed"() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    assert.ok(ids.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
    await assert.rejects(client.models.retrieve("nobody"), OpenAI.NotFoundError);
  },

  async "a chat is answered"() {
    const answer = await ask();
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.equal(answer.choices[0].finish_reason, "length");
    assert.equal(answer.usage.completion_tokens, 24);
  },

  async "a stream says what the whole says"() {
    const stream = await ask({ stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const streamed = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(streamed, text(await ask()));
    assert.equal(chunks.at(-1).choices.length, 0);
    assert.equal(chunks.at(-1).usage.completion_tokens, 24);
  },

  async "the client's own stream runner ends well"() {
    const runner = client.chat.completions.stream({
      model, messages, max_tokens: 24, temperature: 1, seed: 7, logit_bias: endless,
    });
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, text(await ask()));
  },

  async "a stop text ends the answer"() {
    const whole = text(await ask());
    const middle = plainPart(whole);
    const expected = whole.slice(0, whole.indexOf(middle));
    const answer = await ask({ stop: [middle] });
    assert.equal(text(answer), expected);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(await collect(await ask({ stop: middle, stream: true })), expected);
  },

  async "n answers are n choices"() {
    const answer = await ask({ n: 3 });
    const texts = answer.choices.map((choice) => choice.message.content);
    assert.equal(texts.length, 3);
    assert.ok(new Set(texts).size > 1);
    const streamed = ["", "", ""];
    for await (const chunk of await ask({ n: 3, stream: true })) {
      streamed[chunk.choices[0].index] += chunk.choices[0].delta.content ?? "";
    }
    assert.deepEqual(streamed, texts);
  },

  async "logprobs are reported"() {
    const choice = (await ask({ logprobs: true, top_logprobs: 2 })).choices[0];
    assert.equal(choice.logprobs.content.length, 24);
    const bytes = Buffer.from(choice.logprobs.content.flatMap((entry) => entry.bytes));
    assert.equal(bytes.toString("utf8"), choice.message.content);
    for (const entry of choice.logprobs.content) assert.equal(entry.top_logprobs.length, 2);
  },

  async "errors name what is wrong"() {
    for (const [field, value] of [["temperature", -1], ["n", 100000], ["colour", "red"]]) {
      await assert.rejects(ask({ [field]: value }), (fault) => {
        assert.ok(fault instanceof OpenAI.BadRequestError, String(fault));
        assert.equal(fault.param, field);
        return true;
      });
    }
    await assert.rejects(ask({ model: "nobody" }), OpenAI.NotFoundError);
    await assert.rejects(
      client.withOptions({ apiKey: "wrong" }).models.retrieve(model),
      OpenAI.AuthenticationError,
    );
  },

  async "an abandoned stream stops the engine"() {
    const before = await metric("endcap_answers_cancelled_total");
    const leaving = new AbortController();
    const stream = await ask({ stream: true, max_tokens: long, n: 8 }, { signal: leaving.signal });
    let seen = 0;
    for await (const _ of stream) if (++seen === 3) leaving.abort();
    const end = Date.now() + 60_000;
    while (
      (await metric("endcap_answers_cancelled_total")) <= before ||
      (await metric("endcap_queue_running")) > 0
    ) {
      assert.ok(Date.now() < end, "the engine goes on");
      await new Promise((wake) => setTimeout(wake, 20));
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
