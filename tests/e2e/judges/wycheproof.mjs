// Asks the edge's own glue, in its own runtime, whether signatures are good: a worker of a few lines around `glue.js`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

const WORKER = `
import { check, imported } from "./glue.js";

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));

async function verdict({ key, message, signature }) {
  const known = await imported(bytes(key));
  if (known === null) return "no key";
  const passage = { checked: (good) => (good === true ? "good" : "bad"), failed: () => "bad" };
  return check(passage, known, bytes(signature), bytes(message));
}

export default {
  async fetch(request) {
    const cases = await request.json();
    return Response.json(await Promise.all(cases.map((one) => verdict(one).catch(String))));
  },
};
`;

const configuration = (port) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker.js"),
      (name = "glue.js", esModule = embed "${join(repository, "edge/src/worker/glue.js")}"),
    ],
    compatibilityDate = "2026-04-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const { verify } = await json(process.stdin);
const [directory, port] = [await mkdtemp(join(tmpdir(), "wycheproof-")), await freePort()];
await writeFile(join(directory, "worker.js"), WORKER);
await writeFile(join(directory, "config.capnp"), configuration(port));
const machine = `${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
const program = join(repository, `node_modules/@cloudflare/workerd-${machine}/bin/workerd`);
const workerd = spawn(program, ["serve", "--import-path=/", join(directory, "config.capnp")], {
  stdio: ["ignore", "ignore", "inherit"],
});
try {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: JSON.stringify(verify.cases) });
      console.log(JSON.stringify({ verdicts: await answer.json() }));
      break;
    } catch (error) {
      if (attempt === 100 || workerd.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
} finally {
  workerd.kill("SIGKILL");
  await rm(directory, { recursive: true });
}
