// Runs the traffic hook against stand-ins of the AWS SDK. Prints each case, and ends with 1 if one is not as it must be.
const Module = require("node:module");
const now = Math.floor(Date.now() / 1000);
const good = { schema: "manuel-decision/1", decision: "promote", exit_code: 0, commit: "abc", stage: "embedded",
  policy_sha256: "p", valid_until_unix_s: now + 60 };
let world;
const command = (name) => class { constructor(input) { this.name = name; this.input = input; } };
const stub = {
  "@aws-sdk/client-codedeploy": {
    CodeDeployClient: class { async send(c) { world.answers.push(c.input); } },
    PutLifecycleEventHookExecutionStatusCommand: command("put") },
  "@aws-sdk/client-lambda": {
    LambdaClient: class { async send(c) {
      const path = JSON.parse(c.input.Payload).path;
      return { Payload: Buffer.from(JSON.stringify({ statusCode: world.status(path) })), FunctionError: world.functionError };
    } },
    InvokeCommand: command("invoke") },
  "@aws-sdk/client-s3": {
    S3Client: class { async send(c) {
      world.keys.push(`${c.input.Bucket}/${c.input.Key}`);
      if (world.hang) return new Promise(() => {});
      if (world.s3Error) throw new Error(world.s3Error);
      return { Body: { transformToString: async () => world.text } };
    } },
    GetObjectCommand: command("get") },
};
const load = Module._load;
Module._load = (name, ...rest) => stub[name] || load(name, ...rest);
Object.assign(process.env, { QUERY: "q", TRANSCRIBE: "t", MANUALS: "m", USAGE: "u", HEALTH: "h", STAGE: "staging",
  DECISIONS: "bucket", COMMIT: "abc", GATED_STAGE: "embedded", POLICY_SHA256: "p", WITHIN_MS: "300" });
console.error = () => {};
const { handler } = require(process.argv[2]);
const usual = (path) => (path === "/health" ? 200 : 401);
const cases = [
  ["promote", "Succeeded", {}],
  ["hold", "Failed", { text: JSON.stringify({ ...good, decision: "hold", exit_code: 1 }) }],
  ["cannot tell", "Failed", { text: JSON.stringify({ ...good, decision: "cannot_tell", exit_code: 3 }) }],
  ["promote that exits otherwise", "Failed", { text: JSON.stringify({ ...good, exit_code: 3 }) }],
  ["another commit", "Failed", { text: JSON.stringify({ ...good, commit: "def" }) }],
  ["another stage", "Failed", { text: JSON.stringify({ ...good, stage: "localstack" }) }],
  ["another policy", "Failed", { text: JSON.stringify({ ...good, policy_sha256: "x" }) }],
  ["too old", "Failed", { text: JSON.stringify({ ...good, valid_until_unix_s: now - 1 }) }],
  ["no age", "Failed", { text: JSON.stringify({ ...good, valid_until_unix_s: null }) }],
  ["a newer schema", "Failed", { text: JSON.stringify({ ...good, schema: "manuel-decision/2" }) }],
  ["cut", "Failed", { text: JSON.stringify(good).slice(0, 40) }],
  ["nothing", "Failed", { text: "null" }],
  ["no decision", "Failed", { s3Error: "NoSuchKey" }],
  ["a store that hangs", "Failed", { hang: true }],
  ["a candidate that lets anybody in", "Failed", { status: () => 200 }],
  ["a candidate that crashes", "Failed", { functionError: "Unhandled" }],
];
(async () => {
  let bad = 0;
  for (const [what, expected, change] of cases) {
    world = { answers: [], keys: [], text: JSON.stringify(good), status: usual, ...change };
    await handler({ DeploymentId: "d", LifecycleEventHookExecutionId: "e" });
    const [answer, more] = world.answers;
    const right = answer && !more && answer.status === expected && answer.deploymentId === "d" &&
      answer.lifecycleEventHookExecutionId === "e" && world.keys[0] === "bucket/abc/staging/decision.json";
    console.log(`${right ? "ok " : "BAD"} ${what}: ${answer && answer.status}`);
    bad += right ? 0 : 1;
  }
  console.log(`hook: ${cases.length - bad} of ${cases.length}`);
  process.exit(bad ? 1 : 0);
})();
