# The worker in workerd on a machine of your own, without wrangler or Cloudflare's network:
#
#     cargo dev build
#     npx workerd serve docs/examples/workerd.capnp        # --socket-addr http=10.0.0.4:8787 for another address
#
# What the worker is told comes from the environment; wrangler.toml says what each variable means. Whoever reaches it past
# the proxy in front chooses the address that CLIENT_ADDRESS_HEADER says, so let nobody.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [
        (name = "index.js", esModule = embed "../../edge/build/index.js"),
        (name = "index_bg.wasm", wasm = embed "../../edge/build/index_bg.wasm"),
      ],
      compatibilityDate = "2026-04-01",
      bindings = [
        (name = "ISSUER", fromEnvironment = "ISSUER"),
        (name = "AUDIENCE", fromEnvironment = "AUDIENCE"),
        (name = "OWN_ORIGINS", fromEnvironment = "OWN_ORIGINS"),
        (name = "COUNTERSIGN_SECRET", fromEnvironment = "COUNTERSIGN_SECRET"),
        (name = "COUNTERSIGN_SECRET_PREVIOUS", fromEnvironment = "COUNTERSIGN_SECRET_PREVIOUS"),
        (name = "FRESH_MS", fromEnvironment = "FRESH_MS"),
        (name = "MAX_AGE_MS", fromEnvironment = "MAX_AGE_MS"),
        (name = "ACCESS_TOKEN_SECONDS", fromEnvironment = "ACCESS_TOKEN_SECONDS"),
        (name = "ASSERTION_SECONDS", fromEnvironment = "ASSERTION_SECONDS"),
        (name = "BODY_LIMIT", fromEnvironment = "BODY_LIMIT"),
        (name = "CLIENT_ADDRESS_HEADER", fromEnvironment = "CLIENT_ADDRESS_HEADER"),
        (name = "LOG", fromEnvironment = "LOG"),
        # One for each upstream of your policy.
        (name = "UPSTREAM_ORIGIN", fromEnvironment = "UPSTREAM_ORIGIN"),
        (name = "UPSTREAM_DEMO", fromEnvironment = "UPSTREAM_DEMO"),
      ],
      globalOutbound = "network",
    )),
    # Left to itself workerd speaks to public addresses only.
    (name = "network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "edge")],
);
