// Somebody is logged in, and opens pages of others that try to use that: by every way in which a page can make its
// browser send something, with and without credentials, from another site and from another origin of the same site.

import { cookies, logIn, otherSite, scene } from "./chromium.mjs";

/** What the browser was answered for requests to the edge: method, path, status, and which proofs it sent. */
function watched(page, edge) {
  const answers = [];
  const read = async (response) => {
    const headers = await response.request().allHeaders().catch(() => ({}));
    return {
      method: response.request().method(),
      path: response.url().slice(edge.length),
      status: response.status(),
      site: headers["sec-fetch-site"] ?? null,
      cookie: (headers.cookie ?? "").includes("__Host-session"),
    };
  };
  page.on("response", (response) => {
    if (response.url().startsWith(edge)) answers.push(read(response));
  });
  return answers;
}

const FORMS = [
  ["/auth/sessions", { email: "mallory@example.test", password: "the password of mallory" }],
  ["/auth/sessions/current", {}],
  ["/auth/password", { current: "x", new: "a password of mallory" }],
  ["/auth/email", { email: "mallory@example.test" }],
  ["/api/reports", { title: "forged" }],
];
const ENCODINGS = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/** Submits a form to the edge, as a navigation of its page. */
async function submit(page, home, edge, [path, fields], encoding) {
  await page.goto(home);
  const navigated = page.waitForNavigation({ timeout: 10_000 });
  await page.evaluate(
    ({ action, fields, encoding }) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action, enctype: encoding });
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
      }
      document.body.append(form);
      form.submit();
    },
    { action: `${edge}${path}`, fields, encoding },
  );
  const response = await navigated;
  return { by: "form", path, encoding, status: response?.status() ?? null };
}

/** What a script of the page can read of an answer, for every mode and every use of credentials. */
const FETCHES = ["no-cors", "cors"].flatMap((mode) =>
  ["include", "omit"].flatMap((credentials) =>
    [
      ["GET", "/auth/me", null],
      ["GET", "/api/echo", null],
      ["POST", "/api/reports", "text/plain"],
      ["POST", "/api/reports", "application/x-www-form-urlencoded"],
      ["POST", "/auth/sessions/current", "text/plain"],
      ...(mode === "cors"
        ? [
            ["POST", "/api/reports", "application/json"],
            ["DELETE", "/auth/sessions", null],
            ["DELETE", "/auth/sessions/current", null],
          ]
        : []),
    ].map(([method, path, type]) => ({ mode, credentials, method, path, type })),
  ),
);

const fetched = (page, edge, asked) =>
  page.evaluate(
    async ({ edge, mode, credentials, method, path, type }) => {
      const options = { mode, credentials, method };
      if (type) Object.assign(options, { headers: { "content-type": type }, body: "{}" });
      try {
        const response = await fetch(`${edge}${path}`, options);
        return { readable: response.type !== "opaque", length: (await response.text()).length };
      } catch {
        return { readable: false, length: 0 };
      }
    },
    { edge, ...asked },
  );

/** An element that loads something of the edge. */
const loaded = (page, tag, url) =>
  page.evaluate(
    ({ tag, url }) =>
      new Promise((done) => {
        const element = document.createElement(tag);
        element.onload = () => done("loaded");
        element.onerror = () => done("error");
        if (tag === "link") element.rel = "stylesheet";
        element[tag === "link" ? "href" : "src"] = url;
        document.body.append(element);
      }),
    { tag, url },
  );

const socket = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((done) => {
        const socket = new WebSocket(url);
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
      }),
    url,
  );

async function attempts(context, stage, host) {
  const { edge } = stage;
  const site = await otherSite(host);
  const page = await context.newPage();
  const answers = watched(page, edge);
  const forms = [];
  for (const form of FORMS) for (const encoding of ENCODINGS) forms.push(await submit(page, site.url, edge, form, encoding));
  await page.goto(site.url);
  const fetches = [];
  for (const asked of FETCHES) fetches.push({ ...asked, ...(await fetched(page, edge, asked)) });
  const image = await loaded(page, "img", `${edge}/auth/me`);
  const script = await loaded(page, "script", `${edge}/auth/me`);
  const style = await loaded(page, "link", `${edge}/api/echo`);
  const upgrade = await socket(page, `${edge.replace("http", "ws")}/api/echo`);
  await loaded(page, "iframe", `${edge}/login`);
  const frame = page.frames().find((frame) => frame !== page.mainFrame());
  const framed = await frame?.locator("form").count();
  const beacon = await page.evaluate((url) => navigator.sendBeacon(url, new Blob(["{}"], { type: "text/plain" })), `${edge}/api/reports`);

  // A link is another matter: whoever follows it arrives logged in, as they would by a bookmark.
  await page.goto(site.url);
  await page.evaluate((url) => {
    document.body.append(Object.assign(document.createElement("a"), { href: url, textContent: "here", id: "link" }));
  }, `${edge}/dashboard/home?from=elsewhere`);
  await Promise.all([page.waitForURL(`${edge}/**`), page.click("#link")]);
  const link = JSON.parse(await page.innerText("body")).identity?.credential ?? null;
  site.close();
  return { forms, fetches, image, script, style, upgrade, framed, beacon, link, answers: await Promise.all(answers) };
}

await scene(async (context, stage) => {
  const page = await context.newPage();
  await logIn(page, stage);
  const before = await cookies(context);
  const me = () => page.evaluate(async () => (await fetch("/auth/me")).json());
  const session = (await me()).session.id;
  const elsewhere = await attempts(context, stage, "localhost");
  const neighbour = await attempts(context, stage, "127.0.0.1");
  const after = await cookies(context);
  const own = await page.evaluate(async () => {
    const { csrf_token } = await (await fetch("/auth/me")).json();
    const headers = { "x-csrf-token": csrf_token, "content-type": "application/json" };
    return (await fetch("/api/reports", { method: "POST", headers, body: "{}" })).status;
  });
  return {
    elsewhere,
    neighbour,
    own,
    handle: before["__Host-session"].value === after["__Host-session"]?.value ? "the same" : "another",
    session: (await me()).session?.id === session ? "the same" : "another",
  };
});
