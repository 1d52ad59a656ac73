/**
 * Asks the service: JSON, pictures, the event stream, wishes; with the token where one is needed.
 * The token is kept for this tab alone (sessionStorage) and is sent in no URL. Invariant: who is answered 401 waits until there is
 * another token; nobody has to know of it.
 */

import { tabKeeper } from './kept.js';

/** @typedef {import('../../channel/view.ts').ChannelStatus} ChannelStatus */
/** @typedef {import('../api-model.ts').ServiceAnswer} Service */
/** @typedef {{ ready: boolean, channels: { id: string, fresh: boolean, why?: string }[], why?: string }} Readiness */
/** @typedef {{ nowMs: number, channels: ChannelStatus[] }} Channels */

const TOKEN = 'pitchside-token';

/** What the service refused, in its words. */
export class Refusal extends Error {
  /** @param {number} status @param {{ code?: string, message?: string, problems?: readonly string[] }} body */
  constructor(status, { code, message, problems = [] }) {
    super([message ?? `The service answered ${status}.`, ...problems].join('\n'));
    this.status = status;
    this.code = code ?? `HTTP ${status}`;
  }
}

/** @param {Response} response */
async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Refusal(response.status, /** @type {object} */ (body));
}

export class ServiceClient {
  #askForToken;
  #token = tabKeeper.get(TOKEN);

  /** @param {(isWrong: boolean) => Promise<string>} askForToken resolves with what a person gave; called once at a time */
  constructor(askForToken) {
    /** @type {Promise<void> | undefined} */
    let asking;
    this.#askForToken = () => {
      asking ??= askForToken(this.#token !== undefined).then((token) => {
        asking = undefined;
        this.#token = token;
        tabKeeper.set(TOKEN, token);
      });
      return asking;
    };
  }

  /** Any answer but 401. @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
  async send(path, init = {}) {
    for (;;) {
      const token = this.#token;
      const headers = { ...init.headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
      const response = await fetch(path, { cache: 'no-store', ...init, headers });
      if (response.status !== 401) return response;
      await response.body?.cancel();
      // Whoever was on the way while another token was given tries that one first.
      if (token === this.#token) await this.#askForToken();
      init.signal?.throwIfAborted();
    }
  }

  /** @param {string} path @returns {Promise<unknown>} */
  async ask(path) {
    const response = await this.send(path);
    if (!response.ok) throw await refusalOf(response);
    return response.json();
  }

  /** A wish that changes something. Throws Refusal. @param {string} path @param {object} [body] @returns {Promise<unknown>} */
  async wish(path, body = {}) {
    const headers = { 'Content-Type': 'application/json' };
    const response = await this.send(path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw await refusalOf(response);
    return response.json();
  }

  /** The event stream, from what came after `lastId` on. @param {string} lastId @param {AbortSignal} signal */
  async events(lastId, signal) {
    const headers = { Accept: 'text/event-stream', 'Last-Event-ID': lastId };
    const response = await this.send('api/v1/events', { headers, signal });
    if (!response.ok || response.body === null) throw await refusalOf(response);
    return response.body;
  }

  /** Its readiness, which is 503 with the same body when it is not ready. @returns {Promise<Readiness>} */
  async readiness() {
    return (await this.send('readyz')).json();
  }

  /** undefined: there is no picture now. @param {string} channel @returns {Promise<ImageBitmap | undefined>} */
  async thumbnail(channel) {
    const response = await this.send(`api/v1/channels/${encodeURIComponent(channel)}/thumbnail.jpg`);
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return createImageBitmap(await response.blob());
  }
}
