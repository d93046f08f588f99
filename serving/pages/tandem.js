// Tandem in a browser: lists for one user, and events that count once and are not lost.
// docs/browser.md shows how to use it; tandem.d.ts beside it has the types.
// It is served without comments and needless blanks (serving/pages/smaller.py).

// Of events that wait: how many, how old in milliseconds (30 days); and how many are sent at once,
// which is below the 64 KiB that may be under way when a page closes.
const MOST_KEPT = 1000,
  MOST_AGE = 2592e6,
  MOST_SENT = 25;

// A problem of the API (RFC 9457), with all its fields.
export class TandemError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail ?? `HTTP ${status}`);
    Object.assign(this, problem, { status, retryAfter });
  }
}

const inPath = encodeURIComponent;

export function connect({ userId, getToken, onError = console.warn, url = new URL("..", import.meta.url).href }) {
  const server = url.replace(/\/+$/, ""),
    prefix = `tandem ${server} ${inPath(userId)} `;

  const closed = new AbortController();
  const { signal } = closed;

  // Requests

  let token, renewAt = 0, renewing;

  // One renewal for all who wait for it; a token counts as old after nine tenths of its life.
  const renew = () =>
    renewing ??= (async () => {
      token = await getToken();
      let life = 60;
      try {
        // Nothing else than ASCII is in it, so that it is plain base64 but for few ids.
        const { iat, exp } = JSON.parse(atob(token.split(".")[1]));
        life = exp - iat;
      } catch {}
      renewAt = Date.now() + life * 900;
      return token;
    })().finally(() => renewing = null);

  async function ask(path, body) {
    const send = (bearer) =>
      fetch(server + path, {
        method: body ? "POST" : "GET",
        headers: { Authorization: `Bearer ${bearer}`, ...body && { "Content-Type": "application/json" } },
        body: body && JSON.stringify(body),
        keepalive: path === EVENTS,
        signal: AbortSignal.timeout(30000),
      });
    const used = Date.now() < renewAt ? token : await renew();
    let answer = await send(used);
    // Somebody else may have renewed it meanwhile.
    if (answer.status === 401) answer = await send(used === token ? await renew() : token);
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    throw new TandemError(answer.status, said, +answer.headers.get("Retry-After"));
  }

  function get(path, query = {}) {
    const asked = new URLSearchParams();
    for (const [name, values] of Object.entries(query)) {
      for (const value of [values].flat()) if (value != null) asked.append(name, value);
    }
    return ask(`${path}?${asked}`);
  }

  // Events that wait. Each has a key of its own: what tabs write at once cannot undo each other.

  const EVENTS = "/v1/events";
  const memory = new Map();
  let failures = 0, timer, sending, underWay = [];

  function keep(key, event) {
    try {
      localStorage.setItem(key, JSON.stringify(event));
    } catch {
      memory.set(key, event);
    }
  }

  function drop(key, error, event) {
    memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {}
    if (error) onError(error, event);
  }

  function waiting() {
    const found = new Map(memory);
    try {
      for (const key of Object.keys(localStorage)) {
        const [ours, , , since] = key.split(" ");
        if (ours === "tandem" && since < Date.now() - MOST_AGE) localStorage.removeItem(key);
        else if (key.startsWith(prefix)) found.set(key, JSON.parse(localStorage.getItem(key)));
      }
    } catch {}
    // Another tab may have taken one out between the two looks.
    return [...found].filter(([, event]) => event).sort();
  }

  function track(event) {
    const event_id = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
    const now = new Date();
    keep(`${prefix}${+now} ${event_id}`, { event_id, user_id: userId, occurred_at: now.toISOString(), ...event });
    for (const [key, oldest] of waiting().slice(0, -MOST_KEPT)) drop(key, new Error("Too many events wait."), oldest);
    if (!failures) soon(1000);
    return event_id;
  }

  async function post(batch) {
    underWay = batch.map(([key]) => key);
    await ask(EVENTS, { events: batch.map(([, event]) => event) }).finally(() => underWay = []);
    for (const [key] of batch) drop(key);
  }

  // Takes out the events that the problem names; false if it names none of several.
  function refuse(batch, error) {
    const named = new Map(error.errors?.map(({ pointer }) => pointer.split("/").slice(2)));
    let refused = 0;
    batch.forEach(([key, event], index) => {
      if (batch[1] && !named.has(`${index}`)) return;
      refused++;
      if (named.get(`${index}`) === "occurred_at" && event.occurred_at) {
        // The clock of this device is wrong: the time of arrival is nearer.
        delete event.occurred_at;
        keep(key, event);
      } else drop(key, error, event);
    });
    return refused;
  }

  async function postAll() {
    let most = MOST_SENT, batch;
    while ((batch = waiting().slice(0, most)).length) {
      try {
        await post(batch);
        failures = 0;
      } catch (error) {
        const { status, retryAfter = 0 } = error;
        if (!(status < 500) || [401, 403, 408, 429].includes(status)) {
          const wait = Math.min(60, 2 ** failures++) * (500 + Math.random() * 500);
          soon(Math.max(wait, retryAfter * 1000));
          return onError(error);
        }
        if (!refuse(batch, error)) most = Math.ceil(batch.length / 2);
      }
    }
  }

  // Of several tabs one sends; where there are no locks, ids keep doubles from counting.
  const flush = () => {
    clearTimeout(timer);
    return sending ??= (navigator.locks?.request(prefix, postAll) ?? postAll()).finally(() => sending = null);
  };

  const soon = (wait) => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(flush, wait);
  };

  // A page that closes waits for nothing; the next page sends the rest.
  const leave = () => {
    const rest = waiting().filter(([key]) => !underWay.includes(key)).slice(0, MOST_SENT);
    if (rest.length && token) post(rest).catch(() => {});
  };

  // Elements that were seen

  const watched = new Map();
  const viewer = new IntersectionObserver((entries) => entries.forEach(look), { threshold: 0.5 });

  function look({ target, isIntersecting }) {
    const watch = watched.get(target);
    clearTimeout(watch?.timer);
    if (!watch || !isIntersecting) return;
    watch.timer = setTimeout(() => {
      if (document.hidden) return look({ target, isIntersecting });
      viewer.unobserve(target);
      watched.delete(target);
      track(watch.event);
    }, 1000);
  }

  function observe(element, event) {
    watched.set(element, { event: { kind: "impression", ...event } });
    viewer.observe(element);
  }

  addEventListener("visibilitychange", () => document.hidden && leave(), { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("online", flush, { signal });
  soon(0);

  function close() {
    viewer.disconnect();
    watched.clear();
    closed.abort();
    return flush();
  }

  const ofUser = `/v1/users/${inPath(userId)}`;
  return {
    recommendations: (query) => get(`${ofUser}/recommendations`, query),
    similar: (itemId, query) => get(`/v1/items/${inPath(itemId)}/similar`, query),
    search: (q, query) => get("/v1/search", { q, ...query }),
    popular: (query) => get("/v1/popular", query),
    get,
    post: ask,
    track,
    observe,
    flush,
    close,
  };
}
