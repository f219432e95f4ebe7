// What the browser keeps of a login, what scripts see of it, what can be planted, and what is left after a logout.

import { cookies, logIn, otherSite, scene } from "./chromium.mjs";

await scene(async (context, stage) => {
  const { edge } = stage;
  const page = await context.newPage();
  await logIn(page, stage);
  const seen = JSON.parse(await page.innerText("body"));
  const kept = await cookies(context);
  const script = await page.evaluate(() => document.cookie);

  const get = (path) => page.evaluate(async (path) => (await fetch(path)).status, path);
  const renewal = async () => {
    await context.clearCookies({ name: "__Host-assertion" });
    const status = await get("/auth/me");
    return { status, renewed: "__Host-assertion" in (await cookies(context)) };
  };
  const renewed = await renewal();

  // Ports share their cookies: another service on this host is who can plant some, where there is none that scripts
  // cannot reach.
  await context.clearCookies({ name: "__Host-assertion" });
  const neighbour = await otherSite("127.0.0.1");
  const other = await context.newPage();
  await other.goto(neighbour.url);
  const planted = await other.evaluate((names) => {
    for (const name of names) {
      document.cookie = `${name}=planted; Path=/; Secure`;
      document.cookie = `${name}=planted; Path=/auth; Secure`;
      document.cookie = `${name}=planted; Path=/; Domain=127.0.0.1; Secure`;
      document.cookie = `${name.toLowerCase()}=planted; Path=/`;
      document.cookie = ` ${name} =planted; Path=/`;
      document.cookie = `=${name}=planted; Path=/`;
    }
    return document.cookie;
  }, ["__Host-session", "__Host-assertion"]);
  const afterPlanting = { me: await get("/auth/me"), echo: await get("/api/echo"), ...(await renewal()) };
  neighbour.close();

  const before = await cookies(context);
  const logout = await page.evaluate(async () => {
    const { csrf_token } = await (await fetch("/auth/me")).json();
    const options = { method: "DELETE", headers: { "x-csrf-token": csrf_token } };
    return (await fetch("/auth/sessions/current", options)).status;
  });
  const left = await cookies(context);
  const afterLogout = await get("/auth/me");
  // The handle that was thrown away is dead on the server too.
  await context.addCookies([{ name: "__Host-session", ...before["__Host-session"] }]);
  const dead = await get("/auth/me");
  await page.goto(`${edge}/dashboard/home`);
  const sentTo = page.url();
  return { kept, script, seen, renewed, planted, afterPlanting, logout, left, afterLogout, dead, sentTo };
});
