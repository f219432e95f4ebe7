// What people use: Better Auth on PostgreSQL, as its documentation sets it up, with a process for each core. It keeps
// sessions in the database and looks them up there (its cookie cache is off unless asked for), as a strict check does.
//
// At the start it makes accounts and logs them in; their cookies it writes into a file, a line each.

import cluster from "node:cluster";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";

const { ADDRESS, PORT, DATABASE_URL, HASH, COOKIES, ACCOUNTS, PASSWORD } = process.env;

// The parameters that origin hashes with; `algorithm` 2 is Argon2id.
const argon2id = { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 };
const password = {
  hash: (password) => hash(password, argon2id),
  verify: ({ hash, password }) => verify(hash, password),
};

const auth = betterAuth({
  baseURL: `http://${ADDRESS}:${PORT}`,
  secret: "a secret of a benchmark, as long as it has to be",
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 16 }),
  emailAndPassword: { enabled: true, ...(HASH === "argon2id" && { password }) },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
});

if (cluster.isPrimary) {
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  const cookies = [];
  for (let number = 0; number < Number(ACCOUNTS); number++) {
    const body = { email: `user${number}@example.test`, password: PASSWORD, name: `User ${number}` };
    const answer = await auth.api.signUpEmail({ body, asResponse: true });
    if (answer.status !== 200) throw new Error(`no account: ${answer.status} ${await answer.text()}`);
    cookies.push(answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; "));
  }
  writeFileSync(COOKIES, cookies.join("\n"));
  for (let number = 0; number < availableParallelism(); number++) cluster.fork();
  cluster.on("exit", () => process.exit(1));
} else {
  createServer(toNodeHandler(auth)).listen(Number(PORT), ADDRESS);
}
