// The pages that origin itself shows: each is styled as it is meant, its policy (CSP) forbids nothing that it needs, and
// its form does what it is for.

import { cookies, scene } from "./chromium.mjs";

await scene(async (context, { edge, email, password, verify, reset, newPassword }) => {
  const page = await context.newPage();
  const violations = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) violations.push(message.text());
  });
  page.on("pageerror", (error) => violations.push(String(error)));

  const look = () =>
    page.evaluate(() => {
      const button = document.querySelector("button");
      return {
        title: document.title,
        heading: document.querySelector("h1")?.textContent,
        button: button && getComputedStyle(button).backgroundColor,
        width: getComputedStyle(document.body).maxWidth,
        scripts: document.scripts.length,
        alert: document.querySelector("[role=alert]")?.textContent ?? null,
      };
    });
  const pages = {};
  for (const path of ["/login", "/login?return_to=/dashboard/home", "/forgot", "/verify", "/reset", "/verify?token=made-up", "/reset?token=made-up"]) {
    const response = await page.goto(`${edge}${path}`);
    pages[path] = { status: response.status(), ...(await look()) };
  }

  /** Fills in what the page asks for and sends it; the page that follows. */
  const send = async (fields) => {
    for (const [name, value] of Object.entries(fields)) await page.fill(`input[name=${name}]`, value);
    const [response] = await Promise.all([page.waitForNavigation(), page.click("button")]);
    return { url: page.url().slice(edge.length), status: response.status(), ...(await look()) };
  };
  const steps = {};
  await page.goto(verify);
  steps.verified = await send({});
  await page.goto(verify);
  steps.verifiedAgain = await send({});
  await page.goto(reset);
  steps.tooWeak = await send({ password: "short" });
  await page.goto(reset);
  steps.reset = await send({ password: newPassword });
  await page.goto(`${edge}/login`);
  steps.oldPassword = await send({ email, password });
  steps.loggedIn = await send({ email, password: newPassword });
  steps.cookies = Object.keys(await cookies(context)).sort();
  await page.goto(`${edge}/forgot`);
  steps.forgotten = await send({ email });
  // What is not meant to run does not.
  await page.goto(`${edge}/login`);
  const before = violations.length;
  await page.evaluate(() => {
    document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = true" }));
    document.body.insertAdjacentHTML("beforeend", '<img src="https://elsewhere.test/x"><p style="color:red" id="p">x</p>');
  });
  const injected = {
    ran: await page.evaluate(() => window.ran === true),
    colour: await page.evaluate(() => getComputedStyle(document.querySelector("#p")).color),
    reported: violations.splice(before).length,
  };
  return { pages, steps, violations, injected };
});
