// Chromium for a scene, with an empty profile; and what scenes have in common.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { chromium } from "playwright-core";

/** Plays a scene: what it returns is printed as JSON. */
export async function scene(play) {
  const stage = await json(process.stdin);
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      ...(root ? ["--no-sandbox"] : []), // which root cannot have
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const context = await browser.newContext();
    console.log(JSON.stringify(await play(context, stage)));
  } finally {
    await browser.close();
  }
}

/** Logs in by the form of the login page. */
export async function logIn(page, { edge, email, password }, returnTo = "/dashboard/home") {
  await page.goto(`${edge}${returnTo}`);
  await page.fill("input[name=email]", email);
  await page.fill("input[name=password]", password);
  await Promise.all([page.waitForURL(`${edge}${returnTo}`), page.click("button")]);
}

/** Our cookies as the browser keeps them, by name. */
export async function cookies(context) {
  const kept = (await context.cookies()).filter(({ name }) => name.startsWith("__Host-"));
  return Object.fromEntries(kept.map(({ name, ...cookie }) => [name, cookie]));
}

/** A site of somebody else's: answers every path with this page. Its port is free. */
export async function otherSite(host, html = "<!doctype html><title>elsewhere</title>") {
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(request.url === "/favicon.ico" ? "" : html);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://${host}:${server.address().port}`, close: () => server.close() };
}
